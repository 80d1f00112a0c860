//! An execution: what was started, how far it is, how it ended.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    document::{Count, Document, OnFailure, Step},
    parameters::Bound,
    spread::Spread,
};

/// Where an execution runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The account's id.
    pub account: String,
    /// The region.
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// Everything needed to run a document.
#[derive(Debug, Clone)]
pub struct Start {
    /// The execution's id, a UUID in text.
    pub id: String,
    /// The document's name.
    pub document_name: String,
    /// The document's version.
    pub document_version: String,
    /// The document.
    pub document: Arc<Document>,
    /// Its parameters, from [`Document::bind`].
    pub parameters: Bound,
    /// Where it runs.
    pub environment: Environment,
    /// The ARN of whoever started it.
    pub executed_by: String,
    /// The execution that started it, for a child.
    pub parent_id: Option<String>,
    /// How many executions are above it.
    pub depth: u32,
    /// Whether it waits before each step.
    pub mode: Mode,
    /// The role it runs as, whatever the document says.
    pub role: Option<String>,
    /// What it was started for, if it is one of many: a parameter's value, or an account and a Region.
    pub target: Option<String>,
}

/// How an execution goes from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// By itself.
    #[default]
    Auto,
    /// Each time it is told to.
    Interactive,
}

impl Mode {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Interactive => "Interactive",
        }
    }
}

impl Start {
    /// The execution as it is before it runs: `Pending`, all steps `Pending`.
    pub fn execution(&self, now: Timestamp) -> Execution {
        Execution {
            id: self.id.clone(),
            document_name: self.document_name.clone(),
            document_version: self.document_version.clone(),
            status: Status::Pending,
            started_at: now,
            ended_at: None,
            parameters: self.parameters.wire(),
            outputs: BTreeMap::new(),
            output_names: self.document.outputs.clone(),
            variables: BTreeMap::new(),
            steps: self
                .document
                .steps
                .iter()
                .enumerate()
                .map(|(index, step)| StepExecution::pending(&self.id, index, step))
                .collect(),
            current_step: None,
            current_action: None,
            failure_message: None,
            executed_by: self.executed_by.clone(),
            parent_id: self.parent_id.clone(),
            mode: self.mode,
            target: self.target.clone(),
            spread: None,
        }
    }
}

/// The status of an execution or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Waiting for a signal.
    Waiting,
    /// Ended well.
    Success,
    /// Took too long.
    TimedOut,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Cancelled,
    /// Failed.
    Failed,
    /// A loop that one of its steps left.
    Exited,
}

impl Status {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Success => "Success",
            Self::TimedOut => "TimedOut",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
            Self::Exited => "Exited",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::TimedOut | Self::Cancelled | Self::Failed | Self::Exited)
    }
}

/// An execution. [`crate::wire`] renders it as AWS does.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its id.
    pub id: String,
    /// The document's name.
    pub document_name: String,
    /// The document's version.
    pub document_version: String,
    /// Its status.
    pub status: Status,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its parameters, defaults included, in their wire form.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// The outputs that the document lists, `step.Output` to typed value; only those that exist.
    pub outputs: BTreeMap<String, Value>,
    /// The outputs that the document lists.
    pub output_names: Vec<String>,
    /// The variables' values.
    pub variables: BTreeMap<String, Value>,
    /// Its steps: those of the document in order, then one more for each time a step was visited again.
    pub steps: Vec<StepExecution>,
    /// The name of the step under way.
    pub current_step: Option<String>,
    /// Its action.
    pub current_action: Option<String>,
    /// Why it failed.
    pub failure_message: Option<String>,
    /// The ARN of whoever started it.
    pub executed_by: String,
    /// The execution that started it, for a child.
    pub parent_id: Option<String>,
    /// Whether it waits before each step.
    pub mode: Mode,
    /// What it was started for, if it is one of many.
    pub target: Option<String>,
    /// What it starts many executions of; its steps are those executions then.
    pub spread: Option<Spread>,
}

