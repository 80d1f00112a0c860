//! What people read: messages, OpsItems, notes on findings.

use std::fmt::Write as _;

use plumb_model::{Pillar, State, Transition};
use plumb_ports::tell::{Message, Note, OpsItem};
use serde::Serialize;
use serde_json::json;

use crate::{image::Stopped, loudness::workflow};

/// How many resources a message lists; the rest is counted.
const LISTED: usize = 20;

/// A word as JSON spells it.
pub(crate) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

/// One message about resources that came to the same under the same control.
pub(crate) fn message(transitions: &[&Transition]) -> Option<Message> {
    let first = transitions.first()?;
    let (control, to) = (first.control.as_str(), word(first.to));
    let who = match transitions {
        [one] => one.resource.id.clone(),
        many => format!("{} resources", many.len()),
    };
    let subject = subject(&format!("Plumb: {who} {to}, {control} ({})", word(first.severity)));
    let mut text = format!("{}\n`{control}`, {}: {to}.\n\n", first.title, word(first.severity));
    for transition in transitions.iter().take(LISTED) {
        let _ = writeln!(text, "- {}\n  {}", transition.resource, transition.reason);
    }
    if let Some(more) = transitions.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(text, "- and {more} more: plumb status --state {to} --control {control}");
    }
    let _ = writeln!(text, "\nWhat to do: {}", advice(first.to));
    if let [one] = transitions {
        let _ = writeln!(text, "Everything that happened: plumb history {}", one.resource.id);
    }
    let attributes = vec![
        ("kind", "transition".to_owned()),
        ("state", to),
        ("control", control.to_owned()),
        ("severity", word(first.severity)),
        ("pillar", word(first.pillar)),
        ("account", first.resource.account.to_string()),
        ("region", first.resource.region.to_string()),
    ];
    Some(Message { subject, text, attributes })
}

/// The message about a control that was stopped.
pub(crate) fn stopped(stopped: &Stopped) -> Message {
    let Stopped { control, until, because, .. } = stopped;
    let text = format!(
        "`{control}` starts nothing until {until}: {because}.\nWhat is found meanwhile waits, and is taken up by itself then.\n\n\
         What to do: find out why its runbook fails: plumb status --state failed --control {control}\n\
         If the control does harm, set its mode to `off` in the policy.\n"
    );
    Message {
        subject: subject(&format!("Plumb: {control} is stopped until {until:.0}")),
        text,
        attributes: vec![("kind", "stopped".to_owned()), ("control", control.clone())],
    }
}

/// At most 100 printable ASCII characters: what SNS takes.
pub(crate) fn subject(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).take(100).collect()
}

/// What a person does about a state.
pub(crate) fn advice(to: State) -> &'static str {
    match to {
        State::Escalated => {
            "Plumb has stopped trying. Look at the reason and at the execution, repair by hand what has to be, \
             then let Plumb go on with `plumb clear`."
        }
        State::RolledBack => {
            "The state before was restored and Plumb keeps its hands off. Waive the resource with `plumb waive`, or \
             let Plumb go on with `plumb clear`."
        }
        State::Failed => "Nothing yet: Plumb tries again. If it goes on, the resource is escalated.",
        State::AwaitingApproval => "Decide: `plumb approve` or `plumb reject`.",
        State::Declined => {
            "Nothing: it stays as it is, and is asked about again when the policy's hands-off time is over."
        }
        State::Detected => {
            "Nothing is changed in this mode. `plumb plan` shows what would be; the policy decides."
        }
        State::Fixed => "Nothing. `plumb rollback` undoes it.",
        State::Waived => "Nothing until the waiver ends.",
        State::Planned | State::Running | State::Verifying | State::RollingBack | State::Unneeded => {
            "Nothing."
        }
    }
}

/// The OpsItem of an escalation.
pub(crate) fn ops_item(transition: &Transition, resource_arn: Option<String>) -> OpsItem {
    let title = format!("Plumb: {} on {} needs a person", transition.control, transition.resource.id);
    let description = format!(
        "{}\n\nResource: {}\nReason: {}\nFailed attempts: {}\nSSM execution: {}\n\n{}\nEverything that happened: plumb history {}",
        transition.title,
        transition.resource,
        transition.reason,
        transition.attempts,
        transition.execution_id.as_deref().unwrap_or("none"),
        advice(transition.to),
        transition.resource.id,
    );
    OpsItem {
        title: title.chars().take(1024).collect(),
        description: description.chars().take(2048).collect(),
        severity: transition.severity,
        category: match transition.pillar {
            Pillar::Security => "Security",
            Pillar::Reliability | Pillar::OperationalExcellence => "Availability",
            Pillar::PerformanceEfficiency => "Performance",
            Pillar::CostOptimization | Pillar::Sustainability => "Cost",
        },
        dedup: dedup(transition),
        resource_arn,
        document: transition.document.clone(),
        data: vec![
            ("control", transition.control.to_string()),
            ("resource", json!(transition.resource).to_string()),
            ("transition", transition.id.to_string()),
        ],
    }
}

/// The same for the same resource under the same control, within OpsCenter's 64 characters.
fn dedup(transition: &Transition) -> String {
    let key = plumb_model::remediation_key(&transition.control, &transition.resource);
    format!("plumb-{}", uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, key.as_bytes()))
}

/// What is written on the Security Hub finding; none where it is left alone.
pub(crate) fn note(transition: &Transition) -> Option<Note> {
    let plumb_model::Source::SecurityHub { finding: Some(finding), .. } = &transition.detected_by else {
        return None;
    };
    let text = format!("Plumb, {}, {}: {}", transition.control, word(transition.to), transition.reason);
    Some(Note {
        finding: finding.clone(),
        text: text.chars().take(512).collect(),
        workflow: workflow(transition.to)?,
    })
}
