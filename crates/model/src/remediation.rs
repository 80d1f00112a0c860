//! The ledger's record: one attempt to bring one resource under one control back to true.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    approval::Approval,
    decision::{Action, Verdict},
    finding::Source,
    limits::Limits,
    resource::{ControlId, ResourceRef},
};

/// Where a remediation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Seen and reported; the policy is dry-run.
    Detected,
    /// Seen; a person has to approve.
    AwaitingApproval,
    /// A person said no, nobody answered in time, or what was approved is no longer what would be done: hands off for
    /// the time that the policy gives.
    Declined,
    /// Claimed; the runbook is about to be started.
    Planned,
    /// The runbook is running.
    Running,
    /// The runbook's own check passed; the detector has not yet agreed.
    Verifying,
    /// The resource was read again and complies.
    Fixed,
    /// The runbook found nothing to fix: the resource already complied, or is gone.
    Unneeded,
    /// The runbook failed; another attempt may follow.
    Failed,
    /// The attempts are used up; a person has to look.
    Escalated,
    /// The rollback runbook is running.
    RollingBack,
    /// A rollback restored the state before: hands off until someone clears it.
    RolledBack,
    /// A waiver covers it.
    Waived,
}

/// Which function looks at a record when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looker {
    /// `remediate`, through the findings queue: something may have to be started.
    Remediate,
    /// `track`, through the status queue: something was started.
    Track,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 13] = [
        Self::Detected,
        Self::AwaitingApproval,
        Self::Declined,
        Self::Planned,
        Self::Running,
        Self::Verifying,
        Self::Fixed,
        Self::Unneeded,
        Self::Failed,
        Self::Escalated,
        Self::RollingBack,
        Self::RolledBack,
        Self::Waived,
    ];

    /// Whether someone is at work: no second claim may be made.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::Running | Self::Verifying | Self::RollingBack)
    }

    /// Whether it takes one of the places for runbooks under way: from the claim to the runbook's end.
    pub fn holds_a_place(self) -> bool {
        matches!(self, Self::Planned | Self::Running | Self::RollingBack)
    }
}

/// The identity of a remediation's resource under its control: the ledger's partition key.
pub fn remediation_key(control: &ControlId, resource: &ResourceRef) -> String {
    format!("{control}#{}#{}#{}#{}", resource.account, resource.region, resource.kind, resource.id)
}

/// One attempt to bring one resource under one control back to true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediation {
    /// The control.
    pub control: ControlId,
    /// The resource.
    pub resource: ResourceRef,
    /// Counts every claim, from 1; 0 while only detected.
    pub generation: u64,
    /// Where it stands.
    pub state: State,
    /// Failed attempts since it was last true.
    pub attempts: u32,
    /// Who detected it.
    pub source: Source,
    /// What was, or would be, started.
    pub action: Option<Action>,
    /// The SSM execution.
    pub execution_id: Option<String>,
    /// The resource's state before the change, as the runbook captured it: what rollback needs.
    pub before: Option<Value>,
    /// What approvers were asked, and what they said.
    #[serde(default)]
    pub approval: Option<Approval>,
    /// Why it stands where it stands.
    pub reason: String,
    /// Every guardrail's verdict when it was decided.
    pub verdicts: Vec<Verdict>,
    /// When the resource was first seen violating in this generation.
    pub detected_at: Timestamp,
    /// When the runbook was started.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When the detector last said that the resource complies, if it did while the runbook was still running.
    #[serde(default)]
    pub confirmed_at: Option<Timestamp>,
    /// When it came to stand where it stands.
    #[serde(default)]
    pub since: Timestamp,
    /// When it is looked at again if nothing happens before: what the index `by-due` sorts by. Whole seconds.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// A finding that has to wait.
    #[serde(default)]
    pub deferred: Option<Deferred>,
    /// What holds for this attempt, whatever the policy says by the time it ends.
    #[serde(default)]
    pub terms: Terms,
    /// When it was fixed, the last few times: what tells a fight from a fix.
    #[serde(default)]
    pub fixes: Vec<Timestamp>,
    /// Rollbacks asked for in this generation: each has its own idempotency token.
    #[serde(default)]
    pub rollbacks: u32,
    /// Counts the writes: what makes a write conditional.
    #[serde(default)]
    pub revision: u64,
    /// When the record last changed.
    pub updated_at: Timestamp,
}

