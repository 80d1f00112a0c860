//! What a dry run found.

use serde::Serialize;
use serde_json::{Map, Value};

/// What would happen, as far as it can be told without doing it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether anything was found that fails.
    pub verdict: Verdict,
    /// The parameters it would run with.
    pub parameters: Vec<ShownParameter>,
    /// The role it would run as; nothing runs as the caller.
    pub assume_role: Option<String>,
    /// What is wrong with the document as a whole.
    pub problems: Vec<Problem>,
    /// The steps that can be reached, in the order of the way that goes well first.
    pub steps: Vec<DryStep>,
    /// The steps that no way leads to with these parameters.
    pub never_reached: Vec<String>,
    /// How it can end.
    pub ends: Vec<End>,
    /// Whether APIs and their parameters were compared with botocore's models.
    pub apis_checked: bool,
}

/// What a dry run comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing in it fails for a reason that can be told beforehand.
    Passes,
    /// At least one step fails if it is reached.
    Fails,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownParameter {
    /// Its name.
    pub name: String,
    /// Its value; `<Name>` if it isn't known.
    pub value: Value,
    /// Where the value is from.
    pub from: Source,
}

/// Where a parameter's value is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// It was given.
    Given,
    /// The document has it.
    Default,
    /// A real run needs it; here it stands for any value.
    Missing,
}

/// A step that can be reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryStep {
    /// Its name.
    pub name: String,
    /// Its action.
    pub action: String,
    /// By which way, the first of them.
    pub reached: String,
    /// Whether it is reached whatever the answers are, as long as no step before it fails.
    pub certain: bool,
    /// Its inputs with references replaced; `<Step.Output>` for what only a real run knows. Scripts are left out.
    pub inputs: Map<String, Value>,
    /// The AWS calls it makes.
    pub calls: Vec<DryCall>,
    /// Where it can lead.
    pub next: Vec<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl DryStep {
    /// Whether it can't succeed.
    pub fn fails(&self) -> bool {
        self.problems.iter().any(|problem| problem.fails)
    }
}

/// An AWS call that a step makes, or its script may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryCall {
    /// boto3's name of the service.
    pub service: String,
    /// The operation.
    pub api: String,
    /// Whether it may change something, by its name.
    pub changes: bool,
    /// Whether a script makes it, as far as reading tells.
    pub in_script: bool,
    /// Whether the dry run made it, to read what is there.
    pub made: bool,
}

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the step fails for it; else it may.
    pub fails: bool,
    /// What is wrong.
    pub message: String,
}

/// A way in which it can end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct End {
    /// `Success`, `Failed` or `Cancelled`.
    pub status: &'static str,
    /// The last step.
    pub at: String,
}
