//! Steps: their keys, and the outputs that they declare.

use serde_json::Value;

use super::{Declared, Step, is_map, keys, well_named};
use crate::{
    document::{
        ValueType,
        node::{Kind, Node},
    },
    lint::{
        actions,
        finding::{Code, Findings},
    },
    selector::Selector,
};

const STEP_KEYS: [&str; 12] = [
    "name",
    "action",
    "description",
    "inputs",
    "maxAttempts",
    "timeoutSeconds",
    "onFailure",
    "onCancel",
    "isCritical",
    "isEnd",
    "nextStep",
    "outputs",
];

pub(super) fn step<'n>(node: &'n Node, parent: Option<usize>, found: &mut Findings) -> Option<Step<'n>> {
    if !is_map(node, "a step", found) {
        return None;
    }
    let mut text = |key: &str| {
        let value = node.get(key);
        if value.is_none() {
            let message = format!("a step has no `{key}`");
            found.add(Code::MissingKey, node.place, message, format!("add `{key}`"));
        }
        value.and_then(|value| Some((value.place, value.as_text()?))).unwrap_or((node.place, ""))
    };
    let ((at, name), (_, action)) = (text("name"), text("action"));
    let what = format!("step `{name}`");
    if !name.is_empty() {
        well_named(at, name, "step", found);
    }
    keys(node, &STEP_KEYS, &what, found);
    let inputs = node.get("inputs").filter(|inputs| !inputs.is_null());
    if let Some(inputs) = inputs {
        is_map(inputs, &format!("`inputs` of {what}"), found);
    } else if node.get("inputs").is_none() {
        let required = actions::find(action).is_some_and(|action| !action.required.is_empty());
        if required {
            found.add(Code::MissingKey, at, format!("{what} has no `inputs`"), "add `inputs`");
        }
    }
    whole_numbers(node, &what, found);
    words(node, &what, found);
    let outputs = outputs(node, &what, found);
    Some(Step { name, at, action, node, inputs, parent, after: None, first: None, outputs })
}

fn whole_numbers(node: &Node, what: &str, found: &mut Findings) {
    for key in ["maxAttempts", "timeoutSeconds"] {
        let Some(number) = node.get(key) else { continue };
        let whole = match number.value() {
            Value::Number(number) => number.as_u64().is_some(),
            Value::String(text) => text.contains("{{") || text.trim().parse::<u64>().is_ok(),
            _ => false,
        };
        if !whole {
            let message = format!("`{key}` of {what} is not a whole number");
            found.add(Code::WrongValue, number.place, message, "give a whole number or a reference to one");
        }
    }
}

fn words(node: &Node, what: &str, found: &mut Findings) {
    for key in ["isCritical", "isEnd"] {
        let Some(flag) = node.get(key) else { continue };
        let fine = match flag.value() {
            Value::Bool(_) => true,
            Value::String(text) => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            _ => false,
        };
        if !fine {
            found.add(
                Code::WrongValue,
                flag.place,
                format!("`{key}` of {what} must be true or false"),
                "write true or false",
            );
        }
    }
    for (key, allowed) in
        [("onFailure", &["Abort", "abort", "Continue", "continue"][..]), ("onCancel", &["Abort", "abort"])]
    {
        let Some(way) = node.get(key) else { continue };
        let text = way.as_text().unwrap_or_default();
        if !allowed.contains(&text) && !text.starts_with("step:") {
            let all = if key == "onFailure" { "Abort, Continue or step:NAME" } else { "Abort or step:NAME" };
            found.add(
                Code::WrongValue,
                way.place,
                format!("`{key}` of {what} is `{text}`"),
                format!("write {all}"),
            );
        }
    }
}

fn outputs<'n>(node: &'n Node, what: &str, found: &mut Findings) -> Vec<Declared<'n>> {
    let Some(list) = node.get("outputs").filter(|list| !list.is_null()) else { return Vec::new() };
    if !matches!(list.kind, Kind::List(_)) {
        let message = format!("`outputs` of {what} is {}, not a list", list.kind_word());
        found.add(
            Code::WrongType,
            list.place,
            message,
            "write each as `- {Name: …, Selector: $.…, Type: String}`",
        );
        return Vec::new();
    }
    let mut declared = Vec::<Declared<'_>>::new();
    for item in list.list() {
        if !is_map(item, "an output", found) {
            continue;
        }
        keys(item, &["Name", "Selector", "Type"], &format!("an output of {what}"), found);
        let Some(name) = item.get("Name").and_then(Node::as_text) else {
            found.add(
                Code::MissingKey,
                item.place,
                format!("an output of {what} has no `Name`"),
                "add `Name`",
            );
            continue;
        };
        let selector = item.get("Selector").and_then(|node| Some((node.place, node.as_text()?)));
        match selector {
            None => found.add(
                Code::MissingKey,
                item.place,
                format!("output `{name}` of {what} has no `Selector`"),
                "add `Selector`, such as `$.Payload.Name`",
            ),
            Some((at, text)) => {
                if let Err(error) = Selector::parse(text) {
                    found.add(
                        Code::InvalidSelector,
                        at,
                        error.to_string(),
                        "write a JSONPath, such as `$.Items[0].Id`",
                    );
                }
            }
        }
        let kind = item.get("Type").map_or(Some(ValueType::String), |node| {
            let text = node.as_text().unwrap_or_default();
            let kind = text.parse().ok();
            if kind.is_none() {
                found.add(
                    Code::WrongValue,
                    node.place,
                    format!("`{text}` is not a type"),
                    "use String, StringList, Boolean, Integer, MapList or StringMap",
                );
            }
            kind
        });
        if declared.iter().any(|other| other.name == name) {
            found.add(
                Code::DuplicateName,
                item.place,
                format!("{what} has two outputs `{name}`"),
                "rename one",
            );
        }
        declared.push(Declared { name, selector, kind: kind.unwrap_or(ValueType::String) });
    }
    declared
}
