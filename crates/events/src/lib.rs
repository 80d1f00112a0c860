//! Reads any AWS event, in any wrapping, and says what it means: signals about resources, news of an SSM Automation
//! execution, or why there is nothing in it for Plumb.
//!
//! **Invariant:** [`read`] is total. Whatever the bytes, it ends, in time and memory linear in their number, without a
//! panic, and with at least one [`Reading`].
//!
//! The types of `aws_lambda_events` are not used: a timestamp that `chrono` refuses, or a missing key, in one record of
//! a batch would lose the whole batch. Every field here is looked up on its own, and only those that a signal cannot do
//! without are required.

mod automation;
mod cloudtrail;
mod config;
mod envelope;
mod json;
mod kind;
mod notice;
mod ocsf;
mod resource;
mod security_hub;
mod shape;
mod time;

use plumb_model::{ClearRequest, DueRequest, RollbackRequest, Signal};
use serde::Serialize;

pub use automation::{AutomationStatus, Step};
pub use kind::Kind;
pub use resource::{config_resource_id, config_resource_type};
pub use security_hub::NOTES_BY;

/// The most bytes that are read: more than any AWS service delivers in one event, and than a CloudTrail log file
/// usually holds.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most wrappers around an event: Config in SNS in SQS in a Lambda destination record is five.
const MAX_DEPTH: usize = 10;

/// The most readings that one call gives; the rest is rejected as one.
const MAX_READINGS: usize = 20_000;

/// What one event, or one finding of a batch, says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// What kind of event it is.
    pub kind: Kind,
    /// What it says.
    pub content: Content,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// Something about one or more resources; never empty.
    Signals(Vec<Signal>),
    /// An SSM Automation execution, or a step of it, moved.
    Automation(AutomationStatus),
    /// Someone asks to undo a remediation.
    Rollback(RollbackRequest),
    /// Someone lets Plumb touch a resource again.
    Clear(ClearRequest),
    /// A record's time has come: look at it again.
    Due(DueRequest),
    /// Nothing for Plumb in it, and why.
    Ignored(String),
    /// Malformed, and what is wrong or missing.
    Rejected(String),
}

/// Reads an event, or a batch of them, and unwraps SQS, SNS, Lambda destinations and JSON in strings.
pub fn read(bytes: &[u8]) -> Vec<Reading> {
    let mut readings = shape::Readings::default();
    if bytes.len() > MAX_BYTES {
        readings.reject(
            Kind::Malformed,
            format!("{} bytes, more than the {MAX_BYTES} that are read", bytes.len()),
        );
    } else {
        shape::read_bytes(bytes, 0, &mut readings);
    }
    readings.into_vec()
}
