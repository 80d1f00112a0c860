//! SSM Automation's status changes.

use jiff::Timestamp;
use plumb_model::{AccountId, Region};
use serde::Serialize;
use serde_json::Value;

use crate::{
    envelope::Envelope,
    json::{Look, Wrong},
    resource::Arn,
    time,
};

/// An SSM Automation execution, or one of its steps, moved. Parameters, outputs and failure messages are not in the
/// event: `GetAutomationExecution` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AutomationStatus {
    /// The execution.
    pub execution_id: String,
    /// The status, in AWS's words: of the step if there is one, else of the execution.
    pub status: String,
    /// The document's name.
    pub definition: Option<String>,
    /// The document's version.
    pub definition_version: Option<String>,
    /// The step that moved.
    pub step: Option<Step>,
    /// The account that it runs in.
    pub account: Option<AccountId>,
    /// The Region that it runs in.
    pub region: Option<Region>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When EventBridge was told.
    pub observed_at: Option<Timestamp>,
    /// The event's own id.
    pub event_id: Option<String>,
}

/// A step of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Its action, such as `aws:executeAwsApi`.
    pub action: Option<String>,
}

pub(crate) fn status(event: &Envelope, step: bool) -> Result<AutomationStatus, Wrong> {
    let detail = &event.detail;
    let execution_id = match detail.text("/ExecutionId") {
        Some(id) => id,
        None => from_resources(&event.resources).ok_or("`detail.ExecutionId` is missing")?,
    };
    let step = step
        .then(|| {
            let action = detail.text("/Action").map(str::to_owned);
            Ok::<_, Wrong>(Step { name: event.required("/StepName")?.to_owned(), action })
        })
        .transpose()?;
    Ok(AutomationStatus {
        execution_id: execution_id.to_owned(),
        status: event.required("/Status")?.to_owned(),
        definition: detail.text("/Definition").map(str::to_owned),
        definition_version: version(detail.at("/DefinitionVersion")),
        step,
        account: event.sender().ok(),
        region: event.sent_from().ok(),
        started_at: time::parse(detail.at("/StartTime")),
        ended_at: time::parse(detail.at("/EndTime")),
        observed_at: event.time,
        event_id: event.id.clone(),
    })
}

/// `…:automation-execution/<id>` among the event's resources.
fn from_resources(resources: &[String]) -> Option<&str> {
    resources.iter().find_map(|name| {
        Arn::parse(name)?;
        name.split_once(":automation-execution/").map(|(_, id)| id).filter(|id| !id.is_empty())
    })
}

/// `1`, `1.0` and `"1"` are the same version.
fn version(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            let text = number.to_string();
            Some(text.strip_suffix(".0").unwrap_or(&text).to_owned())
        }
        _ => None,
    }
}
