//! How far may Plumb go: the lower of what the policy says and what the control allows.

use plumb_model::{Control, Mode, Outcome, Reversibility};

use super::{Answered, Question, limit, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let wanted = q.policy.mode_for(q.control, &q.finding.resource);
    let ceiling = ceiling(q.control);
    let (mode, because) = if wanted <= ceiling {
        (wanted, format!("the policy's mode is `{}`", wanted.name()))
    } else {
        let (wanted, allowed) = (wanted.name(), ceiling.name());
        (ceiling, format!("the policy says `{wanted}`, the control allows `{allowed}`"))
    };
    match mode {
        Mode::Off => stop(Outcome::Skip, because),
        Mode::Notify | Mode::Approve | Mode::Auto => limit(mode, because),
    }
}

/// The most that any policy may allow: what can't be undone never runs without approval.
fn ceiling(control: &Control) -> Mode {
    match control.reversibility {
        Reversibility::None => control.safety.min(Mode::Approve),
        Reversibility::Full | Reversibility::Partial => control.safety,
    }
}
