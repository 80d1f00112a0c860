//! `{{ … }}`: whether what they refer to exists, has run by then, and is used at all.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    actions::{self, UNDOCUMENTED},
    finding::{Code, Findings, hint},
    flow::Flow,
    outline::{Outline, Step},
};
use crate::{
    document::{Place, ValueType, node::Node},
    template::{Reference, references},
};

const GLOBALS: [&str; 5] = ["ACCOUNT_ID", "REGION", "AWS_PARTITION", "DATE", "DATE_TIME"];

/// Maintenance windows put these in before Automation sees the document.
const OF_WINDOWS: [&str; 2] = ["RESOURCE_ID", "TARGET_ID"];

/// What has been referred to.
#[derive(Default)]
struct Used {
    parameters: HashSet<String>,
    variables: HashSet<String>,
}

pub(super) fn check(outline: &Outline<'_>, flow: &Flow, found: &mut Findings) {
    let mut used = Used::default();
    for (index, step) in outline.steps.iter().enumerate() {
        let mut texts = Vec::new();
        for (key, node) in step.node.members() {
            match key.name.as_str() {
                "inputs" => inputs(step, node, &mut texts),
                "timeoutSeconds" | "maxAttempts" => node.texts(&mut texts),
                _ => {}
            }
        }
        for (at, text) in texts {
            for reference in references(&Value::from(text)) {
                resolve(outline, flow, Some((index, step)), at, &reference, &mut used, found);
            }
        }
        script(outline, step, &mut used, found);
        assigned(outline, step, found);
    }
    let mut texts = Vec::new();
    outline.root.get("assumeRole").into_iter().for_each(|node| node.texts(&mut texts));
    for variable in &outline.variables {
        variable.node.get("default").into_iter().for_each(|node| node.texts(&mut texts));
    }
    for (at, text) in texts {
        for reference in references(&Value::from(text)) {
            resolve(outline, flow, None, at, &reference, &mut used, found);
        }
    }
    defaults(outline, &mut used, found);
    unused(outline, &used, found);
    listed(outline, found);
}

/// The texts of inputs but those of scripts, which AWS doesn't fill in, and of inner steps, which are looked at themselves.
fn inputs<'n>(step: &Step<'n>, node: &'n Node, texts: &mut Vec<(Place, &'n str)>) {
    for (key, value) in node.members() {
        let skipped = match step.action {
            "aws:executeScript" => key.name == "Script",
            "aws:loop" => key.name == "Steps",
            // Its name is written without braces and checked elsewhere.
            "aws:updateVariable" => key.name == "Name",
            _ => false,
        };
        if !skipped {
            value.texts(texts);
        }
    }
}

