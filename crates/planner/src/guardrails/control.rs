//! Does the control deal with such a resource?

use plumb_model::Outcome;

use super::{Answered, Question, pass, said_by, stop};

pub(super) fn ask(q: &Question<'_>) -> Answered {
    if q.finding.resource.kind == q.control.resource_type {
        pass(format!("`{}` listens to {}", q.control.id, said_by(&q.finding.source)))
    } else {
        let (kind, expected) = (&q.finding.resource.kind, q.control.resource_type);
        stop(Outcome::Ignore, format!("`{}` is about {expected}, not {kind}", q.control.id))
    }
}
