//! Is it waived?

use plumb_model::Outcome;

use super::{Answered, Question, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    match q.policy.waiver_for(&q.candidate(), q.now)? {
        Some(waiver) => stop(
            Outcome::Skip,
            format!("waived by {} until {}: {}", waiver.owner, waiver.expires, waiver.reason),
        ),
        None => pass("no waiver covers it"),
    }
}
