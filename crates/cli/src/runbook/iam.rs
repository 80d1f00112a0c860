//! `plumb runbook iam`.

use std::io::Write;

use plumb_automation::iam::Policy;
use serde_json::{Value, json};

use super::documents;
use crate::{arguments::RunbookIam, failure::Failure, output::json_pretty};

pub(crate) fn run(out: &mut dyn Write, arguments: &RunbookIam, json: bool) -> Result<(), Failure> {
    let documents = documents::parse(&arguments.documents)?;
    let policy = Policy::of(documents.iter().map(|(_, document)| document));
    let all = json!({
        "policy": policy.document(),
        "needs": policy.needs,
        "may_need": policy.may_need,
        "notes": policy.notes,
    });
    let all = filled(all, arguments);
    if json {
        return json_pretty(out, &all);
    }
    for need in &policy.needs {
        writeln!(out, "{}", need.action)?;
        for why in &need.because {
            writeln!(out, "    {why}")?;
        }
        if let Some(scope) = &need.scope {
            writeln!(out, "    resources: {scope}")?;
        }
    }
    for possible in &policy.may_need {
        let with: Vec<&str> = possible.with.iter().map(String::as_str).collect();
        writeln!(out, "not allowed, but AWS may ask for it with {}: {}", with.join(", "), possible.action)?;
    }
    for note in &policy.notes {
        writeln!(out, "note: {note}")?;
    }
    json_pretty(out, all.get("policy").unwrap_or(&Value::Null))
}

/// With partition, account and Region in place of `CloudFormation`'s references, as far as they are given.
fn filled(value: Value, arguments: &RunbookIam) -> Value {
    let places = [
        ("${AWS::Partition}", &arguments.partition),
        ("${AWS::AccountId}", &arguments.account),
        ("${AWS::Region}", &arguments.region),
    ];
    match value {
        Value::String(text) => Value::String(places.iter().fold(text, |text, (reference, given)| {
            given.as_ref().map_or(text.clone(), |given| text.replace(reference, given))
        })),
        Value::Array(items) => items.into_iter().map(|item| filled(item, arguments)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, filled(member, arguments))).collect()
        }
        other => other,
    }
}
