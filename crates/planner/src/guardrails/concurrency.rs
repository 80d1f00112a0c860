//! How many runbooks are under way?

use jiff::SignedDuration;
use plumb_model::{Counter, Mode};

use super::{Answered, Question, defer, pass};

/// How soon it is worth asking again whether a runbook has ended.
const SOON: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.mode < Mode::Auto {
        return pass("nothing is started by this");
    }
    let limit = q.policy.limits.at_a_time();
    let resource = &q.finding.resource;
    let Some(usage) = &q.facts.usage else {
        return pass(format!("at most {limit} under way: counted with the claim"));
    };
    let running = usage.of(&Counter::Running(resource.account.clone(), resource.region.clone()));
    // A claim that is taken up again has its place already.
    if running >= u64::from(limit) && !q.facts.prior.as_ref().is_some_and(|prior| prior.state.holds_a_place())
    {
        let until = q.now.checked_add(SOON).unwrap_or(q.now);
        return defer(until, format!("{running} runbooks are under way, of {limit}"));
    }
    pass(format!("{running} under way, of {limit}"))
}
