//! What the functions need from the outside, one small trait per capability: a handler's bounds are its IAM policy.
//!
//! `plumb-aws` implements them on AWS; tests implement them in memory.

mod approvals;
mod calendars;
mod evaluations;
mod ledger;
mod reads;
pub mod sweep;
mod tags;
pub mod tell;

use std::future::Future;

use jiff::Timestamp;
use plumb_model::{Action, Looker, Place, Policy, ResourceRef};

pub use approvals::Approvals;
pub use calendars::ReadCalendar;
pub use evaluations::{Continue, Evaluated, Evaluation, PutEvaluations, ReadConfig};
pub use ledger::{Ledger, Page, Written, counters_of};
pub use plumb_model::Execution;
pub use reads::{Api, Protocol, ReadApi, Records};
pub use tags::ReadTags;

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

/// Starts SSM Automation executions.
pub trait StartAutomation {
    /// Starts the action's document at the action's place; the execution's id.
    fn start(&self, action: &Action) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// Reads SSM Automation executions.
pub trait ReadAutomation {
    /// The execution that was started at a place.
    fn execution(
        &self,
        place: &Place,
        execution_id: &str,
    ) -> impl Future<Output = Result<Execution, PortError>> + Send;
}

/// The policy as it stands.
pub trait PolicySource {
    /// The policy. Cached for a short time; an unreadable or invalid one is an error, never the default.
    fn policy(&self, now: Timestamp) -> impl Future<Output = Result<Policy, PortError>> + Send;
}

/// What AWS Config last said about a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it complies; a rule that no longer applies, as to a resource that is gone, has nothing against it.
    pub complies: bool,
    /// `ResultRecordedTime`.
    pub recorded_at: Timestamp,
}

/// Reads what AWS Config last said about one resource.
pub trait ReadJudgement {
    /// A rule's last judgement of a resource; none where it has none.
    fn judgement(
        &self,
        rule: &str,
        resource: &ResourceRef,
    ) -> impl Future<Output = Result<Option<Judgement>, PortError>> + Send;
}

/// Asks AWS Config to judge again.
pub trait Reevaluate {
    /// `StartConfigRulesEvaluation` for one rule at a place.
    fn reevaluate(&self, place: &Place, rule: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Lists what AWS Config holds to be non-compliant.
pub trait NonCompliant {
    /// One page of a rule's non-compliant resources, wherever the stack looks, and the token of the next page. A rule that
    /// does not exist has none.
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

/// Sends a message that arrives later, so that something that has to wait costs no receives and blocks no batch.
pub trait SendLater {
    /// Sends one message to the queue of whoever looks; it arrives after `seconds`, at most 900.
    fn send_later(
        &self,
        to: Looker,
        body: &str,
        seconds: u32,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}
