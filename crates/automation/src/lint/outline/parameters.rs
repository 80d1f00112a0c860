//! Parameters and variables: their types, patterns and defaults.

use serde_json::Value;

use super::{Named, is_map, keys, plain, well_named};
use crate::{
    document::{
        ParameterType, ValueType,
        node::{Kind, Node, Spot},
    },
    lint::finding::{Code, Findings},
    pattern::Pattern,
};

const PARAMETER_KEYS: [&str; 13] = [
    "type",
    "description",
    "default",
    "allowedValues",
    "allowedPattern",
    "minItems",
    "maxItems",
    "minChars",
    "maxChars",
    "displayType",
    "interpolationType",
    "minValue",
    "maxValue",
];

pub(super) fn parameters<'n>(root: &'n Node, found: &mut Findings) -> Vec<Named<'n>> {
    named(root, "parameters", found, parameter)
}

pub(super) fn variables<'n>(root: &'n Node, found: &mut Findings) -> Vec<Named<'n>> {
    named(root, "variables", found, variable)
}

fn named<'n>(
    root: &'n Node,
    key: &str,
    found: &mut Findings,
    read: impl Fn(&'n Spot, &'n Node, &mut Findings) -> Option<ValueType>,
) -> Vec<Named<'n>> {
    let Some(node) = root.get(key) else { return Vec::new() };
    if !matches!(node.kind, Kind::Map(_)) && !node.is_null() {
        let message = format!("`{key}` is {}, not a map", node.kind_word());
        found.add(Code::WrongType, node.place, message, "write each as `Name: {type: …}`");
    }
    node.members()
        .iter()
        .map(|(spot, node)| {
            let kind = read(spot, node, found);
            Named { name: &spot.name, at: spot.place, node, kind }
        })
        .collect()
}

fn parameter(spot: &Spot, node: &Node, found: &mut Findings) -> Option<ValueType> {
    let name = &spot.name;
    let what = format!("parameter `{name}`");
    well_named(spot.place, name, "parameter", found);
    if !is_map(node, &what, found) {
        return None;
    }
    keys(node, &PARAMETER_KEYS, &what, found);
    let pattern = node.get("allowedPattern").and_then(|node| {
        let text = node.as_text()?;
        match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let message = format!("`allowedPattern` of {what} {error}");
                found.add(
                    Code::InvalidPattern,
                    node.place,
                    message,
                    "AWS reads it as a Java regular expression",
                );
                None
            }
        }
    });
    let kind = type_of(spot, node, &what, found, |text| text.parse::<ParameterType>().ok())?;
    if let Some(default) = node.get("default").filter(|default| !default.is_null()) {
        default_fits(default, node, &kind, pattern.as_ref(), name, found);
    }
    Some(kind.value)
}

fn variable(spot: &Spot, node: &Node, found: &mut Findings) -> Option<ValueType> {
    let what = format!("variable `{}`", spot.name);
    well_named(spot.place, &spot.name, "variable", found);
    if !is_map(node, &what, found) {
        return None;
    }
    keys(node, &PARAMETER_KEYS, &what, found);
    type_of(spot, node, &what, found, |text| text.parse::<ValueType>().ok())
}

fn type_of<T>(
    spot: &Spot,
    node: &Node,
    what: &str,
    found: &mut Findings,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let help = "use String, StringList, Boolean, Integer, MapList or StringMap; for a parameter also a resource type such as AWS::IAM::Role::Arn";
    let Some(kind) = node.get("type") else {
        found.add(Code::MissingKey, spot.place, format!("{what} has no `type`"), help);
        return None;
    };
    let text = kind.as_text().unwrap_or_default();
    let parsed = parse(text);
    if parsed.is_none() {
        found.add(Code::WrongValue, kind.place, format!("`{text}` is not a type"), help);
    }
    parsed
}

fn default_fits(
    default: &Node,
    parameter: &Node,
    kind: &ParameterType,
    pattern: Option<&Pattern>,
    name: &str,
    found: &mut Findings,
) {
    let value = default.value();
    if value.as_str().is_some_and(|text| text.is_empty() || text.contains("{{")) {
        return;
    }
    let fits = match (kind.value, &value) {
        (ValueType::String, value) => !value.is_object() && !value.is_array(),
        (ValueType::Boolean, Value::String(text)) => {
            matches!(text.as_str(), "true" | "false" | "True" | "False")
        }
        (ValueType::Boolean, value) => value.is_boolean(),
        (ValueType::Integer, Value::String(text)) => text.parse::<i64>().is_ok(),
        (ValueType::Integer, value) => value.is_i64() || value.is_u64(),
        (ValueType::StringList | ValueType::MapList, value) => value.is_array() || value.is_string(),
        (ValueType::StringMap, value) => value.is_object() || value.is_string(),
    };
    let mut unfit = |message: String| {
        found.add(
            Code::UnfitDefault,
            default.place,
            message,
            "change the default, or leave it out to make the parameter required",
        );
    };
    if !fits {
        return unfit(format!("the default of parameter `{name}` is no {}", kind.value.as_str()));
    }
    let texts: Vec<String> = match &value {
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(_) => return,
        scalar => vec![plain(scalar)],
    };
    let allowed: Vec<String> = parameter
        .get("allowedValues")
        .map(Node::list)
        .unwrap_or_default()
        .iter()
        .map(|node| plain(&node.value()))
        .collect();
    for text in texts {
        if !allowed.is_empty() && !allowed.contains(&text) {
            unfit(format!("the default `{text}` of parameter `{name}` is not among its `allowedValues`"));
        } else if pattern.is_some_and(|pattern| !pattern.matches(&text)) {
            unfit(format!("the default `{text}` of parameter `{name}` doesn't match its `allowedPattern`"));
        }
    }
}
