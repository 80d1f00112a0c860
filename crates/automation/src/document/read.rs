//! From the tree to the typed document.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::{
    AttachedFile, Count, Document, DocumentError, OnCancel, OnFailure, Output, Parameter, Step, ValueType,
    Variable, ends,
    node::{Kind, Node, Spot},
};
use crate::pattern::Pattern;

/// Keys of a document that have no meaning for an execution.
const IGNORED: [&str; 4] = ["templateInformation", "emergencyChange", "autoApprovable", "executableRunBooks"];

/// Reads a document.
pub(super) fn document(root: &Node) -> Result<Document, DocumentError> {
    let mut fields = Fields::of(root, "the document")?;
    let version = fields.required("schemaVersion")?;
    match version.value() {
        Value::String(text) if text == "0.3" => {}
        Value::Number(number) if number.to_string() == "0.3" => {}
        other => {
            return Err(version.error(format!(
                "`schemaVersion` is `{}`; only '0.3' is an Automation document",
                other.as_str().map_or_else(|| other.to_string(), str::to_owned)
            )));
        }
    }
    let document = Document {
        description: fields.text("description")?,
        assume_role: fields.text("assumeRole")?,
        parameters: named(fields.take("parameters"), "parameters", parameter)?,
        variables: named(fields.take("variables"), "variables", variable)?,
        steps: steps(fields.required("mainSteps")?)?,
        outputs: fields.take("outputs").map(outputs_of_document).transpose()?.unwrap_or_default(),
        files: named(fields.take("files"), "files", file)?,
    };
    for key in IGNORED {
        fields.take(key);
    }
    fields.finish()?;
    names_are_unique(&document)?;
    targets_exist(&document.steps, &HashSet::new())?;
    ends::every_step_can_end(&document.steps)?;
    Ok(document)
}

/// A step inside a loop shares its namespace with all others: its outputs are named by its name alone.
fn names_are_unique(document: &Document) -> Result<(), DocumentError> {
    let mut names = HashSet::new();
    match document.all_steps().into_iter().find(|step| !names.insert(step.name.as_str())) {
        None => Ok(()),
        Some(step) => Err(DocumentError {
            place: step.at,
            message: format!("there are two steps `{}`; rename one", step.name),
        }),
    }
}

/// Every step leads to a step that exists, as `CreateDocument` demands: beside it, or, from a loop, outside.
fn targets_exist<'s>(steps: &'s [Step], outside: &HashSet<&'s str>) -> Result<(), DocumentError> {
    let mut names = outside.clone();
    names.extend(steps.iter().map(|step| step.name.as_str()));
    for step in steps {
        let mut targets = step.branch_targets();
        targets.extend(step.next_step.clone());
        if let OnFailure::Step(name) = &step.on_failure {
            targets.push(name.clone());
        }
        if let OnCancel::Step(name) = &step.on_cancel {
            targets.push(name.clone());
        }
        if let Some(name) = targets.iter().find(|name| !names.contains(name.as_str())) {
            return Err(DocumentError {
                place: step.at,
                message: format!("step `{}` leads to step `{name}`, which doesn't exist", step.name),
            });
        }
        targets_exist(&step.steps, &names)?;
    }
    Ok(())
}

fn parameter(key: &Spot, node: &Node) -> Result<Parameter, DocumentError> {
    if !is_name(&key.name) {
        return Err(
            key.error(format!("parameter `{}`: a name has letters, digits, `_` and `-` only", key.name))
        );
    }
    let mut fields = Fields::of(node, &format!("parameter `{}`", key.name))?;
    let kind = fields.required("type")?;
    let parameter = Parameter {
        kind: kind.string()?.parse().map_err(|()| {
            kind.error(format!(
                "`{}` is not a parameter type; use String, StringList, Boolean, Integer, MapList, StringMap or a resource type such as AWS::IAM::Role::Arn",
                kind.text()
            ))
        })?,
        description: fields.text("description")?,
        default: fields.take("default").map(Node::value).filter(|value| !value.is_null()),
        allowed_values: fields.take("allowedValues").map(Node::items).transpose()?.unwrap_or_default()
            .iter().map(Node::value).collect(),
        allowed_pattern: fields.take("allowedPattern").map(pattern).transpose()?,
        min_items: fields.number("minItems")?,
        max_items: fields.number("maxItems")?,
        min_chars: fields.number("minChars")?,
        max_chars: fields.number("maxChars")?,
        at: key.place,
    };
    // Presentation, and two bounds that real documents carry though AWS documents neither.
    for key in ["displayType", "interpolationType", "minValue", "maxValue"] {
        fields.take(key);
    }
    fields.finish()?;
    Ok(parameter)
}

fn pattern(node: &Node) -> Result<String, DocumentError> {
    let text = node.string()?;
    Pattern::new(&text).map_err(|error| node.error(format!("`allowedPattern` {error}")))?;
    Ok(text)
}

