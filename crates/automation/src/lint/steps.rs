//! What each step's action demands: inputs, conditions, runtimes, timeouts.

use serde_json::Value;

use super::{
    actions::{self, Action, UNDOCUMENTED},
    finding::{Code, Findings, hint},
    outline::{Outline, Step, plain},
};
use crate::{
    condition::Operator,
    document::node::{Kind, Node},
    selector::Selector,
};

/// The runtimes that AWS offers, and those that it has retired but whose documents are still about.
const RUNTIMES: [&str; 3] = ["python3.10", "python3.11", "PowerShell 7.4"];
const RETIRED: [&str; 6] =
    ["python3.6", "python3.7", "python3.8", "python3.9", "PowerShell Core 6.0", "PowerShell 7.0"];

pub(super) fn check(outline: &Outline<'_>, found: &mut Findings) {
    for step in &outline.steps {
        let Some(action) = known(step, found) else { continue };
        inputs(step, action, found);
        timeout(step, action, found);
        match step.action {
            "aws:branch" => branch(step, found),
            "aws:loop" => repeat(step, found),
            "aws:executeScript" => script(step, found),
            "aws:sleep" => either(step, &["Duration", "Timestamp"], found),
            "aws:createStack" => either(step, &["TemplateBody", "TemplateURL"], found),
            "aws:runCommand" => either(step, &["InstanceIds", "Targets"], found),
            "aws:changeInstanceState" => {
                one_of(step, "DesiredState", &["running", "stopped", "terminated"], found);
            }

            "aws:createTags" => {
                one_of(
                    step,
                    "ResourceType",
                    &["EC2", "ManagedInstance", "MaintenanceWindow", "Parameter"],
                    found,
                );
            }
            "aws:assertAwsResourceProperty" | "aws:waitForAwsResourceProperty" => property(step, found),
            _ => {}
        }
        cancel(outline, step, found);
    }
    assume_role(outline, found);
}

fn known(step: &Step<'_>, found: &mut Findings) -> Option<&'static Action> {
    let action = actions::find(step.action);
    let at = step.node.get("action").map_or(step.at, |node| node.place);
    if UNDOCUMENTED.contains(&step.action) {
        let message = format!("`{}` is an action of AWS's own", step.action);
        found.add(
            Code::UndocumentedAction,
            at,
            message,
            "it can't be checked, and only AWS's documents can use it",
        );
    } else if action.is_none() && !step.action.is_empty() {
        let message = format!("`{}` is not an action{}", step.action, hint(step.action, actions::names()));
        found.add(Code::UnknownAction, at, message, "see the Systems Manager Automation actions reference");
    }
    action
}

fn inputs(step: &Step<'_>, action: &Action, found: &mut Findings) {
    let at = step.inputs.map_or(step.at, |inputs| inputs.place);
    for name in action.required {
        if step.inputs.is_some() && step.input(name).is_none_or(Node::is_null) {
            let message = format!("step `{}` has no input `{name}`", step.name);
            found.add(Code::MissingInput, at, message, format!("{} demands it", action.name));
        }
    }
    if action.api {
        return;
    }
    let names = || action.required.iter().chain(action.optional).copied();
    for (key, _) in step.inputs.map(Node::members).unwrap_or_default() {
        if !names().any(|name| name == key.name) {
            let hint = hint(&key.name, names());
            let message = format!("{} has no input `{}`{hint}", action.name, key.name);
            found.add(Code::UnknownInput, key.place, message, "remove or rename it");
        }
    }
}

fn timeout(step: &Step<'_>, action: &Action, found: &mut Findings) {
    let (Some(node), Some(longest)) = (step.node.get("timeoutSeconds"), action.longest) else { return };
    if plain(&node.value()).trim().parse::<u64>().is_ok_and(|seconds| seconds > longest) {
        let message = format!("{} ends after {longest} seconds whatever `timeoutSeconds` says", action.name);
        found.add(Code::TimeoutTooLong, node.place, message, format!("give at most {longest}"));
    }
}

/// One of some inputs must be there.
fn either(step: &Step<'_>, names: &[&str], found: &mut Findings) {
    if let Some(inputs) = step.inputs
        && !names.iter().any(|name| step.input(name).is_some())
    {
        let message = format!("step `{}` has neither input `{}`", step.name, names.join("` nor `"));
        found.add(Code::MissingInput, inputs.place, message, format!("{} demands one of them", step.action));
    }
}

fn one_of(step: &Step<'_>, name: &str, words: &[&'static str], found: &mut Findings) {
    let Some(node) = step.input(name) else { return };
    let Some(text) = node.as_text().filter(|text| !text.contains("{{")) else { return };
    if !words.contains(&text) {
        let message = format!("`{name}` is `{text}`{}", hint(text, words.iter().copied()));
        found.add(Code::WrongValue, node.place, message, format!("use {}", words.join(", ")));
    }
}

