//! Does infrastructure as code own it? A change made beside it is drift, and its next deployment undoes the fix.

use plumb_model::{Mode, Outcome};

use super::{Answered, Question, limit, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode <= Mode::Notify {
        return pass("nothing would be changed, so it doesn't matter who owns it");
    }
    let mode = q.policy.iac_ruling(&q.candidate())?.mode;
    if mode >= q.mode {
        return pass(format!("the policy's mode for what infrastructure as code owns is `{}`", mode.name()));
    }
    match q.policy.iac.owner(q.tags()?) {
        None => pass("no tag says that infrastructure as code owns it"),
        Some(owner) if mode == Mode::Off => stop(Outcome::Skip, format!("{owner} owns it")),
        Some(owner) => {
            limit(mode, format!("{owner} owns it: fix it there (`iac.mode` is `{}`)", mode.name()))
        }
    }
}
