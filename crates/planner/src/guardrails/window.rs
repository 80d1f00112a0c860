//! Is it the time for changes?

use plumb_model::{Mode, Opening, Outcome};

use super::{Answered, Question, defer, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode <= Mode::Notify {
        return pass("nothing would be changed, so the time doesn't matter");
    }
    let mut applied = 0_usize;
    for (index, window) in q.policy.windows.iter().enumerate() {
        if !window.selector.matches(&q.candidate())? {
            continue;
        }
        applied += 1;
        match window.at(q.now) {
            Ok(Opening::Open) => {}
            Ok(Opening::Closed { opens }) => {
                let known = opens.map_or_else(String::new, |opens| format!("; it opens at {opens}"));
                let because = format!("`windows[{index}]` ({}) is closed{known}", window.zone);
                return match opens {
                    Some(opens) => defer(opens, because),
                    None => stop(Outcome::Defer, because),
                };
            }
            // A policy with such a window is refused before it gets here.
            Err(_) => {
                let zone = &window.zone;
                return stop(
                    Outcome::Defer,
                    format!("`windows[{index}]` has an unknown time zone, `{zone}`"),
                );
            }
        }
    }
    pass(match applied {
        0 => "no window applies".to_owned(),
        1 => "its window is open".to_owned(),
        _ => format!("its {applied} windows are open"),
    })
}
