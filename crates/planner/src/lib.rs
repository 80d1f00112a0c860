//! The pure decision: what is to be done about a finding, and the whole reasoning.
//!
//! **Invariant:** no clock, no environment, no I/O, no async. The same arguments give the same [`Decision`], down to the
//! idempotency token, and whoever executes it chooses nothing.

pub mod approval;
mod facts;
mod guardrails;
pub mod life;
mod rollback;

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_model::{
    Action, Approval, Control, ControlId, Decision, Finding, Guardrail, Mode, Outcome, Policy, Remediation,
    ResourceRef, State, Verdict, remediation_key,
};
use uuid::Uuid;

pub use facts::{Fact, Facts};
pub use rollback::{another, plan_rollback};

use guardrails::{Answer, Question};

/// The namespace of Plumb's idempotency tokens (a random UUID, fixed for ever).
const TOKENS: Uuid = Uuid::from_u128(0x6d0f_5b0e_7a54_4c1b_9a53_2f0c_6c1d_84e7);

/// The answer to "what is to be done about this finding?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is made once a finding and taken apart at once")]
pub enum Plan {
    /// This.
    Decided(Decision),
    /// That depends on a fact which has not been read yet.
    Needs(Fact),
}

/// Decides what is to be done about a finding.
///
/// The guardrails are asked in the order of `guardrails::IN_ORDER`; the first that stops the finding ends the questions,
/// and its answer is the decision's reason. One that depends on a fact which is not in `facts` makes the plan ask for it, so
/// that a policy which doesn't use it costs no call. The same facts and more never lead to the same question twice.
pub fn plan(control: &Control, policy: &Policy, finding: &Finding, facts: &Facts, now: Timestamp) -> Plan {
    let mut question = Question { control, policy, finding, facts, mode: Mode::Auto, now };
    let mut reasoning = Reasoning::default();
    for (guardrail, ask) in guardrails::IN_ORDER {
        let (passed, because) = match ask(&question) {
            Err(fact) => return Plan::Needs(fact),
            Ok(Answer::Pass(because)) => (true, because),
            Ok(Answer::Limit(mode, because)) => {
                if mode < question.mode {
                    question.mode = mode;
                    reasoning.limited_by = Some(because.clone());
                }
                (true, because)
            }
            // Approval lifts what asked for approval, and nothing else.
            Ok(Answer::Grant(because)) => {
                question.mode = Mode::Auto;
                reasoning.granted = true;
                (true, because)
            }
            Ok(Answer::Stop(outcome, because)) => {
                reasoning.stopped = Some(outcome);
                (false, because)
            }
            Ok(Answer::Defer(until, because)) => {
                reasoning.stopped = Some(Outcome::Defer);
                reasoning.until = Some(until);
                (false, because)
            }
        };
        reasoning.verdicts.push(Verdict { guardrail: *guardrail, passed, because });
        if reasoning.stopped.is_some() {
            break;
        }
    }
    let outcome = reasoning.stopped.unwrap_or(match question.mode {
        Mode::Auto => Outcome::Start,
        Mode::Approve => Outcome::Approve,
        Mode::Notify | Mode::Off => Outcome::Notify,
    });
    let mut action = reasoning.stopped.is_none().then(|| match &facts.prior {
        Some(Remediation { action: Some(approved), .. }) if reasoning.granted => approved.clone(),
        _ => action(control, finding, facts),
    });
    let approval = match (outcome, &mut action) {
        (Outcome::Approve, Some(action)) => to_be_asked(policy, finding, facts, action, now),
        _ => None,
    };
    Plan::Decided(Decision {
        control: finding.control.clone(),
        resource: finding.resource.clone(),
        outcome,
        reason: reasoning.reason(outcome, control),
        action,
        approval,
        verdicts: reasoning.verdicts,
        until: reasoning.until,
    })
}

/// What the approvers are to be asked, if there are any; the action is pinned to the document's version. A question that
/// was written down and never went out is asked as it stands.
fn to_be_asked(
    policy: &Policy,
    finding: &Finding,
    facts: &Facts,
    action: &mut Action,
    now: Timestamp,
) -> Option<Box<Approval>> {
    let rules = policy.approval.as_ref()?;
    if let Some(Remediation {
        state: State::AwaitingApproval, approval: Some(asked), action: Some(of), ..
    }) = &facts.prior
        && asked.answer.is_none()
    {
        *action = of.clone();
        return Some(Box::new(asked.clone()));
    }
    let which = (action.document.clone(), action.document_version.clone());
    let document = facts.documents.get(&which)?.as_ref()?;
    action.document_version.clone_from(&document.version);
    let key = remediation_key(&finding.control, &finding.resource);
    Some(Box::new(approval::question(&key, action, document, rules, now)))
}

/// What the guardrails said.
#[derive(Default)]
struct Reasoning {
    verdicts: Vec<Verdict>,
    stopped: Option<Outcome>,
    until: Option<Timestamp>,
    /// A person approved the prior record's action.
    granted: bool,
    /// Why it goes no further than it does.
    limited_by: Option<String>,
}

impl Reasoning {
    fn reason(&self, outcome: Outcome, control: &Control) -> String {
        let limit = self.limited_by.as_deref().unwrap_or_default();
        match (self.stopped, outcome) {
            (Some(_), _) => self.verdicts.last().map_or_else(String::new, |verdict| verdict.because.clone()),
            (None, Outcome::Start) => {
                let event = self.verdicts.iter().find(|verdict| verdict.guardrail == Guardrail::Event);
                let event = event.map_or("", |verdict| verdict.because.as_str());
                format!("{event}; nothing stands against fixing it")
            }
            (None, Outcome::Approve) => format!("waits for approval: {limit}"),
            (None, _) => format!("dry-run: would run `{}` ({limit})", control.id),
        }
    }
}

/// Everything needed to start the control's runbook.
fn action(control: &Control, finding: &Finding, facts: &Facts) -> Action {
    let deployment = &facts.deployment;
    let place = finding.resource.place();
    let role = deployment.role(&finding.control, &place);
    let generation = next_generation(facts.prior.as_ref());
    let mut parameters = which(control, &finding.resource, &role);
    parameters.extend(how(control, &finding.resource));
    Action {
        document: deployment.document(&finding.control, &place),
        place: (!deployment.is_home(&place)).then_some(place),
        document_version: "$DEFAULT".to_owned(),
        parameters,
        role,
        client_token: client_token(&finding.control, &finding.resource, generation, "remediate"),
        generation,
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
