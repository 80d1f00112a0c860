//! What the functions need from the outside, one small trait per capability: a handler's bounds are its IAM policy.
//!
//! `plumb-aws` implements them on AWS; tests implement them in memory.

mod calendars;
pub mod tell;

use std::future::Future;

use jiff::Timestamp;
use plumb_model::{Action, Policy, Remediation, ResourceRef};
use serde_json::Value;

pub use calendars::ReadCalendar;

/// What a failed call means for whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Try again later: throttled, unavailable, timed out before anything was sent, a quota that will free up.
    Retry,
    /// Trying again changes nothing: a wrong name, a wrong parameter.
    Permanent,
    /// It may or may not have happened: timed out after a write. Look again; don't resend blindly.
    Ambiguous,
    /// Not allowed. Nobody but the owner of the role can change that.
    Denied,
}

impl Class {
    /// A stable word for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Permanent => "permanent",
            Self::Ambiguous => "ambiguous",
            Self::Denied => "denied",
        }
    }
}

/// A call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed ({code})")]
pub struct PortError {
    /// The API operation, such as `ssm:StartAutomationExecution`.
    pub operation: &'static str,
    /// AWS's error code, or `timeout`, `connect`, `response`.
    pub code: String,
    /// What it means.
    pub class: Class,
    /// The SDK's own error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The answer to a conditional write.
#[derive(Debug)]
pub enum Written {
    /// The record was written.
    Yes,
    /// Another record stands there than the one expected; nothing was written.
    Held(Box<Remediation>),
}

/// The DynamoDB table of remediations. Every write is conditional.
pub trait Ledger {
    /// Writes the record if there is none (`expected` = `None`), or if the one there is still `expected`: the same
    /// generation, state and time of change. Of several writers that expect the same, exactly one succeeds.
    fn write(
        &self,
        record: &Remediation,
        expected: Option<&Remediation>,
    ) -> impl Future<Output = Result<Written, PortError>> + Send;

    /// The record of an SSM execution.
    fn by_execution(
        &self,
        execution_id: &str,
    ) -> impl Future<Output = Result<Option<Remediation>, PortError>> + Send;

    /// The record of a resource under a control, by [`plumb_model::remediation_key`].
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Remediation>, PortError>> + Send;
}

/// Starts SSM Automation executions.
pub trait StartAutomation {
    /// Starts the action's document; the execution's id.
    fn start(&self, action: &Action) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// An SSM Automation execution as far as Plumb cares.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// `AutomationExecutionStatus`, in AWS's words.
    pub status: String,
    /// The document's outputs: `Inspect.Compliant`, `Inspect.Before`, …; structured values parsed where they are JSON.
    pub outputs: std::collections::BTreeMap<String, Value>,
    /// Step name to step status, in order.
    pub steps: Vec<(String, String)>,
    /// `FailureMessage`.
    pub failure: Option<String>,
}

/// Reads SSM Automation executions.
pub trait ReadAutomation {
    /// The execution.
    fn execution(&self, execution_id: &str) -> impl Future<Output = Result<Execution, PortError>> + Send;
}

/// The policy as it stands.
pub trait PolicySource {
    /// The policy. Cached for a short time; an unreadable or invalid one is an error, never the default.
    fn policy(&self, now: Timestamp) -> impl Future<Output = Result<Policy, PortError>> + Send;
}

/// Asks AWS Config to judge again.
pub trait Reevaluate {
    /// `StartConfigRulesEvaluation` for one rule.
    fn reevaluate(&self, rule: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Lists what AWS Config holds to be non-compliant.
pub trait NonCompliant {
    /// One page of a rule's non-compliant resources and the token of the next page. A rule that does not exist has none.
    fn non_compliant(
        &self,
        rule: &str,
        next: Option<String>,
    ) -> impl Future<Output = Result<(Vec<ResourceRef>, Option<String>), PortError>> + Send;
}

/// Puts messages on the findings queue.
pub trait FindingsQueue {
    /// Sends up to ten messages; the number of those that were not taken.
    fn send(&self, bodies: &[String]) -> impl Future<Output = Result<usize, PortError>> + Send;
}
