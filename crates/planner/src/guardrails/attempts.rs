//! Attempts, cooldown and backoff: not too often, not too soon after the last.

use plumb_model::{Outcome, State, later};

use super::{Answered, Question, defer, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let Some(prior) = &q.facts.prior else { return pass("the first attempt") };
    let limits = &q.policy.limits;
    let wait = limits.backoff(prior.attempts);
    let ready = later(prior.since, wait.as_secs());
    match prior.state {
        State::RolledBack => stop(Outcome::Skip, "rolled back: hands off until someone clears it"),
        State::Escalated => stop(Outcome::Skip, "escalated: a person has to look first"),
        State::Failed if prior.attempts >= limits.attempts => {
            stop(Outcome::Escalate, format!("failed {} times: a person has to look first", prior.attempts))
        }
        State::Failed | State::Fixed | State::Unneeded if q.now < ready => {
            let (at, seconds) = (prior.since, wait.as_secs());
            defer(ready, format!("handled at {at}, within the cooldown of {seconds} s"))
        }
        State::Failed => pass(format!("attempt {} of {}", prior.attempts.saturating_add(1), limits.attempts)),
        State::Detected
        | State::AwaitingApproval
        | State::Declined
        | State::Planned
        | State::Running
        | State::Verifying
        | State::Fixed
        | State::Unneeded
        | State::RollingBack
        | State::Waived => pass("the first attempt"),
    }
}
