//! The queues, in SQS.

use plumb_model::Looker;
use plumb_ports::{FindingsQueue, PortError, SendLater};

use crate::{batch, clients::Aws, errors::failed};

/// The findings queue.
#[derive(Debug)]
pub struct SqsQueue<'a> {
    aws: &'a Aws,
    url: String,
}

impl<'a> SqsQueue<'a> {
    /// The queue at this URL.
    pub fn new(aws: &'a Aws, url: String) -> Self {
        Self { aws, url }
    }
}

impl FindingsQueue for SqsQueue<'_> {
    async fn send(&self, bodies: &[String]) -> Result<usize, PortError> {
        batch::send(self.aws, &self.url, bodies).await
    }
}

/// The queues that a record goes back to when its time has come.
#[derive(Debug)]
pub struct LookAgain<'a> {
    aws: &'a Aws,
    findings: String,
    status: String,
}

impl<'a> LookAgain<'a> {
    /// The findings queue and the status queue at these URLs.
    pub fn new(aws: &'a Aws, findings: String, status: String) -> Self {
        Self { aws, findings, status }
    }
}

impl SendLater for LookAgain<'_> {
    async fn send_later(&self, to: Looker, body: &str, seconds: u32) -> Result<(), PortError> {
        let url = match to {
            Looker::Remediate => &self.findings,
            Looker::Track => &self.status,
        };
        // SQS delays a message by at most 15 minutes.
        let delay = i32::try_from(seconds.min(900)).unwrap_or(900);
        self.aws
            .sqs()
            .send_message()
            .queue_url(url)
            .message_body(body)
            .delay_seconds(delay)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failed("sqs:SendMessage", error))
    }
}