fn resolve(
    outline: &Outline<'_>,
    flow: &Flow,
    from: Option<(usize, &Step<'_>)>,
    at: Place,
    reference: &Reference,
    used: &mut Used,
    found: &mut Findings,
) {
    let wrong = |found: &mut Findings, code, why: String, help: &str| {
        found.add(code, at, format!("`{{{{ {reference} }}}}`: {why}"), help);
    };
    match reference {
        Reference::Parameter(name) => {
            used.parameters.insert(name.clone());
            if !outline.parameters.iter().any(|known| known.name == name)
                && !OF_WINDOWS.contains(&name.as_str())
            {
                let hint = hint(name, outline.parameters.iter().map(|known| known.name));
                let why = format!("there is no parameter `{name}`{hint}");
                wrong(found, Code::UnknownParameter, why, "add it under `parameters`, or correct the name");
            }
        }
        Reference::Variable(name) => {
            used.variables.insert(name.clone());
            if !outline.variables.iter().any(|known| known.name == name) {
                let hint = hint(name, outline.variables.iter().map(|known| known.name));
                let why = format!("there is no variable `{name}`{hint}");
                wrong(found, Code::UnknownVariable, why, "add it under `variables`, or correct the name");
            }
        }
        Reference::Global(name) if GLOBALS.contains(&name.as_str()) => {}
        Reference::Global(name) => {
            let why = format!("there is no such value{}", hint(name, GLOBALS));
            wrong(
                found,
                Code::UnknownSystemValue,
                why,
                "use global:ACCOUNT_ID, REGION, AWS_PARTITION, DATE or DATE_TIME",
            );
        }
        Reference::Automation(name) if name == "EXECUTION_ID" => {}
        Reference::Automation(_) => {
            wrong(
                found,
                Code::UnknownSystemValue,
                "there is no such value".into(),
                "use automation:EXECUTION_ID",
            );
        }
        Reference::Ssm(_) => wrong(
            found,
            Code::MisplacedReference,
            "AWS reads Parameter Store for defaults of parameters only".into(),
            "make it the default of a parameter and refer to that",
        ),
        Reference::Output { step, output } => {
            let Some((source, known)) = outline.step(step) else {
                let hint = hint(step, outline.steps.iter().map(|step| step.name));
                let why = format!("there is no step `{step}`{hint}");
                return wrong(found, Code::UnknownStep, why, "name a step of this document");
            };
            if let Some(hint) = lacks(known, output) {
                let why = format!("step `{step}` has no output `{output}`{hint}");
                wrong(found, Code::UnknownOutput, why, "add it to the step's `outputs`, or correct the name");
            } else if let Some((index, _)) = from
                && flow.reached.contains(&index)
                && !flow.may_follow(source, index)
            {
                let why = format!("step `{step}` never runs before this one");
                wrong(found, Code::NotYetRun, why, "let the other step run first");
            }
        }
    }
}

/// If a step has no such output: the one that was probably meant, as a hint.
fn lacks(step: &Step<'_>, output: &str) -> Option<String> {
    if UNDOCUMENTED.contains(&step.action) || output == "OutputPayload" {
        return None;
    }
    let implicit = actions::find(step.action)?.outputs;
    let names = || step.outputs.iter().map(|declared| declared.name).chain(implicit.iter().copied());
    (!names().any(|name| name == output)).then(|| hint(output, names()))
}

/// AWS doesn't fill in scripts.
fn script(outline: &Outline<'_>, step: &Step<'_>, used: &mut Used, found: &mut Findings) {
    if step.action != "aws:executeScript" {
        return;
    }
    let Some(node) = step.input("Script") else { return };
    let Some(text) = node.as_text() else { return };
    for reference in references(&Value::from(text)) {
        let exists = match &reference {
            Reference::Parameter(name) => {
                used.parameters.insert(name.clone());
                outline.parameters.iter().any(|known| known.name == name)
            }
            Reference::Variable(name) => {
                used.variables.insert(name.clone());
                outline.variables.iter().any(|known| known.name == name)
            }
            Reference::Output { step, .. } => outline.step(step).is_some(),
            Reference::Global(name) => GLOBALS.contains(&name.as_str()),
            Reference::Automation(_) | Reference::Ssm(_) => true,
        };
        // Anything else in double braces is Python's.
        if exists {
            found.add(
                Code::ReferenceInScript,
                node.place,
                format!("the script of step `{}` has `{{{{ {reference} }}}}` in its text", step.name),
                "pass the value through `InputPayload`: filled into code it could be run as code",
            );
        }
    }
}

/// The variable that `aws:updateVariable` sets.
fn assigned(outline: &Outline<'_>, step: &Step<'_>, found: &mut Findings) {
    if step.action != "aws:updateVariable" {
        return;
    }
    let Some((at, text)) = step.input("Name").and_then(|node| Some((node.place, node.as_text()?))) else {
        return;
    };
    let name = text.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
    let name = name.strip_prefix("variable:").unwrap_or(name);
    if !outline.variables.iter().any(|known| known.name == name) {
        let hint = hint(name, outline.variables.iter().map(|known| known.name));
        let message = format!("step `{}` sets variable `{name}`, which doesn't exist{hint}", step.name);
        found.add(Code::UnknownVariable, at, message, "write `variable:NAME` of one under `variables`");
    }
}

fn defaults(outline: &Outline<'_>, used: &mut Used, found: &mut Findings) {
    for parameter in &outline.parameters {
        let mut texts = Vec::new();
        parameter.node.get("default").into_iter().for_each(|node| node.texts(&mut texts));
        for (at, text) in texts {
            for reference in references(&Value::from(text)) {
                let message =
                    format!("the default of parameter `{}` refers to `{reference}`", parameter.name);
                match &reference {
                    Reference::Ssm(_) | Reference::Global(_) | Reference::Automation(_) => {
                        let listed =
                            matches!(parameter.kind, Some(ValueType::String | ValueType::StringList) | None);
                        if matches!(reference, Reference::Ssm(_)) && !listed {
                            let help =
                                "only String and StringList parameters can have one from Parameter Store";
                            found.add(Code::UnfitDefault, at, message, help);
                        }
                    }
                    Reference::Parameter(name) => {
                        used.parameters.insert(name.clone());
                        found.add(
                            Code::UnfitDefault,
                            at,
                            message,
                            "AWS fills in no parameter there: use a variable",
                        );
                    }
                    _ => {
                        found.add(
                            Code::UnfitDefault,
                            at,
                            message,
                            "AWS fills in no output or variable there",
                        );
                    }
                }
            }
        }
    }
}

fn unused(outline: &Outline<'_>, used: &Used, found: &mut Findings) {
    // What the engine doesn't know may refer to anything.
    if outline.steps.iter().any(|step| actions::find(step.action).is_none()) {
        return;
    }
    for parameter in &outline.parameters {
        if !used.parameters.contains(parameter.name) {
            let message = format!("nothing refers to parameter `{}`", parameter.name);
            found.add(Code::UnusedParameter, parameter.at, message, "use it or remove it");
        }
    }
    for variable in &outline.variables {
        if !used.variables.contains(variable.name) {
            let message = format!("nothing reads variable `{}`", variable.name);
            found.add(Code::UnusedVariable, variable.at, message, "use it or remove it");
        }
    }
}

/// The outputs that the document lists.
fn listed(outline: &Outline<'_>, found: &mut Findings) {
    let Some(list) = outline.root.get("outputs").filter(|list| !list.is_null()) else { return };
    if !matches!(list.kind, crate::document::node::Kind::List(_)) {
        let message = format!("`outputs` is {}, not a list", list.kind_word());
        found.add(Code::WrongType, list.place, message, "write each as `- step.Output`");
    }
    for item in list.list() {
        let text = item.as_text().unwrap_or_default().trim();
        let bare = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text).trim();
        let Some((step, output)) =
            bare.split_once('.').filter(|(step, output)| !step.is_empty() && !output.is_empty())
        else {
            let message = format!("output `{text}` is not of the form step.Output");
            found.add(Code::WrongValue, item.place, message, "write `step.Output`");
            continue;
        };
        match outline.step(step) {
            None => {
                let hint = hint(step, outline.steps.iter().map(|step| step.name));
                let message = format!("output `{bare}` names step `{step}`, which doesn't exist{hint}");
                found.add(Code::UnknownStep, item.place, message, "name a step of this document");
            }
            Some((_, known)) => {
                if let Some(hint) = lacks(known, output) {
                    found.add(
                        Code::UnavailableOutput,
                        item.place,
                        format!("step `{step}` has no output `{output}`{hint}; it will have no value"),
                        "add it to the step's `outputs`, or remove it here",
                    );
                }
            }
        }
    }
}