fn property(step: &Step<'_>, found: &mut Findings) {
    if let Some(node) = step.input("PropertySelector")
        && let Some(text) = node.as_text().filter(|text| !text.contains("{{"))
        && let Err(error) = Selector::parse(text)
    {
        found.add(
            Code::InvalidSelector,
            node.place,
            error.to_string(),
            "write a JSONPath, such as `$.Items[0].Id`",
        );
    }
    let Some(node) = step.input("DesiredValues") else { return };
    let is_list = matches!(node.kind, Kind::List(_)) && !node.list().is_empty();
    if !is_list && !node.as_text().is_some_and(|text| text.contains("{{")) {
        let message = format!("`DesiredValues` of step `{}` must be a list of at least one value", step.name);
        found.add(Code::WrongType, node.place, message, "write it as a list");
    }
}

fn branch(step: &Step<'_>, found: &mut Findings) {
    let Some(choices) = step.input("Choices") else { return };
    if choices.list().is_empty() {
        let message = format!("`Choices` of step `{}` must be a list of at least one choice", step.name);
        return found.add(Code::InvalidCondition, choices.place, message, "write it as a list");
    }
    for choice in choices.list() {
        if choice.get("NextStep").is_none() {
            found.add(
                Code::InvalidCondition,
                choice.place,
                "a choice has no `NextStep`",
                "say where it leads",
            );
        }
        condition(choice, 0, found);
    }
}

fn condition(node: &Node, depth: usize, found: &mut Findings) {
    let mut wrong = |at, message: String, help: &str| found.add(Code::InvalidCondition, at, message, help);
    if !matches!(node.kind, Kind::Map(_)) {
        return wrong(
            node.place,
            format!("a condition is {}, not a map", node.kind_word()),
            "write it as a map",
        );
    }
    let operators: Vec<_> = node
        .members()
        .iter()
        .filter(|(key, _)| key.name != "Variable" && !(key.name == "NextStep" && depth == 0))
        .collect();
    let [(key, operand)] = operators.as_slice() else {
        let names: Vec<_> = operators.iter().map(|(key, _)| key.name.as_str()).collect();
        let message = format!("a condition has exactly one operator; this one has [{}]", names.join(", "));
        return wrong(node.place, message, "join conditions with `And` or `Or`");
    };
    let words = || Operator::ALL.iter().map(|(word, _)| *word).chain(["And", "Or", "Not"]);
    match key.name.as_str() {
        "And" | "Or" => {
            if operand.list().is_empty() {
                wrong(
                    operand.place,
                    format!("`{}` takes a list of conditions", key.name),
                    "write them as a list",
                );
            }
            operand.list().iter().for_each(|item| condition(item, depth + 1, found));
        }
        "Not" => match operand.list() {
            [one] => condition(one, depth + 1, found),
            [] => condition(operand, depth + 1, found),
            _ => wrong(
                operand.place,
                "`Not` takes one condition".into(),
                "join them with `And` or `Or` inside it",
            ),
        },
        word if words().any(|known| known == word) => {
            if node.get("Variable").is_none() {
                wrong(node.place, format!("`{word}` compares nothing"), "add `Variable`");
            }
            comparable(word, operand, found);
        }
        word => {
            let message = format!("`{word}` is not an operator{}", hint(word, words()));
            let help = match word.strip_prefix("StringNot").or_else(|| word.strip_prefix("NumericNot")) {
                Some(_) => "put the plain operator into a `Not`",
                None => "see the operators of aws:branch",
            };
            wrong(key.place, message, help);
        }
    }
}

/// An operand of the kind that the operator compares.
fn comparable(word: &str, operand: &Node, found: &mut Findings) {
    let fits = match (word, operand.value()) {
        (_, Value::String(text)) if text.contains("{{") => true,
        ("BooleanEquals", Value::String(text)) => {
            text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
        }
        ("BooleanEquals", value) => value.is_boolean(),
        (word, Value::String(text)) if word.starts_with("Numeric") => text.trim().parse::<f64>().is_ok(),
        (word, value) if word.starts_with("Numeric") => value.is_number(),
        (_, value) => !value.is_object() && !value.is_array() && !value.is_null(),
    };
    if !fits {
        let message = format!("`{word}` can't compare with `{}`", plain(&operand.value()));
        found.add(Code::InvalidCondition, operand.place, message, "give a value of the operator's kind");
    }
}

