//! Is it already being dealt with?

use jiff::SignedDuration;
use plumb_model::{Outcome, State};

use super::{Answered, Question, pass, stop};
use crate::life::believable;

/// How long a claim without an execution belongs to the one who made it. Longer than a `remediate` invocation may take,
/// shorter than the queue's visibility timeout, so that the message that comes back takes the claim up.
pub(super) const CLAIM_LEASE: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let Some(prior) = &q.facts.prior else { return pass("nothing is under way") };
    let execution = prior.execution_id.as_deref().unwrap_or("no execution yet");
    match prior.state {
        State::Planned if q.now.duration_since(prior.since) >= CLAIM_LEASE => {
            pass(format!("claimed at {} but never started: taken up again", prior.since))
        }
        State::Planned => stop(Outcome::Skip, "already claimed: its runbook is being started"),
        State::Running => stop(Outcome::Skip, format!("already being fixed ({execution})")),
        State::Verifying => match q.finding.observed_at {
            Some(seen) if believable(prior, seen) => stop(
                Outcome::Reopen,
                format!("fixed at {}, but the detector disagrees as of {seen}", prior.since),
            ),
            _ => stop(Outcome::Skip, format!("already fixed, being verified ({execution})")),
        },
        State::RollingBack => stop(Outcome::Skip, format!("being rolled back ({execution})")),
        State::Detected
        | State::AwaitingApproval
        | State::Declined
        | State::Fixed
        | State::Unneeded
        | State::Failed
        | State::Escalated
        | State::RolledBack
        | State::Waived => pass("nothing is under way"),
    }
}
