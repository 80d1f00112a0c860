//! Runs a control's documents, as SSM Automation would.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{ProofError, Subject, folder::ControlFolder};
use crate::{calls::LoggedCall, service::Context, worker::Call};

const PATIENCE: Duration = Duration::from_mins(3);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The two documents of a control, stored under names of the proof's own.
pub(super) struct Runbooks<'a> {
    context: &'a Context,
    control: &'a ControlFolder,
    remediate: String,
    rollback: String,
}

/// An execution that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) status: String,
    pub(super) failure: String,
    /// Step name and status, in order.
    pub(super) steps: Vec<(String, String)>,
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) calls: Vec<LoggedCall>,
}

impl<'a> Runbooks<'a> {
    pub(super) async fn store(
        context: &'a Context,
        control: &'a ControlFolder,
        token: &str,
    ) -> Result<Self, ProofError> {
        let remediate = format!("plumb-proof-{}-{token}", control.id);
        let rollback = format!("{remediate}-rollback");
        for (name, content) in [(&remediate, &control.remediate), (&rollback, &control.rollback)] {
            let document = json!({"Name": name, "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
            ssm(context, "CreateDocument", document).await?;
        }
        Ok(Self { context, control, remediate, rollback })
    }

    pub(super) async fn remediate(&self, subject: &Subject) -> Result<Run, ProofError> {
        self.run(&self.remediate, self.parameters(subject)).await
    }

    /// Like the planner: what names the resource, and what the remediation captured.
    pub(super) async fn roll_back(&self, subject: &Subject, before: &str) -> Result<Run, ProofError> {
        let mut parameters = self.parameters(subject);
        parameters
            .retain(|name, _| self.control.parameters.get(name).is_none_or(|value| value.starts_with("{{")));
        // The ledger keeps it parsed, so that spelling and order are another by the time of the rollback.
        let before = serde_json::from_str::<Value>(before)
            .map_or_else(|_| before.to_owned(), |value| value.to_string());
        parameters.insert("Before".to_owned(), vec![before]);
        self.run(&self.rollback, parameters).await
    }

    fn parameters(&self, subject: &Subject) -> BTreeMap<String, Vec<String>> {
        let mut parameters: BTreeMap<_, _> = self
            .control
            .parameters
            .iter()
            .map(|(name, value)| {
                let value = match value.as_str() {
                    "{{resource.id}}" => subject.resource.clone(),
                    "{{resource.account}}" => self.context.account().to_owned(),
                    "{{resource.region}}" => self.context.region().to_owned(),
                    constant => constant.to_owned(),
                };
                (name.clone(), vec![value])
            })
            .collect();
        let role = format!("arn:aws:iam::{}:role/plumb-proof", self.context.account());
        parameters.insert("AutomationAssumeRole".to_owned(), vec![role]);
        parameters
    }

    async fn run(
        &self,
        document: &str,
        parameters: BTreeMap<String, Vec<String>>,
    ) -> Result<Run, ProofError> {
        let started = ssm(
            self.context,
            "StartAutomationExecution",
            json!({"DocumentName": document, "Parameters": parameters}),
        )
        .await?;
        let id = text(&started, "/AutomationExecutionId");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer =
                ssm(self.context, "GetAutomationExecution", json!({"AutomationExecutionId": id})).await?;
            let execution = answer.get("AutomationExecution").unwrap_or(&Value::Null);
            let status = text(execution, "/AutomationExecutionStatus");
            if !["Pending", "InProgress", "Waiting", "Cancelling"].contains(&status.as_str()) {
                return Ok(Run {
                    status,
                    failure: text(execution, "/FailureMessage"),
                    steps: steps(execution),
                    outputs: outputs(execution),
                    calls: self.context.calls().of_execution(&id),
                });
            }
            if Instant::now() >= deadline {
                return Err(ProofError::NoEnd { document: document.to_owned(), execution: id, status });
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }
}

impl Run {
    pub(super) fn succeeded(&self) -> bool {
        self.status == "Success"
    }

    pub(super) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map_or("", String::as_str)
    }

    /// Whether a Boolean output is true; AWS writes `true`, boto3 `True`.
    pub(super) fn says(&self, name: &str, expected: bool) -> bool {
        self.output(name).eq_ignore_ascii_case(&expected.to_string())
    }

    /// Calls that may have changed something.
    pub(super) fn mutations(&self) -> Vec<String> {
        let mutating = self.calls.iter().filter(|call| call.mutating);
        mutating.map(|call| format!("{}:{} {}", call.service, call.operation, call.about)).collect()
    }

    pub(super) fn step_succeeded(&self, name: &str) -> bool {
        self.steps.iter().any(|(step, status)| step == name && status == "Success")
    }

    /// How it ended, for a person to read.
    pub(super) fn ending(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|(name, status)| format!("{name} {status}")).collect();
        let failure = if self.failure.is_empty() { String::new() } else { format!(": {}", self.failure) };
        format!("it ended in {} ({}){failure}", self.status, steps.join(", "))
    }
}

async fn ssm(context: &Context, api: &str, params: Value) -> Result<Value, ProofError> {
    context
        .worker()
        .call(Call::outside("ssm", api, params))
        .await
        .map_err(|error| ProofError::Refused { call: format!("ssm:{api}"), said: error.message })
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn steps(execution: &Value) -> Vec<(String, String)> {
    let steps = execution.get("StepExecutions").and_then(Value::as_array);
    steps
        .into_iter()
        .flatten()
        .map(|step| (text(step, "/StepName"), text(step, "/StepStatus")))
        .filter(|(_, status)| status != "Pending")
        .collect()
}

fn outputs(execution: &Value) -> BTreeMap<String, String> {
    let outputs = execution.get("Outputs").and_then(Value::as_object);
    outputs.into_iter().flatten().map(|(name, values)| (name.clone(), text(values, "/0"))).collect()
}
