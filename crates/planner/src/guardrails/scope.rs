//! Is the account, Region and resource Plumb's to touch?

use plumb_model::{Outcome, Standpoint};

use super::{Answered, Question, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let (resource, home) = (&q.finding.resource, &q.facts.deployment);
    if let Some(sender) = &q.finding.sender
        && !home.may_speak_of_others(sender)
    {
        let because = format!("account {sender} speaks of a resource of account {}", resource.account);
        return stop(Outcome::Skip, because);
    }
    if let Some(because) = home.stranger(resource) {
        return stop(Outcome::Skip, because);
    }
    let candidate = q.candidate();
    if candidate.unit.is_none() && q.policy.uses_units() {
        let because = format!(
            "the policy depends on organizational units, and `organization.ou` doesn't list account {}",
            resource.account
        );
        return stop(Outcome::Skip, because);
    }
    match q.policy.scope.of(&candidate)? {
        Standpoint::Inside => pass(format!("in account {} and Region {}", resource.account, resource.region)),
        Standpoint::NotIncluded => stop(Outcome::Skip, "no selector of `scope.include` picks it"),
        Standpoint::Excluded(place) => stop(Outcome::Skip, format!("`scope.exclude[{place}]` picks it")),
    }
}
