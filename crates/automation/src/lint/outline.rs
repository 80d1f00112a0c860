//! A document as the linter sees it: everything with its place, and nothing refused. What the schema doesn't allow is
//! found on the way.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    actions,
    finding::{Code, Findings, hint},
};
use crate::{
    document::{
        ParameterType, Place, ValueType,
        node::{Kind, Node, Spot},
    },
    pattern::Pattern,
    selector::Selector,
};

const DOCUMENT_KEYS: [&str; 12] = [
    "schemaVersion",
    "description",
    "assumeRole",
    "parameters",
    "variables",
    "mainSteps",
    "outputs",
    "files",
    // Change Manager's; an execution ignores them.
    "templateInformation",
    "emergencyChange",
    "autoApprovable",
    "executableRunBooks",
];

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

/// A document.
pub(super) struct Outline<'n> {
    pub(super) root: &'n Node,
    pub(super) parameters: Vec<Named<'n>>,
    pub(super) variables: Vec<Named<'n>>,
    pub(super) steps: Vec<Step<'n>>,
    by_name: HashMap<&'n str, usize>,
}

/// A parameter or a variable.
pub(super) struct Named<'n> {
    pub(super) name: &'n str,
    pub(super) at: Place,
    pub(super) node: &'n Node,
    pub(super) kind: Option<ValueType>,
}

/// A step, of the document or of a loop in it.
pub(super) struct Step<'n> {
    pub(super) name: &'n str,
    pub(super) at: Place,
    pub(super) action: &'n str,
    pub(super) node: &'n Node,
    pub(super) inputs: Option<&'n Node>,
    /// The loop that it is in.
    pub(super) parent: Option<usize>,
    /// The next in its list.
    pub(super) after: Option<usize>,
    /// A loop's first.
    pub(super) first: Option<usize>,
    pub(super) outputs: Vec<Declared<'n>>,
}

/// An output that a step declares.
pub(super) struct Declared<'n> {
    pub(super) name: &'n str,
    pub(super) selector: Option<(Place, &'n str)>,
    pub(super) kind: ValueType,
}

impl<'n> Step<'n> {
    pub(super) fn input(&self, name: &str) -> Option<&'n Node> {
        self.inputs.and_then(|inputs| inputs.get(name))
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.node.get(name).map(|node| &node.kind) {
            Some(Kind::Scalar(Value::Bool(flag))) => *flag,
            Some(Kind::Scalar(Value::String(text))) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// The steps that it may lead to by name, each with where that is written.
    pub(super) fn targets(&self) -> Vec<(Place, &'n str)> {
        let mut targets = self.branch_targets();
        let named = |key: &str| self.node.get(key).and_then(|node| Some((node.place, node.as_text()?)));
        targets.extend(named("nextStep").map(|(at, text)| (at, bare(text))));
        for key in ["onFailure", "onCancel"] {
            targets.extend(named(key).and_then(|(at, text)| Some((at, text.strip_prefix("step:")?.trim()))));
        }
        targets
    }

    pub(super) fn branch_targets(&self) -> Vec<(Place, &'n str)> {
        if self.action != "aws:branch" {
            return Vec::new();
        }
        let choices = self.input("Choices").map(Node::list).unwrap_or_default();
        choices
            .iter()
            .filter_map(|choice| choice.get("NextStep"))
            .chain(self.input("Default"))
            .filter_map(|node| Some((node.place, bare(node.as_text()?))))
            .filter(|(_, name)| !name.is_empty())
            .collect()
    }
}

/// `step:NAME` and `NAME` both name a step.
fn bare(text: &str) -> &str {
    text.strip_prefix("step:").unwrap_or(text).trim()
}

impl<'n> Outline<'n> {
    pub(super) fn step(&self, name: &str) -> Option<(usize, &Step<'n>)> {
        let index = *self.by_name.get(name)?;
        Some((index, self.steps.get(index)?))
    }

