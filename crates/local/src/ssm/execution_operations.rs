//! The operations on executions.

use jiff::Timestamp;
use plumb_automation::{Execution, StepExecution, wire};
use serde_json::{Value, json};

use super::{executions::Extras, page, required, run::Runner};
use crate::{
    members::{items, text, texts},
    service::{AwsError, Request},
};

type Operation = fn(&Runner, &Request) -> Result<Value, AwsError>;

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<Operation> {
    Some(match name {
        "StartAutomationExecution" => {
            |runner, request| Ok(json!({"AutomationExecutionId": runner.start(request)?}))
        }
        "StopAutomationExecution" => |runner, request| runner.stop(request).map(|()| json!({})),
        "GetAutomationExecution" => get,
        "DescribeAutomationExecutions" => list,
        "DescribeAutomationStepExecutions" => list_steps,
        "SendAutomationSignal" => |runner, request| runner.signal(request).map(|()| json!({})),
        _ => return None,
    })
}

fn get(runner: &Runner, request: &Request) -> Result<Value, AwsError> {
    let execution = runner.executions.get(&request.region, required(request, "AutomationExecutionId")?)?;
    let extras = runner.executions.extras(&execution.id);
    Ok(json!({"AutomationExecution": with(wire::automation_execution(&execution), &extras)}))
}

/// What the engine knows nothing of, beside what it knows.
fn with(mut shown: Value, extras: &Extras) -> Value {
    if let Some(members) = shown.as_object_mut() {
        for (name, value) in [("AlarmConfiguration", &extras.alarm), ("TriggeredAlarms", &extras.triggered)] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.clone());
            }
        }
    }
    shown
}

fn list(runner: &Runner, request: &Request) -> Result<Value, AwsError> {
    let filters = filters(request, &EXECUTION_KEYS)?;
    let found = runner
        .executions
        .all(&request.region)
        .iter()
        .filter(|(execution, extras)| filters.iter().all(|filter| filter.picks_execution(execution, extras)))
        .map(|(execution, extras)| {
            (newest_first(execution), with(wire::automation_execution_metadata(execution), extras))
        })
        .collect();
    page("AutomationExecutionMetadataList", found, request, 50, 50)
}

fn list_steps(runner: &Runner, request: &Request) -> Result<Value, AwsError> {
    let execution = runner.executions.get(&request.region, required(request, "AutomationExecutionId")?)?;
    let filters = filters(request, &STEP_KEYS)?;
    let backwards = request.body.get("ReverseOrder").and_then(Value::as_bool) == Some(true);
    let found = execution
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| filters.iter().all(|filter| filter.picks_step(step)))
        .map(|(index, step)| {
            let place = if backwards { usize::MAX - index } else { index };
            (format!("{place:020}"), wire::step_execution(step))
        })
        .collect();
    page("StepExecutions", found, request, 50, 50)
}

/// The microseconds left until the end of time, then the id.
fn newest_first(execution: &Execution) -> String {
    format!("{:020} {}", i64::MAX - execution.started_at.as_microsecond(), execution.id)
}

const EXECUTION_KEYS: [&str; 12] = [
    "ExecutionId",
    "DocumentNamePrefix",
    "ExecutionStatus",
    "ParentExecutionId",
    "CurrentAction",
    "AutomationType",
    "AutomationSubtype",
    "TagKey",
    "TargetResourceGroup",
    "OpsItemId",
    "StartTimeBefore",
    "StartTimeAfter",
];
const STEP_KEYS: [&str; 9] = [
    "StepExecutionStatus",
    "StepExecutionId",
    "StepName",
    "Action",
    "ParentStepExecutionId",
    "ParentStepIteration",
    "ParentStepIteratorValue",
    "StartTimeBefore",
    "StartTimeAfter",
];

struct Filter<'a> {
    key: &'a str,
    values: Vec<&'a str>,
    /// The first value as a time, for the keys that compare times.
    bound: Option<Timestamp>,
}

impl Filter<'_> {
    fn picks_execution(&self, execution: &Execution, extras: &Extras) -> bool {
        match self.key {
            "ExecutionId" => self.has(&execution.id),
            "DocumentNamePrefix" => {
                self.values.iter().any(|start| execution.document_name.starts_with(start))
            }
            "ExecutionStatus" => self.has(execution.status.as_str()),
            "ParentExecutionId" => execution.parent_id.as_deref().is_some_and(|id| self.has(id)),
            "CurrentAction" => execution.current_action.as_deref().is_some_and(|action| self.has(action)),
            "AutomationType" => self.has(wire::automation_type(execution)),
            "TargetResourceGroup" => {
                let targets = execution.spread.iter().flat_map(|spread| &spread.targets);
                targets
                    .filter(|target| text(target, "Key") == Some("ResourceGroup"))
                    .any(|target| texts(target, "Values").any(|group| self.has(group)))
            }
            "TagKey" => extras.tags.iter().filter_map(|tag| text(tag, "Key")).any(|key| self.has(key)),
            // Change requests and OpsItems are nothing that local AWS has.
            "AutomationSubtype" | "OpsItemId" => false,
            _ => self.picks_start(Some(execution.started_at)),
        }
    }

    fn picks_step(&self, step: &StepExecution) -> bool {
        match self.key {
            "StepExecutionStatus" => self.has(step.status.as_str()),
            "StepExecutionId" => self.has(&step.id),
            "StepName" => self.has(&step.name),
            "Action" => self.has(&step.action),
            "ParentStepExecutionId" => step.parent.as_ref().is_some_and(|parent| self.has(&parent.id)),
            "ParentStepIteration" => {
                step.parent.as_ref().is_some_and(|parent| self.has(&parent.iteration.to_string()))
            }
            "ParentStepIteratorValue" => {
                let value = step.parent.as_ref().and_then(|parent| parent.value.as_deref());
                value.is_some_and(|value| self.has(value))
            }
            _ => self.picks_start(step.started_at),
        }
    }

    fn picks_start(&self, started: Option<Timestamp>) -> bool {
        let (Some(started), Some(bound)) = (started, self.bound) else { return false };
        if self.key == "StartTimeBefore" { started < bound } else { started > bound }
    }

    fn has(&self, value: &str) -> bool {
        self.values.contains(&value)
    }
}

fn filters<'a>(request: &'a Request, known: &[&str]) -> Result<Vec<Filter<'a>>, AwsError> {
    items(&request.body, "Filters").map(|filter| read_filter(filter, known)).collect()
}

fn read_filter<'a>(filter: &'a Value, known: &[&str]) -> Result<Filter<'a>, AwsError> {
    let key = text(filter, "Key").unwrap_or_default();
    if !known.contains(&key) {
        return Err(AwsError::client(
            "InvalidFilterKey",
            format!("`{key}` is not a key that local AWS can filter by; use one of {}", known.join(", ")),
        ));
    }
    let values: Vec<&str> = texts(filter, "Values").collect();
    let invalid = |what: &str| AwsError::client("InvalidFilterValue", format!("the filter `{key}` {what}"));
    let first = values.first().ok_or_else(|| invalid("has no values"))?;
    let bound = if key.starts_with("StartTime") {
        let time = first.parse().map_err(|_| invalid("must be a time such as 2024-11-29T19:43:35Z"))?;
        Some(time)
    } else {
        None
    };
    Ok(Filter { key, values, bound })
}
