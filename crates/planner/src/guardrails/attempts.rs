//! Attempts and cooldown: not too often, not too soon after the last.

use jiff::SignedDuration;
use plumb_model::{Outcome, State};

use super::{Answered, Question, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let Some(prior) = &q.facts.prior else { return pass("the first attempt") };
    let limits = &q.policy.limits;
    let cooldown = SignedDuration::from_secs(i64::from(limits.cooldown_seconds));
    let cooling = q.now.duration_since(prior.updated_at) < cooldown;
    match prior.state {
        State::RolledBack => stop(Outcome::Skip, "rolled back: hands off until someone clears it"),
        State::Escalated => stop(Outcome::Skip, "escalated: a person has to look first"),
        State::Failed if prior.attempts >= limits.attempts => {
            stop(Outcome::Skip, format!("failed {} times: a person has to look first", prior.attempts))
        }
        State::Failed | State::Fixed | State::Unneeded if cooling => stop(
            Outcome::Defer,
            format!("handled at {}, within the cooldown of {} s", prior.updated_at, limits.cooldown_seconds),
        ),
        State::Failed => pass(format!("attempt {} of {}", prior.attempts.saturating_add(1), limits.attempts)),
        _ => pass("the first attempt"),
    }
}
