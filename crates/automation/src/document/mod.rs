//! An SSM Automation document of schemaVersion 0.3, typed.

mod accepted;
mod ends;
pub(crate) mod node;
mod read;
mod types;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};

pub use types::{ParameterType, ValueType};

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it does.
    pub description: Option<String>,
    /// The role it runs as: an ARN or a reference to a parameter; empty runs as the caller.
    pub assume_role: Option<String>,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, Parameter>,
    /// Its variables by name.
    pub variables: BTreeMap<String, Variable>,
    /// Its steps, at least one.
    pub steps: Vec<Step>,
    /// The outputs of the execution, as `step.Output`.
    pub outputs: Vec<String>,
    /// Attached files by name.
    pub files: BTreeMap<String, AttachedFile>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its type.
    pub kind: ParameterType,
    /// What it is.
    pub description: Option<String>,
    /// Its value when none is given; a parameter without one is required.
    pub default: Option<Value>,
    /// The only values it may have; empty allows all.
    pub allowed_values: Vec<Value>,
    /// A Java regular expression that its text must match.
    pub allowed_pattern: Option<String>,
    /// The fewest items a list or map may have.
    pub min_items: Option<u64>,
    /// The most items a list or map may have.
    pub max_items: Option<u64>,
    /// The fewest characters.
    pub min_chars: Option<u64>,
    /// The most characters.
    pub max_chars: Option<u64>,
    /// Where it stands.
    pub at: Place,
}

/// A variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its type.
    pub kind: ValueType,
    /// Its first value; may hold references.
    pub default: Option<Value>,
    /// What it is.
    pub description: Option<String>,
}

/// An attached file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedFile {
    /// Its SHA-256 in hexadecimal.
    pub sha256: Option<String>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name, unique in the document.
    pub name: String,
    /// Its action, such as `aws:executeAwsApi`; one that this engine doesn't know fails when run.
    pub action: String,
    /// What it does.
    pub description: Option<String>,
    /// Its inputs, references and all.
    pub inputs: Map<String, Value>,
    /// How often it is tried.
    pub max_attempts: Count,
    /// How long one attempt may take, in seconds.
    pub timeout_seconds: Option<Count>,
    /// What happens when it fails or times out.
    pub on_failure: OnFailure,
    /// What happens when it is cancelled.
    pub on_cancel: OnCancel,
    /// Whether its failure fails the execution.
    pub is_critical: bool,
    /// Whether the execution stops after it.
    pub is_end: bool,
    /// Where it goes on success; else to the next in the list.
    pub next_step: Option<String>,
    /// What it takes from its action's result.
    pub outputs: Vec<Output>,
    /// The steps inside it; only `aws:loop` has any.
    pub steps: Vec<Step>,
    /// Where it stands.
    pub at: Place,
}

/// A number, or a reference to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// A number.
    Number(u64),
    /// Text with a reference.
    Reference(String),
}

impl Count {
    /// The number, unless it is a reference.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Reference(_) => None,
        }
    }
}

/// What happens when a step fails or times out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnFailure {
    /// The execution ends.
    Abort,
    /// It goes on as if the step had succeeded.
    Continue,
    /// It goes on at a step.
    Step(String),
}

/// What happens when a step is cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCancel {
    /// The execution ends.
    Abort,
    /// It cleans up from a step on.
    Step(String),
}

/// A named output of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Where it is in the action's result.
    pub selector: String,
    /// Its type.
    pub kind: ValueType,
    /// Where it stands.
    pub at: Place,
}

/// A line and a column of the document, from 1; 0 if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A document that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {message}", place.line, place.column)]
pub struct DocumentError {
    /// Where.
    pub place: Place,
    /// What is wrong and what to do.
    pub message: String,
}

impl Document {
    /// Reads a document in YAML or JSON.
    ///
    /// # Errors
    /// If it is neither, or not a document of schemaVersion 0.3.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        read::document(&node::parse(text)?)
    }

    /// Every step, those inside loops after their loop.
    pub fn all_steps(&self) -> Vec<&Step> {
        fn collect<'s>(steps: &'s [Step], all: &mut Vec<&'s Step>) {
            for step in steps {
                all.push(step);
                collect(&step.steps, all);
            }
        }
        let mut all = Vec::new();
        collect(&self.steps, &mut all);
        all
    }

    /// A step of the document's own list and its place in it.
    pub fn step(&self, name: &str) -> Option<(usize, &Step)> {
        self.steps.iter().enumerate().find(|(_, step)| step.name == name)
    }
}

impl Step {
    /// The timeout, if it is a plain number.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_seconds.as_ref().and_then(Count::number).map(Duration::from_secs)
    }

    /// The steps that may follow this one on success, given the next in the list.
    pub(crate) fn valid_next(&self, next: Option<String>) -> Vec<String> {
        let mut names = self.branch_targets();
        if names.is_empty() && !self.is_end {
            names.extend(self.next_step.clone().or(next));
        }
        names
    }

    /// The steps that an `aws:branch` may go to.
    pub(crate) fn branch_targets(&self) -> Vec<String> {
        if self.action != "aws:branch" {
            return Vec::new();
        }
        let choices = self.inputs.get("Choices").and_then(Value::as_array);
        let choices = choices.into_iter().flatten().filter_map(|choice| choice.get("NextStep"));
        choices
            .chain(self.inputs.get("Default"))
            .filter_map(Value::as_str)
            .map(|name| name.strip_prefix("step:").unwrap_or(name).trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect()
    }
}
