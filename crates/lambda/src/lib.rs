//! What the functions' main programs share: settings, logs, and one answer a message.
//!
//! A function's work is a closure from the text of one message to what was done about it. From SQS it gets each message
//! of the batch, and those that could not be finished are reported back one by one, so that SQS brings only them
//! again. Invoked directly (`sam local invoke`, the console), it gets the payload itself, and its answer is shown.

mod given_up;
mod logs;

use std::{fmt, io::Write as _};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use plumb_aws::Settings;
use plumb_ports::PortError;
use serde_json::Value;

pub use given_up::{GiveUp, Notes};

/// Why a message could not be finished. SQS brings it again, and in the end to the dead letters.
#[derive(Debug, thiserror::Error)]
pub enum Unfinished {
    /// A call to AWS failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The event can't be used.
    #[error("the event can't be used: {0}")]
    Rejected(String),
    /// Something has to happen first that has not happened yet.
    #[error("not yet: {0}")]
    NotYet(String),
}

impl Unfinished {
    /// A stable word for logs, metrics and the error type that Lambda reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Port(error) => error.class.code(),
            Self::Rejected(_) => "rejected",
            Self::NotYet(_) => "not-yet",
        }
    }
}

/// The process's environment, as [`Settings::read`] wants it.
#[expect(clippy::disallowed_methods, reason = "the one place where a function reads its environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The wall clock.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Writes figures to the log: a line of CloudWatch's embedded metric format.
pub fn measured(line: &Value) {
    // Nobody is there to hear that standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Initialises the logs and reads the settings.
///
/// # Errors
/// When the environment is not usable: the function's init fails, with everything that is wrong.
pub fn init() -> Result<Settings, Error> {
    logs::start(environment("RUST_LOG").as_deref());
    Ok(Settings::read(environment)?)
}

/// Serves invocations until the sandbox ends. What can't be finished is told to `given_up`.
///
/// # Errors
/// When the Lambda Runtime API can't be reached.
pub async fn serve<W, G>(work: W, given_up: G) -> Result<(), Error>
where
    W: AsyncFn(&str) -> Result<Value, Unfinished>,
    G: GiveUp,
{
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        answer(event.payload, &work, &given_up).await
    }))
    .await
}

/// One invocation's answer: a batch response for an SQS batch, what was done for anything else.
///
/// # Errors
/// A [`Diagnostic`] with [`Unfinished::code`] for a direct invocation that could not be finished.
pub async fn answer<W, G>(payload: Value, work: &W, given_up: &G) -> Result<Value, Diagnostic>
where
    W: AsyncFn(&str) -> Result<Value, Unfinished>,
    G: GiveUp,
{
    if !is_sqs_batch(&payload) {
        return work(&payload.to_string()).await.map_err(|error| {
            report(None, &error);
            diagnostic(error.code(), &error)
        });
    }
    let batch: SqsEvent = serde_json::from_value(payload).map_err(|error| diagnostic("rejected", &error))?;
    let mut failures = Vec::new();
    for message in batch.records {
        let id = message.message_id.unwrap_or_default();
        if let Err(error) = work(message.body.as_deref().unwrap_or_default()).await {
            report(Some(&id), &error);
            let tries = message.attributes.get("ApproximateReceiveCount");
            let tries = tries.and_then(|tries| tries.parse().ok()).unwrap_or(1);
            given_up.on(&id, &error, tries).await;
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failures.push(failure);
        }
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    serde_json::to_value(response).map_err(|error| diagnostic("response", &error))
}

fn is_sqs_batch(payload: &Value) -> bool {
    payload.pointer("/Records/0/eventSource").and_then(Value::as_str) == Some("aws:sqs")
}

fn report(message_id: Option<&str>, error: &Unfinished) {
    let source = std::error::Error::source(error).map(chain);
    tracing::error!(message_id, code = error.code(), source, "message not finished: {error}");
}

/// An error's causes in one line. They hold AWS's words, never an event's body.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn diagnostic(code: &str, error: &impl fmt::Display) -> Diagnostic {
    Diagnostic { error_type: format!("Plumb.{code}"), error_message: error.to_string() }
}