fn variable(key: &Spot, node: &Node) -> Result<Variable, DocumentError> {
    let mut fields = Fields::of(node, &format!("variable `{}`", key.name))?;
    let variable = Variable {
        kind: value_type(fields.required("type")?)?,
        default: fields.take("default").map(Node::value).filter(|value| !value.is_null()),
        description: fields.text("description")?,
    };
    for key in ["allowedValues", "allowedPattern", "minItems", "maxItems", "minChars", "maxChars"] {
        fields.take(key);
    }
    fields.finish()?;
    Ok(variable)
}

fn file(key: &Spot, node: &Node) -> Result<AttachedFile, DocumentError> {
    let mut fields = Fields::of(node, &format!("file `{}`", key.name))?;
    fields.take("size");
    let mut sha256 = None;
    if let Some(sums) = fields.take("checksums") {
        let mut sums = Fields::of(sums, &format!("the checksums of file `{}`", key.name))?;
        for spelling in ["sha256", "SHA256", "sha-256", "SHA-256"] {
            if let Some(text) = sums.text(spelling)? {
                sha256 = Some(text);
            }
        }
        sums.finish()?;
    }
    fields.finish()?;
    Ok(AttachedFile { sha256 })
}

/// Reads a list of steps: the document's, or that of a loop.
fn steps(node: &Node) -> Result<Vec<Step>, DocumentError> {
    let items = node.items()?;
    if items.is_empty() {
        return Err(node.error("there are no steps; a document needs at least one"));
    }
    items.iter().map(step).collect()
}

fn step(node: &Node) -> Result<Step, DocumentError> {
    let mut fields = Fields::of(node, "a step")?;
    let name_node = fields.required("name")?;
    let name = name_node.string()?;
    if !is_name(&name) {
        return Err(name_node.error(format!("step `{name}`: a name has letters, digits, `_` and `-` only")));
    }
    fields.what = format!("step `{name}`");
    let action = fields.required("action")?.string()?;
    let inputs_node = fields.take("inputs");
    let inner = match inputs_node.filter(|_| action == "aws:loop").and_then(|inputs| inputs.member("Steps")) {
        Some(node) => steps(node)?,
        None => Vec::new(),
    };
    let inputs = match inputs_node {
        None => serde_json::Map::new(),
        Some(node) => match node.value() {
            Value::Object(inputs) => inputs,
            Value::Null => serde_json::Map::new(),
            _ => return Err(node.error(format!("`inputs` of step `{name}` must be a map"))),
        },
    };
    let on_failure = fields.take("onFailure").map(on_failure).transpose()?.unwrap_or(OnFailure::Abort);
    let step = Step {
        action,
        description: fields.text("description")?,
        inputs,
        max_attempts: fields.take("maxAttempts").map(count).transpose()?.unwrap_or(Count::Number(1)),
        timeout_seconds: fields.take("timeoutSeconds").map(count).transpose()?,
        on_cancel: fields.take("onCancel").map(on_cancel).transpose()?.unwrap_or(OnCancel::Abort),
        is_critical: fields.flag("isCritical")?.unwrap_or(on_failure != OnFailure::Continue),
        is_end: fields.flag("isEnd")?.unwrap_or(false),
        next_step: fields.text("nextStep")?.map(|text| step_name(&text)),
        outputs: fields.take("outputs").map(outputs).transpose()?.unwrap_or_default(),
        on_failure,
        steps: inner,
        name,
        at: node.place,
    };
    fields.finish()?;
    Ok(step)
}

fn on_failure(node: &Node) -> Result<OnFailure, DocumentError> {
    match node.string()?.as_str() {
        "Abort" | "abort" => Ok(OnFailure::Abort),
        "Continue" | "continue" => Ok(OnFailure::Continue),
        text if text.starts_with("step:") => Ok(OnFailure::Step(step_name(text))),
        text => Err(node.error(format!("`onFailure` is `{text}`; it may be Abort, Continue or step:NAME"))),
    }
}

fn on_cancel(node: &Node) -> Result<OnCancel, DocumentError> {
    match node.string()?.as_str() {
        "Abort" | "abort" => Ok(OnCancel::Abort),
        text if text.starts_with("step:") => Ok(OnCancel::Step(step_name(text))),
        text => Err(node.error(format!("`onCancel` is `{text}`; it may be Abort or step:NAME"))),
    }
}

/// `step:NAME` and `NAME` both name a step.
fn step_name(text: &str) -> String {
    text.strip_prefix("step:").unwrap_or(text).trim().to_owned()
}

fn count(node: &Node) -> Result<Count, DocumentError> {
    let value = node.value();
    if let Some(number) = value.as_u64() {
        return Ok(Count::Number(number));
    }
    if let Some(text) = value.as_str() {
        if let Ok(number) = text.trim().parse() {
            return Ok(Count::Number(number));
        }
        if text.contains("{{") {
            return Ok(Count::Reference(text.to_owned()));
        }
    }
    Err(node.error(format!("`{value}` is not a whole number")))
}

