//! Does the event still call for a look: a violation, not closed at its source, newer than what is known?

use plumb_model::{Outcome, Source, Standing, State};

use super::{Answered, Question, pass, said_by, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let by = said_by(&q.finding.source);
    match &q.finding.standing {
        Standing::Compliant => stop(Outcome::Ignore, format!("compliant, says {by}")),
        Standing::NotApplicable => stop(Outcome::Ignore, format!("no verdict from {by}: `NOT_APPLICABLE`")),
        Standing::Undecided { why } => stop(Outcome::Ignore, format!("no verdict from {by}: {why}")),
        Standing::Closed { why } => stop(Outcome::Ignore, format!("closed at its source, {by}: {why}")),
        Standing::CallFailed { code } => {
            stop(Outcome::Ignore, format!("{by} failed with `{code}`, so nothing changed"))
        }
        Standing::Deleted => stop(Outcome::Ignore, format!("the resource is gone, says {by}")),
        Standing::Violating => match (&q.facts.prior, q.finding.observed_at) {
            (Some(prior), Some(seen)) if settled(prior.state) && seen <= prior.since => stop(
                Outcome::Ignore,
                format!("stale: seen at {seen}, but the resource was read and complied at {}", prior.since),
            ),
            _ => pass(match q.finding.source {
                Source::ApiCall { .. } => format!("worth a look after {by}"),
                _ => format!("violating, says {by}"),
            }),
        },
    }
}

/// The resource was read and complied: an older event says nothing new.
fn settled(state: State) -> bool {
    matches!(state, State::Fixed | State::Unneeded)
}
