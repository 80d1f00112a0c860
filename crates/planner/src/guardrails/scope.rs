//! Is the account, Region and resource Plumb's to touch?

use plumb_model::Outcome;

use super::{Answered, Question, pass, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    let (resource, home) = (&q.finding.resource, &q.facts.deployment);
    if resource.account != home.account {
        let because =
            format!("account {} is not {}, the one this stack looks after", resource.account, home.account);
        return stop(Outcome::Skip, because);
    }
    if resource.region != home.region {
        let because =
            format!("Region {} is not {}, the one this stack looks after", resource.region, home.region);
        return stop(Outcome::Skip, because);
    }
    pass(format!("in account {} and Region {}", resource.account, resource.region))
}
