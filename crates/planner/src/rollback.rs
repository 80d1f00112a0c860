//! The decision to undo a remediation.

use plumb_model::{
    Action, Control, Decision, Deployment, Guardrail, Outcome, Remediation, Reversibility, State, Verdict,
};

use crate::{client_token, which};

/// Decides whether a remediation is undone: someone asked for it, the record says that Plumb changed the resource, and
/// the state before was captured. `generation` is the attempt that is to be undone; another one isn't.
pub fn plan_rollback(
    control: &Control,
    deployment: &Deployment,
    prior: &Remediation,
    generation: u64,
) -> Decision {
    let refusal = refusal(control, prior, generation);
    let action = refusal.is_none().then(|| {
        let place = prior.resource.place();
        let role = deployment.role(&prior.control, &place);
        // How it was to be fixed is no business of the rollback's, and SSM refuses parameters that a document lacks.
        let mut parameters = which(control, &prior.resource, &role);
        if let Some(before) = &prior.before {
            let text = before.as_str().map_or_else(|| before.to_string(), str::to_owned);
            parameters.insert("Before".to_owned(), vec![text]);
        }
        Action {
            document: deployment.rollback_document(&prior.control, &place),
            place: (!deployment.is_home(&place)).then_some(place),
            document_version: "$DEFAULT".to_owned(),
            parameters,
            role,
            client_token: client_token(
                &prior.control,
                &prior.resource,
                prior.generation,
                &format!("rollback-{}", this_rollback(prior)),
            ),
            generation: prior.generation,
        }
    });
    let (outcome, reason) = match refusal {
        Some(because) => (Outcome::Skip, because),
        None => (Outcome::Start, "a rollback was asked for, and the state before was captured".to_owned()),
    };
    Decision {
        control: prior.control.clone(),
        resource: prior.resource.clone(),
        outcome,
        reason: reason.clone(),
        verdicts: vec![Verdict {
            guardrail: Guardrail::Undo,
            passed: outcome == Outcome::Start,
            because: reason,
        }],
        until: None,
        action,
        approval: None,
    }
}

/// Why a request that is about one attempt says nothing of the one that stands.
pub fn another(generation: u64, standing: &Remediation) -> String {
    format!(
        "it was asked for attempt {generation}, and attempt {} stands: look again, and ask anew",
        standing.generation
    )
}

/// Which rollback of this generation it is: one that was claimed but never started keeps its number, hence its token;
/// one that is asked for again after it failed is another.
pub(crate) fn this_rollback(prior: &Remediation) -> u32 {
    prior.rollbacks.saturating_add(u32::from(prior.state != State::RollingBack))
}

fn refusal(control: &Control, prior: &Remediation, generation: u64) -> Option<String> {
    if generation != prior.generation {
        return Some(another(generation, prior));
    }
    match prior.state {
        State::Fixed | State::Verifying | State::Failed | State::Escalated => {}
        State::RolledBack => return Some("already rolled back".to_owned()),
        // Claimed but never started: taken up again, with the same token.
        State::RollingBack if prior.execution_id.is_none() => {}
        State::RollingBack => return Some("already being rolled back".to_owned()),
        // A failed attempt may have changed it, and somebody else the rest.
        State::Unneeded if prior.before.is_some() => {}
        State::Detected | State::AwaitingApproval | State::Declined | State::Unneeded | State::Waived => {
            return Some("nothing was changed, so there is nothing to undo".to_owned());
        }
        State::Planned | State::Running => {
            return Some("its runbook is still running: ask again when it has ended".to_owned());
        }
    }
    if control.reversibility == Reversibility::None {
        return Some(format!("`{}` can't be undone: {}", control.id, control.reversibility_note));
    }
    prior.before.is_none().then(|| "the state before was not captured".to_owned())
}
