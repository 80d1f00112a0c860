//! Are the SSM Change Calendars open that the policy names for it?

use plumb_model::{Mode, later};

use super::{Answered, Question, defer, pass};
use crate::facts::Fact;

/// Seconds after which a closed calendar that does not say when it opens is asked again.
const ASK_AGAIN: i64 = 3600;

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode <= Mode::Notify {
        return pass("nothing would be changed, so no calendar is asked");
    }
    let mut asked = 0_usize;
    for rule in &q.policy.calendars {
        if !rule.selector.matches(&q.candidate())? {
            continue;
        }
        let name = &rule.calendar;
        let calendar = q.facts.calendars.get(name).ok_or_else(|| Fact::Calendar(name.clone()))?;
        if !calendar.open {
            let known = calendar.until.map_or_else(String::new, |until| format!(" until {until}"));
            let until = calendar.until.unwrap_or_else(|| later(q.now, ASK_AGAIN));
            return defer(until, format!("the change calendar `{name}` is closed{known}"));
        }
        asked += 1;
    }
    pass(match asked {
        0 => "no change calendar applies".to_owned(),
        1 => "its change calendar is open".to_owned(),
        _ => format!("its {asked} change calendars are open"),
    })
}
