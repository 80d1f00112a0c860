//! How far may Plumb go: the lower of what the policy says and what the control allows.

use plumb_model::{Mode, Outcome};

use super::{Answered, Question, limit, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let ruling = q.policy.ruling(&q.candidate())?;
    let ceiling = q.control.ceiling();
    let wanted = ruling.mode.name();
    let (mode, because) = if ruling.mode <= ceiling {
        (ruling.mode, format!("the policy's mode is `{wanted}`"))
    } else {
        (ceiling, format!("the policy says `{wanted}`, the control allows `{}`", ceiling.name()))
    };
    let because = match ruling.rule {
        Some(rule) => format!("{because} (`rules[{rule}]`)"),
        None => because,
    };
    match mode {
        Mode::Off => stop(Outcome::Skip, because),
        Mode::Notify | Mode::Approve | Mode::Auto => limit(mode, because),
    }
}
