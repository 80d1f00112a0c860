//! The questions asked of every finding, whatever its source, in this one place and order. A file a guardrail.
//!
//! A guardrail that depends on a fact which has not been read asks for it ([`Fact`]) instead of answering; it never takes
//! what is unknown for harmless. Adding one: a variant of [`Guardrail`], a file here, a line in [`IN_ORDER`].

mod approval;
mod attempts;
mod blast_radius;
mod breaker;
mod calendar;
mod concurrency;
mod control;
mod event;
mod flapping;
mod iac;
mod in_progress;
mod mode;
mod scope;
mod waiver;
mod window;

use jiff::Timestamp;
use plumb_model::{Candidate, Control, Finding, Guardrail, Missing, Mode, Outcome, Policy, Source, Tags};

use crate::facts::{Fact, Facts};

/// Everything that a guardrail may look at.
pub(crate) struct Question<'a> {
    pub(crate) control: &'a Control,
    pub(crate) policy: &'a Policy,
    pub(crate) finding: &'a Finding,
    pub(crate) facts: &'a Facts,
    /// How far the guardrails asked so far let Plumb go. Those that guard a change have nothing to stop at `notify`.
    pub(crate) mode: Mode,
    pub(crate) now: Timestamp,
}

impl<'a> Question<'a> {
    /// What the policy's selectors look at.
    fn candidate(&self) -> Candidate<'a> {
        self.policy.candidate(self.control, &self.finding.resource, self.facts.tags.as_ref())
    }

    /// The resource's tags, as they are now.
    fn tags(&self) -> Result<&'a Tags, Fact> {
        self.facts.tags.as_ref().ok_or(Fact::Tags)
    }
}

impl From<Missing> for Fact {
    fn from(_: Missing) -> Self {
        Self::Tags
    }
}

/// What a guardrail says.
pub(crate) enum Answer {
    /// Nothing against it.
    Pass(String),
    /// Nothing against it as long as it goes no further than this mode.
    Limit(Mode, String),
    /// As far as a control and a policy that asks for approval may go: a person has given it.
    Grant(String),
    /// No further.
    Stop(Outcome, String),
    /// Not before then.
    Defer(Timestamp, String),
}

/// An answer, or the fact without which there is none.
pub(crate) type Answered = Result<Answer, Fact>;

type Ask = fn(&Question<'_>) -> Answered;

pub(crate) const IN_ORDER: &[(Guardrail, Ask)] = &[
    (Guardrail::Control, control::ask),
    (Guardrail::Event, event::ask),
    (Guardrail::Scope, scope::ask),
    (Guardrail::Waiver, waiver::ask),
    (Guardrail::Mode, mode::ask),
    (Guardrail::Iac, iac::ask),
    (Guardrail::Calendar, calendar::ask),
    (Guardrail::Window, window::ask),
    (Guardrail::InProgress, in_progress::ask),
    (Guardrail::Attempts, attempts::ask),
    (Guardrail::Approval, approval::ask),
    (Guardrail::Flapping, flapping::ask),
    (Guardrail::BlastRadius, blast_radius::ask),
    (Guardrail::Breaker, breaker::ask),
    (Guardrail::Concurrency, concurrency::ask),
];

#[expect(clippy::unnecessary_wraps, reason = "what a guardrail returns")]
fn pass(because: impl Into<String>) -> Answered {
    Ok(Answer::Pass(because.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "what a guardrail returns")]
fn limit(mode: Mode, because: impl Into<String>) -> Answered {
    Ok(Answer::Limit(mode, because.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "what a guardrail returns")]
fn grant(because: impl Into<String>) -> Answered {
    Ok(Answer::Grant(because.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "what a guardrail returns")]
fn stop(outcome: Outcome, because: impl Into<String>) -> Answered {
    Ok(Answer::Stop(outcome, because.into()))
}

#[expect(clippy::unnecessary_wraps, reason = "what a guardrail returns")]
fn defer(until: Timestamp, because: impl Into<String>) -> Answered {
    Ok(Answer::Defer(until, because.into()))
}

fn said_by(source: &Source) -> String {
    match source {
        Source::ConfigRule { rule } => format!("Config rule `{rule}`"),
        Source::SecurityHub { control, .. } => format!("Security Hub control `{control}`"),
        Source::ApiCall { service, name } => format!("API call `{service}:{name}`"),
        Source::Notice { service, name } => format!("`{service}` ({name})"),
    }
}
