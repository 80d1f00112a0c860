//! A document as the linter sees it: everything with its place, and nothing refused. What the schema doesn't allow is
//! found on the way.

mod parameters;
mod steps;

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::finding::{Code, Findings, hint};
use crate::document::{
    Place, ValueType,
    node::{Kind, Node},
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
        outline.parameters = parameters::parameters(root, found);
        outline.variables = parameters::variables(root, found);
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
            let Some(step) = steps::step(node, parent, found) else { continue };
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
