//! How many runbooks were started in this hour?
//!
//! The claim itself counts, in one transaction, and is refused where it would go beyond a limit; only then are the
//! counters read and this guardrail says which limit it was.

use plumb_model::{Counter, Hour, Mode};

use super::{Answered, Question, defer, pass};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode < Mode::Auto {
        return pass("nothing is started by this");
    }
    let limits = starts(q);
    let Some(usage) = &q.facts.usage else {
        let per_hour = &q.policy.limits.per_hour;
        return pass(format!(
            "at most {} an hour for a control, {} for an account, {} in all: counted with the claim",
            per_hour.control, per_hour.account, per_hour.all
        ));
    };
    for (counter, limit, what) in limits {
        let started = usage.of(&counter);
        if started >= u64::from(limit) {
            let end = Hour::of(q.now).end();
            return defer(end, format!("{started} runbooks were started in this hour {what}, of {limit}"));
        }
    }
    pass("fewer starts in this hour than any limit")
}

fn starts(q: &Question<'_>) -> [(Counter, u32, &'static str); 3] {
    let (hour, per_hour) = (Hour::of(q.now), &q.policy.limits.per_hour);
    let (control, account) = (q.finding.control.clone(), q.finding.resource.account.clone());
    [
        (Counter::ControlHour(control, hour), per_hour.control, "for this control"),
        (Counter::AccountHour(account, hour), per_hour.account, "in this account"),
        (Counter::AllHour(hour), per_hour.all, "in all"),
    ]
}
