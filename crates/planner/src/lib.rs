//! The pure decision: what is to be done about a finding, and the whole reasoning.
//!
//! **Invariant:** no clock, no environment, no I/O, no async. The same arguments give the same [`Decision`], down to the
//! idempotency token, and whoever executes it chooses nothing.

mod guardrails;
mod rollback;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_model::{
    Action, Control, ControlId, Decision, Deployment, Finding, Guardrail, Mode, Outcome, Policy, Remediation,
    ResourceRef, State, Verdict, remediation_key,
};
use uuid::Uuid;

pub use rollback::plan_rollback;

use guardrails::Answer;

/// The namespace of Plumb's idempotency tokens (a random UUID, fixed for ever).
const TOKENS: Uuid = Uuid::from_u128(0x6d0f_5b0e_7a54_4c1b_9a53_2f0c_6c1d_84e7);

/// Decides what is to be done about a finding.
///
/// The guardrails are asked in [`Guardrail`]'s order; the first that stops the finding ends the questions, and its
/// answer is the decision's reason. `prior` is what the ledger holds for this resource under this control: `None` also
/// when it has not been read, because the claim that follows is conditional and returns the record that stands in the
/// way, with which `plan` is asked again.
pub fn plan(
    control: &Control,
    policy: &Policy,
    deployment: &Deployment,
    finding: &Finding,
    prior: Option<&Remediation>,
    now: Timestamp,
) -> Decision {
    let mut verdicts = Vec::new();
    let stopped = guardrails::IN_ORDER.iter().find_map(|(guardrail, ask)| {
        let answer = ask(&guardrails::Question { control, policy, deployment, finding, prior, now });
        let (passed, because, outcome) = match answer {
            Answer::Pass(because) => (true, because, None),
            Answer::Stop(outcome, because) => (false, because, Some(outcome)),
        };
        verdicts.push(Verdict { guardrail: *guardrail, passed, because });
        outcome
    });
    let outcome = stopped.unwrap_or_else(|| match guardrails::effective_mode(control, policy, finding).0 {
        Mode::Auto => Outcome::Start,
        Mode::Approve => Outcome::Approve,
        Mode::Notify | Mode::Off => Outcome::Notify,
    });
    let action = stopped.is_none().then(|| {
        let role = deployment.role(&finding.control, &finding.resource.account);
        let generation = next_generation(prior);
        let mut parameters = which(control, &finding.resource, &role);
        parameters.extend(how(control, &finding.resource));
        Action {
            document: deployment.document(&finding.control),
            document_version: "$DEFAULT".to_owned(),
            parameters,
            role,
            client_token: client_token(&finding.control, &finding.resource, generation, "remediate"),
            generation,
        }
    });
    Decision {
        control: finding.control.clone(),
        resource: finding.resource.clone(),
        outcome,
        reason: reason(outcome, stopped.is_some(), &verdicts, control),
        verdicts,
        action,
    }
}

/// A claim that was made but never started is taken up under the same generation, hence the same token; anything else
/// that ended is a new attempt.
fn next_generation(prior: Option<&Remediation>) -> u64 {
    prior.map_or(1, |prior| prior.generation.saturating_add(u64::from(prior.state != State::Planned)))
}

/// `ClientToken` of `StartAutomationExecution`: the same attempt always has the same one.
fn client_token(control: &ControlId, resource: &ResourceRef, generation: u64, purpose: &str) -> Uuid {
    let name = format!("{purpose}#{}#{generation}", remediation_key(control, resource));
    Uuid::new_v5(&TOKENS, name.as_bytes())
}

/// The parameters that say which resource, and as whom: what both of a control's runbooks take.
fn which(control: &Control, resource: &ResourceRef, role: &str) -> BTreeMap<String, Vec<String>> {
    control
        .parameters
        .iter()
        .filter_map(|parameter| {
            Some((parameter.name.to_owned(), vec![of_resource(parameter.value, resource)?]))
        })
        .chain([("AutomationAssumeRole".to_owned(), vec![role.to_owned()])])
        .collect()
}

/// The parameters that say how to fix: the control's constants.
fn how(control: &Control, resource: &ResourceRef) -> impl Iterator<Item = (String, Vec<String>)> {
    control
        .parameters
        .iter()
        .filter(|parameter| of_resource(parameter.value, resource).is_none())
        .map(|parameter| (parameter.name.to_owned(), vec![parameter.value.to_owned()]))
}

/// What a placeholder stands for; none for a constant.
fn of_resource(value: &str, resource: &ResourceRef) -> Option<String> {
    match value {
        "{{resource.id}}" => Some(resource.id.clone()),
        "{{resource.account}}" => Some(resource.account.to_string()),
        "{{resource.region}}" => Some(resource.region.to_string()),
        _ => None,
    }
}

fn reason(outcome: Outcome, stopped: bool, verdicts: &[Verdict], control: &Control) -> String {
    let because = |guardrail| {
        verdicts
            .iter()
            .find(|verdict: &&Verdict| verdict.guardrail == guardrail)
            .map_or_else(String::new, |verdict| verdict.because.clone())
    };
    match (stopped, outcome) {
        (true, _) => verdicts.last().map_or_else(String::new, |verdict| verdict.because.clone()),
        (false, Outcome::Start) => format!("{}; nothing stands against fixing it", because(Guardrail::Event)),
        (false, Outcome::Approve) => format!("waits for approval: {}", because(Guardrail::Mode)),
        (false, _) => format!("dry-run: would run `{}` ({})", control.id, because(Guardrail::Mode)),
    }
}