fn outputs(node: &Node) -> Result<Vec<Output>, DocumentError> {
    node.items()?
        .iter()
        .map(|item| {
            let mut fields = Fields::of(item, "an output")?;
            let output = Output {
                name: fields.required("Name")?.string()?,
                selector: fields.required("Selector")?.string()?,
                kind: fields.take("Type").map(value_type).transpose()?.unwrap_or(ValueType::String),
                at: item.place,
            };
            fields.finish()?;
            Ok(output)
        })
        .collect()
}

fn outputs_of_document(node: &Node) -> Result<Vec<String>, DocumentError> {
    node.items()?
        .iter()
        .map(|item| {
            let text = item.string()?;
            let bare = text.trim();
            let bare = bare.strip_prefix("{{").and_then(|t| t.strip_suffix("}}")).unwrap_or(bare).trim();
            match bare.split_once('.') {
                Some((step, output)) if !step.is_empty() && !output.is_empty() => Ok(bare.to_owned()),
                _ => Err(item.error(format!("output `{text}` must be of the form step.Output"))),
            }
        })
        .collect()
}

fn value_type(node: &Node) -> Result<ValueType, DocumentError> {
    node.string()?.parse().map_err(|()| {
        node.error(format!(
            "`{}` is not a type; use String, StringList, Boolean, Integer, MapList or StringMap",
            node.text()
        ))
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn named<T>(
    node: Option<&Node>,
    what: &str,
    read: impl Fn(&Spot, &Node) -> Result<T, DocumentError>,
) -> Result<BTreeMap<String, T>, DocumentError> {
    let Some(node) = node else { return Ok(BTreeMap::new()) };
    match &node.kind {
        Kind::Scalar(Value::Null) => Ok(BTreeMap::new()),
        Kind::Map(members) => {
            members.iter().map(|(key, node)| Ok((key.name.clone(), read(key, node)?))).collect()
        }
        _ => Err(node.error(format!("`{what}` must be a map"))),
    }
}

/// The members of a map, taken one by one so that what is left over is unknown.
struct Fields<'n> {
    what: String,
    node: &'n Node,
    left: Vec<(&'n Spot, &'n Node)>,
}

impl<'n> Fields<'n> {
    fn of(node: &'n Node, what: &str) -> Result<Self, DocumentError> {
        match &node.kind {
            Kind::Map(members) => Ok(Self {
                what: what.to_owned(),
                node,
                left: members.iter().map(|(key, node)| (key, node)).collect(),
            }),
            _ => Err(node.error(format!("{what} must be a map"))),
        }
    }

    fn take(&mut self, name: &str) -> Option<&'n Node> {
        let index = self.left.iter().position(|(key, _)| key.name == name)?;
        Some(self.left.swap_remove(index).1)
    }

    fn required(&mut self, name: &str) -> Result<&'n Node, DocumentError> {
        self.take(name).ok_or_else(|| self.node.error(format!("{} has no `{name}`; add it", self.what)))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, DocumentError> {
        match self.take(name) {
            Some(Node { kind: Kind::Scalar(Value::Null), .. }) | None => Ok(None),
            Some(node) => node.string().map(Some),
        }
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, DocumentError> {
        let Some(node) = self.take(name) else { return Ok(None) };
        match count(node)? {
            Count::Number(number) => Ok(Some(number)),
            Count::Reference(_) => Err(node.error(format!("`{name}` must be a whole number"))),
        }
    }

    /// A Boolean, or its text: real documents have both.
    fn flag(&mut self, name: &str) -> Result<Option<bool>, DocumentError> {
        let Some(node) = self.take(name) else { return Ok(None) };
        match node.value() {
            Value::Bool(flag) => Ok(Some(flag)),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            _ => Err(node.error(format!("`{name}` must be true or false"))),
        }
    }

    fn finish(mut self) -> Result<(), DocumentError> {
        self.left.sort_by_key(|(key, _)| (key.place.line, key.place.column));
        match self.left.first() {
            None => Ok(()),
            Some((key, _)) => {
                Err(key.error(format!("{} has an unknown key `{}`; remove it", self.what, key.name)))
            }
        }
    }
}

impl Spot {
    fn error(&self, message: impl Into<String>) -> DocumentError {
        DocumentError { place: self.place, message: message.into() }
    }
}

impl Node {
    fn items(&self) -> Result<&[Self], DocumentError> {
        match &self.kind {
            Kind::List(items) => Ok(items),
            _ => Err(self.error("this must be a list")),
        }
    }

    fn member(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(members) => members.iter().find(|(key, _)| key.name == name).map(|(_, node)| node),
            Kind::Scalar(_) | Kind::List(_) => None,
        }
    }

    fn string(&self) -> Result<String, DocumentError> {
        match &self.kind {
            Kind::Scalar(Value::String(text)) => Ok(text.clone()),
            Kind::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
            _ => Err(self.error("this must be text")),
        }
    }

    fn text(&self) -> String {
        self.string().unwrap_or_else(|_| self.value().to_string())
    }
}