fn repeat(step: &Step<'_>, found: &mut Findings) {
    if let Some(steps) = step.input("Steps")
        && steps.list().is_empty()
    {
        let message = format!("`Steps` of loop `{}` must be a list of at least one step", step.name);
        found.add(Code::WrongType, steps.place, message, "write the steps as a list");
    }
    either(step, &["Iterators", "LoopCondition"], found);
    if let Some(node) = step.input("LoopCondition") {
        condition(node, 1, found);
        if step.input("Iterators").is_some() {
            let message = format!("loop `{}` has both `Iterators` and `LoopCondition`", step.name);
            found.add(Code::WrongValue, node.place, message, "keep one of them");
        }
    }
    if let Some(node) = step.input("Iterators")
        && node.list().len() > 100
    {
        let message = format!("loop `{}` has {} iterators; AWS takes 100", step.name, node.list().len());
        found.add(Code::WrongValue, node.place, message, "split the list over several loops");
    }
    one_of(step, "IteratorDataType", &["Boolean", "Integer", "String", "StringMap"], found);
    if let Some(node) = step.input("MaxIterations") {
        let text = plain(&node.value());
        if !text.contains("{{") && !text.parse::<u64>().is_ok_and(|most| (1..=100).contains(&most)) {
            let message = format!("`MaxIterations` of loop `{}` is `{text}`", step.name);
            found.add(Code::WrongValue, node.place, message, "give a whole number from 1 to 100");
        }
    }
    if let Some(node) = step.node.get("onCancel") {
        found.add(
            Code::UnfitOnCancel,
            node.place,
            "a loop has no `onCancel`",
            "give it to the steps in the loop",
        );
    }
}

fn script(step: &Step<'_>, found: &mut Findings) {
    either(step, &["Script", "Attachment"], found);
    let Some(node) = step.input("Runtime") else { return };
    let Some(runtime) = node.as_text().filter(|text| !text.contains("{{")) else { return };
    if RETIRED.contains(&runtime) {
        let message = format!("AWS has retired the runtime `{runtime}`");
        found.add(Code::DeprecatedRuntime, node.place, message, format!("use {}", RUNTIMES.join(", ")));
    } else if !RUNTIMES.contains(&runtime) {
        // Versions come and go faster than this list.
        let plausible = runtime.starts_with("python3.") || runtime.starts_with("PowerShell ");
        let code = if plausible { Code::UnlistedRuntime } else { Code::UnknownRuntime };
        let message = format!("AWS documents no runtime `{runtime}`{}", hint(runtime, RUNTIMES));
        found.add(code, node.place, message, format!("use {}", RUNTIMES.join(", ")));
    }
    if runtime.starts_with("python") {
        handler(step, found);
    }
}

fn handler(step: &Step<'_>, found: &mut Findings) {
    let at = step.inputs.map_or(step.at, |inputs| inputs.place);
    let Some(handler) = step.input("Handler") else {
        let message = format!("step `{}` has no input `Handler`", step.name);
        return found.add(Code::MissingInput, at, message, "name the function to call");
    };
    let (Some(name), Some(script)) = (handler.as_text(), step.input("Script").and_then(Node::as_text)) else {
        return;
    };
    let name = name.trim();
    let defined = script.lines().any(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        let after = line.strip_prefix("def ").and_then(|line| line.trim_start().strip_prefix(name));
        after.is_some_and(|rest| rest.trim_start().starts_with('('))
            || line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('='))
            || (line.contains("import ") && line.contains(name))
    });
    if !defined && step.input("Attachment").is_none() && !name.contains("{{") {
        let message = format!("the script of step `{}` doesn't define `{name}`", step.name);
        found.add(Code::MissingHandler, handler.place, message, "name a function of the script");
    }
}

fn cancel(outline: &Outline<'_>, step: &Step<'_>, found: &mut Findings) {
    let Some(node) = step.node.get("onCancel") else { return };
    let Some(name) = node.as_text().and_then(|text| text.strip_prefix("step:")) else { return };
    if let Some((_, target)) = outline.step(name.trim())
        && actions::find(target.action).is_some_and(|action| !action.after_cancel)
    {
        let message =
            format!("`onCancel` leads to `{}`, and {} can't run after a cancel", target.name, target.action);
        found.add(Code::UnfitOnCancel, node.place, message, "lead to a step with another action");
    }
}

fn assume_role(outline: &Outline<'_>, found: &mut Findings) {
    let role = outline.root.get("assumeRole").filter(|role| !role.is_null());
    if let Some(role) = role
        && role.as_text().is_none()
    {
        let message = format!("`assumeRole` is {}, not text", role.kind_word());
        found.add(
            Code::WrongType,
            role.place,
            message,
            "give the ARN of a role, or a reference to a parameter",
        );
    }
    if role.and_then(Node::as_text).is_some_and(|text| !text.trim().is_empty()) {
        return;
    }
    let scripts = outline.steps.iter().any(|step| {
        step.input("Script").and_then(Node::as_text).is_some_and(|script| script.contains("boto3"))
    });
    let message = if scripts {
        "there is no `assumeRole`; scripts that call AWS need one"
    } else {
        "there is no `assumeRole`; the document runs with the rights of whoever starts it"
    };
    found.add(
        Code::MissingAssumeRole,
        role.map_or(outline.root.place, |role| role.place),
        message,
        "add `assumeRole: '{{ AutomationAssumeRole }}'` and the parameter",
    );
}