/// One run of a step.
#[derive(Debug, Clone)]
pub struct StepExecution {
    /// Its id.
    pub id: String,
    /// The step's name.
    pub name: String,
    /// Its action, such as `aws:executeAwsApi`.
    pub action: String,
    /// Its status.
    pub status: Status,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its timeout in seconds, if it has one.
    pub timeout_seconds: Option<u64>,
    /// `Abort`, `Continue` or `step:NAME`.
    pub on_failure: String,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// Its inputs, references replaced.
    pub inputs: Map<String, Value>,
    /// Its outputs, typed; with `OutputPayload` once it has succeeded.
    pub outputs: BTreeMap<String, Value>,
    /// Why it failed, in AWS's words.
    pub failure_message: Option<String>,
    /// Why it failed, sorted.
    pub failure: Option<FailureDetails>,
    /// Whether the execution stops after it.
    pub is_end: bool,
    /// Whether its failure fails the execution.
    pub is_critical: bool,
    /// Where it goes on success, if it says so.
    pub next_step: Option<String>,
    /// The steps that may follow it.
    pub valid_next_steps: Vec<String>,
    /// The loop it ran in, and the pass.
    pub parent: Option<ParentStep>,
}

/// `ParentStepDetails`: a loop, and one of its passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentStep {
    /// The loop's step execution id.
    pub id: String,
    /// The loop's name.
    pub name: String,
    /// `aws:loop`.
    pub action: String,
    /// The pass, from 1.
    pub iteration: usize,
    /// The iterator's value, if the loop has iterators.
    pub value: Option<String>,
}

impl StepExecution {
    /// A step that hasn't begun; its id follows from its place in the execution.
    pub(crate) fn pending(execution: &str, number: usize, step: &Step) -> Self {
        Self {
            id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{execution}/{number}").as_bytes()).to_string(),
            name: step.name.clone(),
            action: step.action.clone(),
            status: Status::Pending,
            started_at: None,
            ended_at: None,
            timeout_seconds: step.timeout_seconds.as_ref().and_then(Count::number),
            on_failure: match &step.on_failure {
                OnFailure::Abort => "Abort".to_owned(),
                OnFailure::Continue => "Continue".to_owned(),
                OnFailure::Step(name) => format!("step:{name}"),
            },
            max_attempts: step
                .max_attempts
                .number()
                .map_or(1, |number| u32::try_from(number).unwrap_or(u32::MAX)),
            inputs: Map::new(),
            outputs: BTreeMap::new(),
            failure_message: None,
            failure: None,
            is_end: step.is_end,
            is_critical: step.is_critical,
            next_step: step.next_step.clone(),
            valid_next_steps: Vec::new(),
            parent: None,
        }
    }
}

/// `FailureDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureDetails {
    /// When it failed.
    pub stage: FailureStage,
    /// What kind of failure.
    pub kind: FailureType,
    /// More, by name.
    pub details: BTreeMap<String, Vec<String>>,
}

/// `FailureStage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureStage {
    /// While its inputs were read.
    InputValidation,
    /// Before the action.
    PreVerification,
    /// In the action.
    Invocation,
    /// While its outputs were read.
    PostVerification,
}

impl FailureStage {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InputValidation => "InputValidation",
            Self::PreVerification => "PreVerification",
            Self::Invocation => "Invocation",
            Self::PostVerification => "PostVerification",
        }
    }
}

/// `FailureType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureType {
    /// The action failed.
    Action,
    /// AWS refused.
    Permission,
    /// AWS asked to slow down.
    Throttling,
    /// A value wasn't what it should be.
    Verification,
    /// The service itself.
    Internal,
}

impl FailureType {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Permission => "Permission",
            Self::Throttling => "Throttling",
            Self::Verification => "Verification",
            Self::Internal => "Internal",
        }
    }
}
