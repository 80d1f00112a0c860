//! What is to be done about a finding, and the whole reasoning.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    approval::Approval,
    resource::{ControlId, Place, ResourceRef},
};

/// What happens to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A runbook is started.
    Start,
    /// Recorded and reported; nothing is changed (dry-run).
    Notify,
    /// Recorded; a person has to approve before anything is changed.
    Approve,
    /// An approval that was asked for counts no more: expired, or not for what would be done now.
    Decline,
    /// Not now: a limit, a window or a cooldown; the sweep will bring it back.
    Defer,
    /// Not by Plumb any more: recorded, and a person has to look.
    Escalate,
    /// A fix did not hold: the remediation that was being verified counts as failed, or is undone.
    Reopen,
    /// A guardrail says no: a waiver, a mode, work already under way.
    Skip,
    /// Nothing for Plumb in it: an unknown event, a compliant resource, a failed call.
    Ignore,
    /// Unusable: malformed.
    Reject,
}

/// The questions asked of every finding, in this order. Each leaves its verdict in the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guardrail {
    /// Does a control listen to it?
    Control,
    /// Does the event still call for a look (failed call, closed finding, stale)?
    Event,
    /// Is the account, Region and resource Plumb's to touch?
    Scope,
    /// Is it waived?
    Waiver,
    /// `off`, `notify`, `approve` or `auto`: the lower of policy and control.
    Mode,
    /// Does infrastructure as code own it?
    Iac,
    /// Are its change calendars open?
    Calendar,
    /// Is it the time for changes?
    Window,
    /// Is it already being dealt with, or was it just?
    InProgress,
    /// Attempts and cooldown.
    Attempts,
    /// If it needs a person's approval: was exactly this approved?
    Approval,
    /// Is it fixed again and again, because somebody keeps changing it back?
    Flapping,
    /// Starts in this hour: per control, per account and in all.
    BlastRadius,
    /// Does the control's runbook keep failing?
    Breaker,
    /// Runbooks under way at the same time.
    Concurrency,
    /// Can it be undone: was it fixed by Plumb, and was the state before captured?
    Undo,
}

impl Guardrail {
    /// Its stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Event => "event",
            Self::Scope => "scope",
            Self::Waiver => "waiver",
            Self::Mode => "mode",
            Self::Iac => "iac",
            Self::Calendar => "calendar",
            Self::Window => "window",
            Self::InProgress => "in-progress",
            Self::Attempts => "attempts",
            Self::Approval => "approval",
            Self::Flapping => "flapping",
            Self::BlastRadius => "blast-radius",
            Self::Breaker => "breaker",
            Self::Concurrency => "concurrency",
            Self::Undo => "undo",
        }
    }
}

/// One guardrail's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which guardrail.
    pub guardrail: Guardrail,
    /// Whether the finding got past it.
    pub passed: bool,
    /// Why, as a sentence fragment in lower case.
    pub because: String,
}

/// Everything needed to start the runbook; whoever executes it chooses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Where it is started; absent where Plumb itself is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The SSM document's name; the ARN of one that is shared with the account.
    pub document: String,
    /// The SSM document's version.
    pub document_version: String,
    /// `StartAutomationExecution`'s `Parameters`.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// The role the runbook assumes; also among the parameters.
    pub role: String,
    /// `ClientToken`: `UUIDv5` of (control, account, Region, resource, generation).
    pub client_token: Uuid,
    /// Which attempt to bring this resource under this control back to true this is, from 1.
    pub generation: u64,
}

/// What is to be done about a finding, and the whole reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The control.
    pub control: ControlId,
    /// The resource.
    pub resource: ResourceRef,
    /// What happens.
    pub outcome: Outcome,
    /// Why, in one sentence: the last verdict's.
    pub reason: String,
    /// Every guardrail that was asked, in order.
    pub verdicts: Vec<Verdict>,
    /// When it is looked at again: for `defer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What would be started: present for `start`, and for `notify` and `approve` as what a person can expect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// What approvers are to be asked: present for `approve` if the policy names any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
}
