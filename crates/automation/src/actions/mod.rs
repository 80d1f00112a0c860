//! The actions: one file each, listed in [`find`].

pub(crate) mod approve;
mod assert_property;
mod branch;
mod change_instance_state;
mod copy_image;
mod create_image;
mod create_stack;
mod create_tags;
mod delete_image;
mod delete_stack;
mod execute_api;
mod execute_automation;
mod execute_script;
mod execute_state_machine;
mod image;
mod invoke_lambda;
mod invoke_webhook;
mod pause;
pub(crate) mod repeat;
mod run_command;
mod run_instances;
pub(crate) mod sleep;
pub(crate) mod update_variable;
mod wait_property;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    choices,
    document::Step,
    execution::{FailureType, Start},
    failure::Failure,
    ports::{Answer, ApiCall, ApiError, Origin, Ports},
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

    /// Whether all it does is to call AWS, so that its longest time is that of a call.
    fn makes_calls(&self) -> bool {
        false
    }

    /// One attempt.
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>>;
}

/// The action of a name; `aws:loop` is the engine's own.
pub(crate) fn find(name: &str) -> Option<&'static dyn Action> {
    Some(match name {
        "aws:approve" => &approve::Approve,
        "aws:assertAwsResourceProperty" => &assert_property::AssertProperty,
        "aws:branch" => &branch::Branch,
        "aws:changeInstanceState" => &change_instance_state::ChangeInstanceState,
        "aws:copyImage" => &copy_image::CopyImage,
        "aws:createImage" => &create_image::CreateImage,
        "aws:createStack" => &create_stack::CreateStack,
        "aws:createTags" => &create_tags::CreateTags,
        "aws:deleteImage" => &delete_image::DeleteImage,
        "aws:deleteStack" => &delete_stack::DeleteStack,
        "aws:executeAutomation" => &execute_automation::ExecuteAutomation,
        "aws:executeAwsApi" => &execute_api::ExecuteApi,
        "aws:executeScript" => &execute_script::ExecuteScript,
        "aws:executeStateMachine" => &execute_state_machine::ExecuteStateMachine,
        "aws:invokeLambdaFunction" => &invoke_lambda::InvokeLambda,
        "aws:invokeWebhook" => &invoke_webhook::InvokeWebhook,
        "aws:pause" => &pause::Pause,
        "aws:runCommand" => &run_command::RunCommand,
        "aws:runInstances" => &run_instances::RunInstances,
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
        self.optional_text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| Failure::missing(name))
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

    /// Texts among the inputs that must be there; one text is a list of it.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&str>, Failure> {
        let wrong =
            |value: &Value| Failure::inputs(&format!("Input {name} must be a list of Strings, not {value}"));
        match self.inputs.get(name) {
            None | Some(Value::Null) => Err(Failure::missing(name)),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(value @ Value::Array(items)) if !items.is_empty() => {
                items.iter().map(Value::as_str).collect::<Option<Vec<_>>>().ok_or_else(|| wrong(value))
            }
            Some(value) => Err(wrong(value)),
        }
    }

    /// A Boolean among the inputs, or its text; false if it isn't there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.inputs.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(other) => Err(Failure::inputs(&format!("Input {name} must be true or false, not {other}"))),
        }
    }

    /// Whether all these inputs are there.
    pub(crate) fn all_there(&self, names: &[&str]) -> Result<(), Failure> {
        names.iter().try_for_each(|name| self.text(name).map(|_| ()))
    }

    /// Inputs under the names that an API has for them; those that aren't given are left out.
    pub(crate) fn picked(&self, names: &[(&str, &str)]) -> Map<String, Value> {
        names
            .iter()
            .filter_map(|(input, api)| {
                let value = self.inputs.get(*input).filter(|value| !value.is_null())?;
                Some(((*api).to_owned(), value.clone()))
            })
            .collect()
    }

    /// Makes a call of the action's own.
    pub(crate) async fn try_request(
        &self,
        service: &str,
        api: &str,
        parameters: Map<String, Value>,
    ) -> Result<Value, ApiError> {
        let call = ApiCall {
            service: service.to_owned(),
            api: api.to_owned(),
            parameters,
            region: self.start.environment.region.clone(),
            assume_role: self.role.map(str::to_owned),
            origin: self.origin(),
        };
        self.ports.api.call(call).await
    }

    /// [`Call::try_request`] whose errors fail the step.
    pub(crate) async fn request(
        &self,
        service: &str,
        api: &str,
        parameters: Map<String, Value>,
    ) -> Result<Value, Failure> {
        self.try_request(service, api, parameters).await.map_err(|error| Failure::api(&error))
    }

    /// Looks again and again until there is something to see; throttling waits for the next look.
    pub(crate) async fn until<T>(
        &self,
        service: &str,
        api: &str,
        parameters: &Map<String, Value>,
        ready: impl Fn(&Value) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        loop {
            match self.request(service, api, parameters.clone()).await {
                Ok(seen) => {
                    if let Some(found) = ready(&seen)? {
                        return Ok(found);
                    }
                }
                Err(failure) if failure.details.kind == FailureType::Throttling => {}
                Err(failure) => return Err(failure),
            }
            self.ports.clock.sleep(choices::POLL_INTERVAL).await;
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
