//! An execution as the SSM API shows it.

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    choices,
    execution::{Execution, FailureDetails, ParentStep, StepExecution},
    spread::Spread,
};

/// `AutomationExecution`, as in `GetAutomationExecution`.
pub fn automation_execution(execution: &Execution) -> Value {
    let mut shape = metadata(execution);
    shape.insert(
        "StepExecutions".to_owned(),
        execution.steps.iter().map(step_execution).collect::<Vec<_>>().into(),
    );
    shape.insert("StepExecutionsTruncated".to_owned(), false.into());
    shape.insert("Parameters".to_owned(), json!(execution.parameters));
    if !execution.variables.is_empty() {
        shape.insert("Variables".to_owned(), json!(texts(&execution.variables)));
    }
    Value::Object(shape)
}

/// `AutomationExecutionMetadata`, as in `DescribeAutomationExecutions`.
pub fn automation_execution_metadata(execution: &Execution) -> Value {
    let mut shape = metadata(execution);
    shape.insert("AutomationType".to_owned(), automation_type(execution).into());
    Value::Object(shape)
}

/// `CrossAccount` for one that starts others in accounts and Regions.
pub fn automation_type(execution: &Execution) -> &'static str {
    match &execution.spread {
        Some(spread) if !spread.target_locations.is_empty() => "CrossAccount",
        Some(_) | None => "Local",
    }
}

fn metadata(execution: &Execution) -> Map<String, Value> {
    let mut shape = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shape.insert(name.to_owned(), value);
        }
    };
    put("AutomationExecutionId", Some(json!(execution.id)));
    put("DocumentName", Some(json!(execution.document_name)));
    put("DocumentVersion", Some(json!(execution.document_version)));
    put("AutomationExecutionStatus", Some(json!(execution.status.as_str())));
    put("ExecutionStartTime", Some(time(execution.started_at)));
    put("ExecutionEndTime", execution.ended_at.map(time));
    put("ExecutedBy", Some(json!(execution.executed_by)));
    put("Mode", Some(json!(execution.mode.as_str())));
    put("Target", execution.target.as_ref().map(|target| json!(target)));
    put("Outputs", Some(json!(document_outputs(execution))));
    put("ParentAutomationExecutionId", execution.parent_id.as_ref().map(|id| json!(id)));
    put("CurrentStepName", execution.current_step.as_ref().map(|name| json!(name)));
    put("CurrentAction", execution.current_action.as_ref().map(|name| json!(name)));
    put("FailureMessage", execution.failure_message.as_ref().map(|text| json!(text)));
    let spread = execution.spread.as_ref();
    let list = |items: &[Value]| (!items.is_empty()).then(|| json!(items));
    put("Targets", Some(json!(spread.map_or(&[][..], |spread| &spread.targets))));
    let resolved = spread.map_or(&[][..], |spread| &spread.resolved);
    put("ResolvedTargets", Some(json!({"ParameterValues": resolved, "Truncated": false})));
    if let Some(spread) = spread {
        put("TargetParameterName", spread.target_parameter.as_ref().map(|name| json!(name)));
        put("TargetMaps", list(&spread.target_maps));
        put("TargetLocations", list(&spread.target_locations));
        put("MaxConcurrency", Some(json!(spread.max_concurrency.to_string())));
        put("MaxErrors", Some(json!(spread.max_errors.to_string())));
        put("ProgressCounters", Some(progress(spread)));
    }
    shape
}

/// `StepExecution`.
pub fn step_execution(step: &StepExecution) -> Value {
    let mut shape = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shape.insert(name.to_owned(), value);
        }
    };
    put("StepName", Some(json!(step.name)));
    put("Action", Some(json!(step.action)));
    put("TimeoutSeconds", step.timeout_seconds.map(|seconds| json!(seconds)));
    put("OnFailure", Some(json!(step.on_failure)));
    put("MaxAttempts", Some(json!(step.max_attempts)));
    put("ExecutionStartTime", step.started_at.map(time));
    put("ExecutionEndTime", step.ended_at.map(time));
    put("StepStatus", Some(json!(step.status.as_str())));
    let inputs: BTreeMap<_, _> =
        step.inputs.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    put("Inputs", Some(json!(inputs)));
    put("Outputs", (!step.outputs.is_empty()).then(|| json!(texts(&step.outputs))));
    put("FailureMessage", step.failure_message.as_ref().map(|text| json!(text)));
    put("FailureDetails", step.failure.as_ref().map(failure_details));
    put("StepExecutionId", Some(json!(step.id)));
    put("OverriddenParameters", Some(json!({})));
    put("IsEnd", Some(json!(step.is_end)));
    put("NextStep", step.next_step.as_ref().map(|name| json!(name)));
    put("IsCritical", Some(json!(step.is_critical)));
    put("ValidNextSteps", Some(json!(step.valid_next_steps)));
    put("ParentStepDetails", step.parent.as_ref().map(parent_step));
    Value::Object(shape)
}

fn progress(spread: &Spread) -> Value {
    let counters = &spread.counters;
    json!({
        "TotalSteps": counters.total,
        "SuccessSteps": counters.success,
        "FailedSteps": counters.failed,
        "CancelledSteps": counters.cancelled,
        "TimedOutSteps": counters.timed_out,
    })
}

fn parent_step(parent: &ParentStep) -> Value {
    let mut shape = json!({
        "StepExecutionId": parent.id,
        "StepName": parent.name,
        "Action": parent.action,
        "Iteration": parent.iteration,
    });
    if let (Some(value), Some(members)) = (&parent.value, shape.as_object_mut()) {
        members.insert("IteratorValue".to_owned(), json!(value));
    }
    shape
}

fn failure_details(failure: &FailureDetails) -> Value {
    json!({
        "FailureStage": failure.stage.as_str(),
        "FailureType": failure.kind.as_str(),
        "Details": failure.details,
    })
}

/// The outputs that the document lists, in their wire form.
pub fn document_outputs(execution: &Execution) -> BTreeMap<String, Vec<String>> {
    execution
        .output_names
        .iter()
        .map(|name| {
            let value = match execution.outputs.get(name) {
                Some(value) => output_texts(value),
                None => vec![choices::NO_OUTPUT.to_owned()],
            };
            (name.clone(), value)
        })
        .collect()
}

/// Seconds since 1970, as the JSON 1.1 protocol has them.
fn time(at: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds since 1970 fit in 53 bits until the year 287396"
    )]
    let seconds = at.as_millisecond() as f64 / 1000.0;
    json!(seconds)
}

fn texts(values: &BTreeMap<String, Value>) -> BTreeMap<String, Vec<String>> {
    values.iter().map(|(name, value)| (name.clone(), output_texts(value))).collect()
}

/// A typed output as it travels: text as it is, lists item by item, maps as JSON text in Gson's spelling.
pub fn output_texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(output_text).collect(),
        other => vec![output_text(other)],
    }
}

fn output_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => gson(other),
    }
}

/// Compact JSON as Gson writes it: `=`, `<`, `>`, `&` and `'` in strings as escapes.
pub fn gson(value: &Value) -> String {
    let mut text = String::new();
    for letter in value.to_string().chars() {
        match letter {
            '=' | '<' | '>' | '&' | '\'' => {
                let _ = write!(text, "\\u{:04x}", u32::from(letter));
            }
            other => text.push(other),
        }
    }
    text
}