/// A finding that has to wait: kept with the record, so that it comes back whoever reported it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// When it was seen, by its source.
    pub observed_at: Option<Timestamp>,
    /// Until then.
    pub until: Timestamp,
    /// Why.
    pub because: String,
}

/// What was agreed when a remediation was claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The policy's limits.
    pub limits: Limits,
    /// Whether a fix that the detector does not confirm is undone.
    pub roll_back_unverified: bool,
}

/// An SSM Automation execution as far as Plumb cares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Execution {
    /// `AutomationExecutionStatus`, in AWS's words.
    pub status: String,
    /// The document's outputs: `Inspect.Compliant`, `Inspect.Before`, …; `true` and `false` are read.
    pub outputs: BTreeMap<String, Value>,
    /// Step name to step status, in order.
    pub steps: Vec<(String, String)>,
    /// `FailureMessage`.
    pub failure: Option<String>,
    /// The document's name.
    pub document: String,
    /// The parameters it was started with.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// When SSM started it.
    pub started_at: Option<Timestamp>,
}

impl Remediation {
    /// Nothing but seen.
    pub fn seen(control: ControlId, resource: ResourceRef, source: Source, now: Timestamp) -> Self {
        Self {
            control,
            resource,
            generation: 0,
            state: State::Detected,
            attempts: 0,
            source,
            action: None,
            execution_id: None,
            before: None,
            approval: None,
            reason: String::new(),
            verdicts: Vec::new(),
            detected_at: now,
            started_at: None,
            confirmed_at: None,
            since: now,
            due_at: None,
            deferred: None,
            terms: Terms::default(),
            fixes: Vec::new(),
            rollbacks: 0,
            revision: 0,
            updated_at: now,
        }
    }

    /// Which function looks at it when its time has come.
    pub fn looked_at_by(&self) -> Looker {
        match self.state {
            State::Running | State::Verifying => Looker::Track,
            State::RollingBack if self.execution_id.is_some() => Looker::Track,
            State::RollingBack
            | State::AwaitingApproval
            | State::Declined
            | State::Detected
            | State::Planned
            | State::Fixed
            | State::Unneeded
            | State::Failed
            | State::Escalated
            | State::RolledBack
            | State::Waived => Looker::Remediate,
        }
    }

    /// The ledger's partition key.
    pub fn key(&self) -> String {
        remediation_key(&self.control, &self.resource)
    }
}

/// What an SSM Automation status means for the one who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not at its end.
    Going,
    /// At its end, with success.
    Succeeded,
    /// At its end, without.
    Failed,
}

impl Progress {
    /// Reads one of the [19 statuses](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AutomationExecution.html);
    /// `None` for any other text.
    pub fn of_status(status: &str) -> Option<Self> {
        match status {
            "Pending"
            | "InProgress"
            | "Waiting"
            | "Cancelling"
            | "PendingApproval"
            | "Approved"
            | "Scheduled"
            | "RunbookInProgress"
            | "PendingChangeCalendarOverride"
            | "ChangeCalendarOverrideApproved" => Some(Self::Going),
            "Success" | "CompletedWithSuccess" => Some(Self::Succeeded),
            "Failed"
            | "TimedOut"
            | "Cancelled"
            | "Rejected"
            | "ChangeCalendarOverrideRejected"
            | "CompletedWithFailure"
            | "Exited" => Some(Self::Failed),
            _ => None,
        }
    }
}
