//! The findings queue in SQS.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use plumb_ports::{Class, FindingsQueue, PortError};

use crate::{clients::Aws, errors::failed};

const OPERATION: &str = "sqs:SendMessage";

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
        let entries = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| {
                SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build()
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| PortError {
                operation: OPERATION,
                code: "request".to_owned(),
                class: Class::Permanent,
                source: Some(Box::new(error)),
            })?;
        let answer = self
            .aws
            .sqs()
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        Ok(answer.failed.len())
    }
}
