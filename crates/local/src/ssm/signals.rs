//! `SendAutomationSignal`: what may be said to an execution, and when.

use plumb_automation::{Execution, Mode, Signal, Status, StepExecution, is_approver};
use serde_json::Value;

use super::required;
use crate::service::{AwsError, Request};

/// The signal of a request; `by` is whoever sends it.
pub(super) fn read(request: &Request, by: &str) -> Result<Signal, AwsError> {
    let payload = |name: &str| {
        let texts = request.body.get("Payload").and_then(|payload| payload.get(name));
        texts.and_then(|texts| texts.get(0)).and_then(Value::as_str).map(str::to_owned)
    };
    let by = by.to_owned();
    Ok(match required(request, "SignalType")? {
        "Approve" => Signal::Approve { by, comment: payload("Comment").unwrap_or_default() },
        "Reject" => Signal::Reject { by, comment: payload("Comment").unwrap_or_default() },
        "Resume" => Signal::Resume { step: payload("StepName") },
        "StartStep" => Signal::StartStep { step: payload("StepName") },
        "StopStep" => Signal::StopStep { step_execution: payload("StepExecutionId") },
        "Revoke" => {
            return Err(invalid(
                "`Revoke` is for just-in-time access, which local AWS doesn't have".to_owned(),
            ));
        }
        other => {
            return Err(AwsError::client(
                "ValidationException",
                format!(
                    "`SignalType` is `{other}`; it must be one of Approve, Reject, StartStep, StopStep, Resume"
                ),
            ));
        }
    })
}

/// Whether the execution waits for it.
pub(super) fn check(execution: &Execution, signal: &Signal) -> Result<(), AwsError> {
    let waits = |action: &str| {
        execution.steps.iter().find(|step| step.status == Status::Waiting && step.action == action)
    };
    // Between two steps the execution waits, but no step does.
    let between = execution.mode == Mode::Interactive
        && execution.status == Status::Waiting
        && !execution.steps.iter().any(|step| step.status == Status::Waiting);
    match signal {
        Signal::Approve { by, .. } | Signal::Reject { by, .. } => match waits("aws:approve") {
            Some(step) if is_approver(&approvers(step), by) => Ok(()),
            Some(step) => Err(invalid(format!("`{by}` is not one of the approvers of step `{}`", step.name))),
            None => Err(unexpected(execution, "no step of it waits for approval")),
        },
        Signal::Resume { step } if between => named_step(execution, step.as_deref()),
        Signal::Resume { .. } => match waits("aws:pause") {
            Some(_) => Ok(()),
            None => Err(unexpected(execution, "it is not paused")),
        },
        Signal::StartStep { step } if between => named_step(execution, step.as_deref()),
        Signal::StartStep { .. } => Err(unexpected(execution, "it doesn't wait to be told of a step")),
        Signal::StopStep { step_execution } => {
            let under_way = |step: &StepExecution| {
                matches!(step.status, Status::InProgress | Status::Waiting)
                    && step_execution.as_deref().is_none_or(|id| id == step.id)
            };
            if execution.mode == Mode::Interactive && execution.steps.iter().any(under_way) {
                Ok(())
            } else {
                Err(unexpected(execution, "no such step of it is under way in interactive mode"))
            }
        }
    }
}

/// `InvalidAutomationSignalException` for an execution that doesn't wait for it.
pub(super) fn unexpected(execution: &Execution, why: &str) -> AwsError {
    invalid(format!("Execution {} is {}: {why}", execution.id, execution.status.as_str()))
}

fn named_step(execution: &Execution, name: Option<&str>) -> Result<(), AwsError> {
    match name {
        Some(name) if !execution.steps.iter().any(|step| step.name == name) => Err(AwsError::client(
            "AutomationStepNotFoundException",
            format!("Execution {} has no step {name}", execution.id),
        )),
        Some(_) | None => Ok(()),
    }
}

fn approvers(step: &StepExecution) -> Vec<String> {
    match step.inputs.get("Approvers") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn invalid(message: String) -> AwsError {
    AwsError::client("InvalidAutomationSignalException", message)
}
