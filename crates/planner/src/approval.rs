//! What exactly a person approves, how they are asked, and what their answer makes of the record.
//!
//! **Invariant:** what is started under an approval is what was approved. The terms are a hash over everything that
//! decides what happens; they are in the question, in the record, and computed anew right before the start.

use std::{collections::BTreeMap, fmt::Write as _};

use jiff::{SignedDuration, Timestamp};
use plumb_model::{
    Action, Approval, ApprovalRules, Control, Deployment, PinnedDocument, Remediation, Reversibility,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::client_token;

/// The longest value of an Automation parameter that [the API](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html)
/// takes, in characters.
const LONGEST: usize = 512;

/// Everything that decides what happens, in this order: the hash depends on it.
#[derive(Serialize)]
struct Terms<'a> {
    remediation: &'a str,
    generation: u64,
    document: &'a str,
    version: &'a str,
    content: &'a str,
    parameters: &'a BTreeMap<String, Vec<String>>,
    role: &'a str,
}

/// SHA-256, in hexadecimal, of what a person approves: this action for this remediation, with a document of this content.
pub fn terms(remediation: &str, action: &Action, content: &str) -> String {
    let terms = Terms {
        remediation,
        generation: action.generation,
        document: &action.document,
        version: &action.document_version,
        content,
        parameters: &action.parameters,
        role: &action.role,
    };
    let text = serde_json::to_string(&terms).unwrap_or_default();
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The question that is to be asked now.
pub(crate) fn question(
    remediation: &str,
    action: &Action,
    document: &PinnedDocument,
    rules: &ApprovalRules,
    now: Timestamp,
) -> Approval {
    let hours = i64::from(rules.expires_hours);
    Approval {
        hash: terms(remediation, action, &document.content),
        content: document.content.clone(),
        rules: rules.clone(),
        asked_at: now,
        expires_at: now.checked_add(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MAX),
        execution_id: None,
        answer: None,
        words: Vec::new(),
    }
}

/// How the approvers of a record that awaits approval are asked: the start of the document that asks. None if there is
/// nothing to ask. The same record always gives the same action, down to its token.
pub fn asking(control: &Control, deployment: &Deployment, record: &Remediation) -> Option<Action> {
    let approval = record.approval.as_ref()?;
    let action = record.action.as_ref()?;
    let resource = &record.resource;
    let role = deployment.approval_role();
    let topic = approval.rules.topic.clone().unwrap_or_else(|| deployment.approval_topic());
    let undo = match control.reversibility {
        Reversibility::Full => "everything can be rolled back".to_owned(),
        Reversibility::Partial => format!("partly: {}", control.reversibility_note),
        Reversibility::None => format!("not at all: {}", control.reversibility_note),
    };
    let given = serde_json::to_string(&action.parameters).unwrap_or_default();
    let texts = [
        ("AutomationAssumeRole", role.clone()),
        ("Required", approval.rules.required.to_string()),
        ("Topic", topic),
        ("Remediation", record.key()),
        ("Hash", approval.hash.clone()),
        ("What", format!("{} ({}): {} {}", control.title, control.id, resource.kind, resource.id)),
        ("Where", format!("account {}, Region {}", resource.account, resource.region)),
        ("Why", control.why.to_owned()),
        ("Change", format!("{} version {} with {given}", action.document, action.document_version)),
        ("Disruption", control.disruption.to_owned()),
        ("Cost", control.cost.to_owned()),
        ("Undo", undo),
        ("Expires", approval.expires_at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
    ];
    let mut parameters: BTreeMap<String, Vec<String>> =
        texts.into_iter().map(|(name, text)| (name.to_owned(), vec![at_most(&text)])).collect();
    parameters.insert("Approvers".to_owned(), approval.rules.approvers.clone());
    let purpose = format!("approve#{}", approval.asked_at);
    Some(Action {
        place: None,
        document: deployment.approval_document(),
        document_version: "$DEFAULT".to_owned(),
        parameters,
        role,
        client_token: client_token(&record.control, &record.resource, action.generation, &purpose),
        generation: action.generation,
    })
}

/// A text that the API takes: not empty, not too long, and with nothing in it that a document would fill in.
fn at_most(text: &str) -> String {
    let text = text.replace("{{", "{ {");
    match text.char_indices().nth(LONGEST - 1) {
        Some((at, _)) if text.chars().count() > LONGEST => {
            format!("{}…", text.get(..at).unwrap_or_default())
        }
        _ if text.is_empty() => "-".to_owned(),
        _ => text,
    }
}
