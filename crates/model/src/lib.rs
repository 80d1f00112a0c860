//! The words Plumb is written in.
//!
//! An AWS event becomes a [`Signal`]; a signal that a [`Control`] listens to becomes a [`Finding`]; the planner turns a
//! finding, under a [`Policy`], into a [`Decision`]; an executed decision is a [`Remediation`]. Nothing here does I/O,
//! reads a clock or knows an SDK.

mod control;
mod decision;
mod facts;
mod finding;
mod policy;
mod remediation;
mod resource;
mod rollback;
mod transition;

pub use control::{ApiCall, ConfigRule, Control, Pillar, Reversibility, RunbookParameter, Severity};
pub use decision::{Action, Decision, Guardrail, Outcome, Verdict};
pub use facts::Calendar;
pub use finding::{Finding, FindingRef, Signal, Source, Standing, Subject};
pub use policy::{Limits, Mode, ModeRule, Policy, PolicyError, Selector, Waiver};
pub use remediation::{Deployment, Progress, Remediation, State, remediation_key};
pub use resource::{AccountId, ControlId, InvalidName, Region, ResourceRef};
pub use rollback::RollbackRequest;
pub use transition::{Said, Transition};
