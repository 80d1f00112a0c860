//! Does the control's runbook keep failing? Then it stops for a while, and people are told.

use plumb_model::Mode;

use super::{Answered, Question, defer, pass};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode < Mode::Auto {
        return pass("nothing is started by this");
    }
    let Some(usage) = &q.facts.usage else {
        return pass("the control is not stopped, or the claim is refused");
    };
    match &usage.stopped {
        Some(stopped) if q.now < stopped.until => defer(
            stopped.until,
            format!("the control is stopped until {}: {}", stopped.until, stopped.because),
        ),
        _ => pass("the control is not stopped"),
    }
}
