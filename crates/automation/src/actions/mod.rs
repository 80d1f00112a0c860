//! The actions: one file each, listed in [`find`].

pub(crate) mod approve;
mod assert_property;
mod branch;
mod execute_api;
mod execute_automation;
mod execute_script;
mod pause;
pub(crate) mod repeat;
mod sleep;
mod update_variable;
mod wait_property;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    document::Step,
    execution::Start,
    failure::Failure,
    ports::{Answer, ApiCall, Origin, Ports},
    scope::Scope,
    signals::Signals,
};

/// An action.
pub(crate) trait Action: Sync {
    /// Inputs in which references are not replaced.
    fn raw_inputs(&self) -> &'static [&'static str] {
        &[]
    }

    /// How long it may take if the step doesn't say.
    fn default_timeout(&self) -> Option<Duration> {
        None
    }

    /// How long it may take whatever the step says.
    fn longest(&self) -> Option<Duration> {
        None
    }

    /// Whether it minds its own timeout and cancellation, because what it started must be told.
    fn ends_itself(&self) -> bool {
        false
    }

    /// Whether it waits for a signal: its step and the execution show `Waiting`.
    fn waits(&self) -> bool {
        false
    }

    /// One attempt.
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>>;
}

/// The action of a name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Action> {
    Some(match name {
        "aws:approve" => &approve::Approve,
        "aws:assertAwsResourceProperty" => &assert_property::AssertProperty,
        "aws:branch" => &branch::Branch,
        "aws:executeAutomation" => &execute_automation::ExecuteAutomation,
        "aws:executeAwsApi" => &execute_api::ExecuteApi,
        "aws:executeScript" => &execute_script::ExecuteScript,
        "aws:pause" => &pause::Pause,
        "aws:sleep" => &sleep::Sleep,
        "aws:updateVariable" => &update_variable::UpdateVariable,
        "aws:waitForAwsResourceProperty" => &wait_property::WaitProperty,
        _ => return None,
    })
}

/// One attempt at a step.
pub(crate) struct Call<'a> {
    pub(crate) step: &'a Step,
    /// The inputs, references replaced.
    pub(crate) inputs: &'a Map<String, Value>,
    pub(crate) timeout: Option<Duration>,
    /// The step execution's id.
    pub(crate) id: &'a str,
    pub(crate) attempt: u64,
    pub(crate) start: &'a Start,
    pub(crate) role: Option<&'a str>,
    pub(crate) scope: &'a Scope,
    pub(crate) ports: &'a Ports,
    pub(crate) signals: &'a Signals,
    /// Takes outputs that show while the step is under way.
    pub(crate) notes: &'a UnboundedSender<BTreeMap<String, Value>>,
}

/// What an attempt gave.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What selectors select from, and `OutputPayload` shows.
    pub(crate) payload: Value,
    /// Outputs that the action has of itself.
    pub(crate) outputs: BTreeMap<String, Value>,
    /// Where to go.
    pub(crate) jump: Jump,
    /// A variable's new value.
    pub(crate) variable: Option<(String, Value)>,
}

/// Where a successful step leads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Jump {
    /// Where the step's own fields say.
    #[default]
    AsWritten,
    /// To a step, even if the step says `isEnd`.
    To(String),
}

/// An attempt that gave nothing.
#[derive(Debug)]
pub(crate) enum Unfinished {
    Failed(Failure),
    TimedOut,
    Cancelled,
}

impl From<Failure> for Unfinished {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A whole number among inputs, or its text.
pub(crate) fn optional_number(inputs: &Map<String, Value>, name: &str) -> Result<Option<u64>, Failure> {
    let wrong = |value: &Value| Failure::inputs(&format!("Input {name} must be a whole number, not {value}"));
    match inputs.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Number(number)) => number.as_u64().map(Some).ok_or_else(|| wrong(value)),
        Some(value @ Value::String(text)) => text.trim().parse().map(Some).map_err(|_| wrong(value)),
        Some(value) => Err(wrong(value)),
    }
}

impl Call<'_> {
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            execution_id: self.start.id.clone(),
            document: self.start.document_name.clone(),
            step: self.step.name.clone(),
        }
    }

    /// A text among the inputs that must be there.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Failure> {
        self.optional_text(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Failure::inputs(&format!("Required input {name} is missing")))
    }

    /// A text among the inputs.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&str>, Failure> {
        match self.inputs.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Failure::inputs(&format!("Input {name} must be a String, not {other}"))),
        }
    }

    /// A map among the inputs.
    pub(crate) fn map(&self, name: &str) -> Result<Map<String, Value>, Failure> {
        match self.inputs.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(other) => Err(Failure::inputs(&format!("Input {name} must be a map, not {other}"))),
        }
    }

    /// The AWS call that `Service`, `Api` and the inputs but those in `own` describe.
    pub(crate) fn api_call(&self, own: &[&str]) -> Result<ApiCall, Failure> {
        Ok(ApiCall {
            service: self.text("Service")?.trim().to_ascii_lowercase(),
            api: crate::names::pascal_case(self.text("Api")?.trim()),
            parameters: self
                .inputs
                .iter()
                .filter(|(name, _)| *name != "Service" && *name != "Api" && !own.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            region: self.start.environment.region.clone(),
            assume_role: self.role.map(str::to_owned),
            origin: self.origin(),
        })
    }

    /// Makes the call.
    pub(crate) async fn api(&self, own: &[&str]) -> Result<Value, Failure> {
        let call = self.api_call(own)?;
        self.ports.api.call(call).await.map_err(|error| Failure::api(&error))
    }
}