    pub(super) fn read(root: &'n Node, found: &mut Findings) -> Self {
        let mut outline =
            Self { root, parameters: vec![], variables: vec![], steps: vec![], by_name: HashMap::new() };
        if !matches!(root.kind, Kind::Map(_)) {
            let message = format!("the document is {}, not a map", root.kind_word());
            found.add(Code::WrongType, root.place, message, "start with `schemaVersion: '0.3'`");
            return outline;
        }
        keys(root, &DOCUMENT_KEYS, "the document", found);
        version(root, found);
        outline.parameters = named(root, "parameters", found, parameter);
        outline.variables = named(root, "variables", found, variable);
        match root.get("mainSteps") {
            Some(list) if !list.list().is_empty() => {
                outline.steps(list, None, found);
            }
            Some(other) => found.add(
                Code::WrongType,
                other.place,
                "`mainSteps` must be a list of at least one step",
                "write each step as `- name: …`",
            ),
            None => found.add(
                Code::MissingKey,
                root.place,
                "the document has no `mainSteps`",
                "add `mainSteps` with the steps",
            ),
        }
        outline
    }

    /// Reads a list of steps; the first one's index.
    fn steps(&mut self, list: &'n Node, parent: Option<usize>, found: &mut Findings) -> Option<usize> {
        let (mut first, mut before) = (None, None::<usize>);
        for node in list.list() {
            let Some(step) = step(node, parent, found) else { continue };
            let index = self.steps.len();
            if !step.name.is_empty() && self.by_name.insert(step.name, index).is_some() {
                found.add(
                    Code::DuplicateName,
                    step.at,
                    format!("there are two steps `{}`", step.name),
                    "rename one",
                );
            }
            let inner = (step.action == "aws:loop").then(|| step.input("Steps")).flatten();
            self.steps.push(step);
            if let Some(before) = before.and_then(|before| self.steps.get_mut(before)) {
                before.after = Some(index);
            }
            (first, before) = (first.or(Some(index)), Some(index));
            if let Some(inner) = inner {
                let start = self.steps(inner, Some(index), found);
                if let Some(step) = self.steps.get_mut(index) {
                    step.first = start;
                }
            }
        }
        first
    }
}

fn keys(node: &Node, known: &[&'static str], what: &str, found: &mut Findings) {
    let mut seen = HashSet::new();
    for (key, _) in node.members() {
        if !known.contains(&key.name.as_str()) {
            let hint = hint(&key.name, known.iter().copied());
            found.add(
                Code::UnknownKey,
                key.place,
                format!("{what} has an unknown key `{}`{hint}", key.name),
                "remove or rename it",
            );
        } else if !seen.insert(&key.name) {
            let message = format!("{what} has `{}` twice", key.name);
            found.add(Code::DuplicateName, key.place, message, "remove one");
        }
    }
}

fn version(root: &Node, found: &mut Findings) {
    let help = "write `schemaVersion: '0.3'`";
    match root.get("schemaVersion") {
        None => found.add(Code::MissingKey, root.place, "the document has no `schemaVersion`", help),
        Some(node) => match node.value() {
            Value::String(text) if text == "0.3" => {}
            Value::Number(number) if number.to_string() == "0.3" => {}
            other => found.add(
                Code::WrongVersion,
                node.place,
                format!("`schemaVersion` is `{}`", plain(&other)),
                help,
            ),
        },
    }
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

fn step<'n>(node: &'n Node, parent: Option<usize>, found: &mut Findings) -> Option<Step<'n>> {
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

fn is_map(node: &Node, what: &str, found: &mut Findings) -> bool {
    let is_map = matches!(node.kind, Kind::Map(_));
    if !is_map {
        found.add(
            Code::WrongType,
            node.place,
            format!("{what} is {}, not a map", node.kind_word()),
            "write it as a map",
        );
    }
    is_map
}

fn well_named(at: Place, name: &str, what: &str, found: &mut Findings) {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(legal) {
        found.add(
            Code::WrongValue,
            at,
            format!("`{name}` can't be the name of a {what}"),
            "use letters, digits, `_` and `-` only",
        );
    }
}

/// A scalar's text.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
