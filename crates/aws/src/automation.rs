//! SSM Automation.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_ssm::types::{AutomationExecution, DocumentPermissionType};
use plumb_model::{Action, Place, document_name};
use plumb_ports::{Execution, PortError, ReadAutomation, StartAutomation};
use serde_json::Value;

use crate::{
    clients::Aws,
    errors::{failed, incomplete},
};

/// SSM Automation, where it is asked for.
#[derive(Debug)]
pub struct Automation<'a>(pub &'a Aws);

impl StartAutomation for Automation<'_> {
    async fn start(&self, action: &Action) -> Result<String, PortError> {
        let Some(place) = &action.place else { return start(self.0, action).await };
        let aws = self.0.at(place).await?;
        match start(&aws, action).await {
            // What a member can't see has not been shared with it yet; how SSM says that is not documented.
            Err(error) if may_be_unshared(&error.code) => {
                self.share(&action.document, place).await?;
                start(&aws, action).await
            }
            answer => answer,
        }
    }
}

async fn start(aws: &Aws, action: &Action) -> Result<String, PortError> {
    const OPERATION: &str = "ssm:StartAutomationExecution";
    let parameters: HashMap<_, _> = action.parameters.clone().into_iter().collect();
    let answer = aws
        .ssm()
        .start_automation_execution()
        .document_name(&action.document)
        .document_version(&action.document_version)
        .set_parameters(Some(parameters))
        .client_token(action.client_token.to_string())
        .send()
        .await
        .map_err(|error| failed(OPERATION, error))?;
    answer.automation_execution_id.ok_or_else(|| incomplete(OPERATION, "execution id"))
}

fn may_be_unshared(code: &str) -> bool {
    ["AutomationDefinition", "InvalidDocument", "AccessDenied"].iter().any(|begin| code.starts_with(begin))
}

impl Automation<'_> {
    /// Shares one of this account's documents with a member, in the member's Region: every version, because what was
    /// approved is pinned to one.
    /// [Limits](https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-ssm-sharing.html): 1,000 accounts.
    async fn share(&self, document: &str, place: &Place) -> Result<(), PortError> {
        let elsewhere = (place.region != *self.0.region()).then(|| self.0.in_region(&place.region));
        let aws = elsewhere.as_ref().unwrap_or(self.0);
        // A document of this account's own is there already, and sharing it with oneself is refused.
        if place.account == self.0.home().account {
            return Ok(());
        }
        aws.ssm()
            .modify_document_permission()
            .name(document_name(document))
            .permission_type(DocumentPermissionType::Share)
            .account_ids_to_add(place.account.as_str())
            .shared_document_version("$ALL")
            .send()
            .await
            .map(|_| ())
            .map_err(|error| failed("ssm:ModifyDocumentPermission", error))
    }
}

impl ReadAutomation for Automation<'_> {
    async fn execution(&self, place: &Place, execution_id: &str) -> Result<Execution, PortError> {
        const OPERATION: &str = "ssm:GetAutomationExecution";
        let aws = self.0.at(place).await?;
        let answer = aws
            .ssm()
            .get_automation_execution()
            .automation_execution_id(execution_id)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        let execution = answer.automation_execution.ok_or_else(|| incomplete(OPERATION, "execution"))?;
        let outputs = all_outputs(&execution);
        Ok(Execution {
            status: execution
                .automation_execution_status
                .map_or_else(String::new, |status| status.as_str().to_owned()),
            outputs,
            steps: execution
                .step_executions
                .unwrap_or_default()
                .into_iter()
                .map(|step| {
                    let status =
                        step.step_status.map_or_else(String::new, |status| status.as_str().to_owned());
                    (step.step_name.unwrap_or_default(), status)
                })
                .collect(),
            failure: execution.failure_message,
            document: execution.document_name.unwrap_or_default(),
            parameters: execution.parameters.unwrap_or_default().into_iter().collect(),
            started_at: execution
                .execution_start_time
                .and_then(|time| jiff::Timestamp::from_millisecond(time.to_millis().ok()?).ok()),
        })
    }
}

/// The document's outputs, and under `Step.Output` those of its steps: a document that ends badly has none of its own.
fn all_outputs(execution: &AutomationExecution) -> BTreeMap<String, Value> {
    let steps = execution.step_executions();
    let of_steps = steps.iter().flat_map(|step| {
        let name = step.step_name().unwrap_or_default();
        let own = step.outputs().into_iter().flatten();
        own.map(move |(output, texts)| (format!("{name}.{output}"), texts.clone()))
    });
    let mut wire: HashMap<String, Vec<String>> = execution.outputs().cloned().unwrap_or_default();
    for (name, texts) in of_steps {
        wire.insert(name, texts);
    }
    outputs(wire)
}

/// Outputs come as lists of texts; a single text that is JSON is read as JSON (`true`, `{"…":…}`).
fn outputs(wire: HashMap<String, Vec<String>>) -> BTreeMap<String, Value> {
    wire.into_iter()
        .map(|(name, mut texts)| {
            let value = match (texts.len(), texts.pop()) {
                (1, Some(text)) => match text.to_ascii_lowercase().as_str() {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    _ => Value::String(text),
                },
                (_, last) => Value::Array(texts.into_iter().chain(last).map(Value::String).collect()),
            };
            (name, value)
        })
        .collect()
}
