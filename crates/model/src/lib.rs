//! The words Plumb is written in.
//!
//! An AWS event becomes a [`Signal`]; a signal that a [`Control`] listens to becomes a [`Finding`]; the planner turns a
//! finding, under a [`Policy`], into a [`Decision`]; an executed decision is a [`Remediation`]. Nothing here does I/O,
//! reads a clock or knows an SDK.

mod approval;
mod control;
mod decision;
mod deployment;
mod facts;
mod finding;
mod limits;
mod policy;
mod remediation;
mod request;
mod resource;
mod transition;
mod usage;

pub use approval::{Answer, Approval, ApprovalRules, PinnedDocument, Word};
pub use control::{
    ApiCall, Arn, ConfigRule, Control, CustomRule, Pillar, Reversibility, RunbookParameter, Severity,
};
pub use decision::{Action, Decision, Guardrail, Outcome, Verdict};
pub use deployment::{Access, Deployment, Members, MembersError, document_name};
pub use facts::{Calendar, Tags};
pub use finding::{Finding, FindingRef, NOT_JUDGED, Signal, Source, Standing, Subject};
pub use limits::{BreakerLimits, FlappingLimits, Limits, PerHour, SSM_RUNNING, later};
pub use policy::{
    CalendarRule, Candidate, Day, Iac, Missing, Mode, ModeRule, Opening, Organization, Policy, PolicyError,
    Problem, RollbackRules, Ruling, Scope, Selector, Span, Specificity, Standpoint, TimeOfDay, Waiver,
    Window,
};
pub use remediation::{Deferred, Execution, Looker, Progress, Remediation, State, Terms, remediation_key};
pub use request::{ClearRequest, DueRequest, REQUEST_SOURCE, RollbackRequest};
pub use resource::{AccountId, ControlId, InvalidName, Place, Region, ResourceRef};
pub use transition::{Said, Transition};
pub use usage::{Change, Count, Counter, Hour, Stopped, Tally, Usage, breaker_key, tally_key};
