//! Is it fixed again and again? Then somebody, most often a pipeline, keeps changing it back, and Plumb stops fighting.

use plumb_model::{Mode, Outcome};

use super::{Answered, Question, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode <= Mode::Notify {
        return pass("nothing will be changed");
    }
    let flapping = &q.policy.limits.flapping;
    let window = i64::from(flapping.hours).saturating_mul(3600);
    let fixes = q.facts.prior.iter().flat_map(|prior| &prior.fixes);
    let recent = fixes.filter(|fixed| q.now.duration_since(**fixed).as_secs() < window).count();
    if recent >= usize::try_from(flapping.fixes).unwrap_or(usize::MAX) {
        let because = format!(
            "fixed {recent} times within {} hours: something changes it back, and a person has to find out what",
            flapping.hours
        );
        stop(Outcome::Escalate, because)
    } else {
        pass(format!(
            "fixed {recent} times within {} hours, of {} that are too many",
            flapping.hours, flapping.fixes
        ))
    }
}
