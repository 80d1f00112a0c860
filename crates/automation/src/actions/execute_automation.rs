//! `aws:executeAutomation`: runs another document to its end.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::{Execution, FailureType, Mode, Start, Status},
    failure::{Doing, Failure},
    parameters::{ParameterError, WireParameters, to_wire},
    ports::{Answer, Family},
    signals::{Stop, signals},
    spread::{Spread, run_spread},
    wire::output_texts,
};

pub(super) struct ExecuteAutomation;

impl Action for ExecuteAutomation {
    /// A child is told to stop, not dropped.
    fn ends_itself(&self) -> bool {
        true
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let (start, spread) = child(&call).await?;
            match follow(&call, start, spread).await {
                Followed::Ended(execution) => outcome(&execution),
                Followed::TimedOut => Err(Unfinished::TimedOut),
                Followed::Cancelled => Err(Unfinished::Cancelled),
            }
        })
    }
}

/// Whom a child is spread over, with the parameters that all its executions share.
type Many = Option<(Spread, WireParameters)>;

async fn child(call: &Call<'_>) -> Result<(Start, Many), Failure> {
    let name = call.text("DocumentName")?;
    if call.start.depth >= choices::MAX_NESTING {
        return Err(Failure::inputs(&format!(
            "Automations may start each other {} deep at most",
            choices::MAX_NESTING
        )));
    }
    let version = match call.inputs.get("DocumentVersion") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => call.optional_text("DocumentVersion")?.map(str::to_owned),
    };
    let executing = |reason: String| Failure::new(Doing::Executing, FailureType::Action, &reason);
    let stored = call
        .ports
        .documents
        .find(name, version.as_deref())
        .await
        .map_err(|error| executing(error.to_string()))?;
    let spread = Spread::read(call.inputs, &stored.document).map_err(|error| {
        executing(format!(
            "An error occurred ({}) when calling the StartAutomationExecution operation: {error}",
            error.code
        ))
    })?;
    let own = spread.as_ref().map(Spread::own_parameters).unwrap_or_default();
    let given: WireParameters =
        call.map("RuntimeParameters")?.iter().map(|(name, value)| (name.clone(), to_wire(value))).collect();
    let parameters = stored.document.bind_but(&given, &own).map_err(|error| {
        executing(format!(
            "An error occurred ({}) when calling the StartAutomationExecution operation: {error}",
            ParameterError::CODE
        ))
    })?;
    let start = Start {
        // The same for the same attempt, so that a run can be told again.
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{}", call.id, call.attempt).as_bytes())
            .to_string(),
        document_name: stored.name,
        document_version: stored.version,
        document: stored.document,
        parameters,
        environment: call.start.environment.clone(),
        executed_by: call.start.executed_by.clone(),
        parent_id: Some(call.start.id.clone()),
        depth: call.start.depth + 1,
        mode: Mode::Auto,
        role: None,
        target: None,
    };
    Ok((start, spread.map(|spread| (spread, given))))
}

enum Followed {
    Ended(Box<Execution>),
    TimedOut,
    Cancelled,
}

/// Runs the child; if the step times out or is cancelled, the child is cancelled and seen to its end.
async fn follow(call: &Call<'_>, start: Start, many: Many) -> Followed {
    let (stopper, child_signals) = signals();
    let ports = call.ports.clone();
    let mut child = match many {
        Some((spread, given)) => run_spread(start, spread, given, ports, child_signals),
        None => call.ports.launcher.launch(start, ports, (stopper.clone(), child_signals), Family::Child),
    };
    let mut parent = call.signals.clone();
    let ended = tokio::select! {
        biased;
        () = parent.cancelled() => Followed::Cancelled,
        execution = &mut child => return Followed::Ended(Box::new(execution)),
        () = until(call, call.timeout) => Followed::TimedOut,
    };
    stopper.stop(Stop::Cancel);
    child.await;
    ended
}

async fn until(call: &Call<'_>, timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => call.ports.clock.sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn outcome(execution: &Execution) -> Result<Done, Unfinished> {
    if execution.status != Status::Success {
        let reason = format!(
            "The child automation execution {} ended with the status {}{}",
            execution.id,
            execution.status.as_str(),
            execution.failure_message.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        );
        return Err(Failure::new(Doing::Polling, FailureType::Action, &reason).into());
    }
    let texts: Vec<Value> = execution
        .output_names
        .iter()
        .flat_map(|name| match execution.outputs.get(name) {
            Some(value) => output_texts(value),
            None => vec![choices::NO_OUTPUT.to_owned()],
        })
        .map(Value::String)
        .collect();
    let mut outputs = BTreeMap::from([
        ("ExecutionId".to_owned(), json!(execution.id)),
        ("Status".to_owned(), json!(execution.status.as_str())),
        ("Output".to_owned(), Value::Array(texts)),
    ]);
    let payload = json!(outputs);
    // A child's outputs can be named by its own step, too.
    outputs.extend(execution.outputs.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(Done { payload, outputs, ..Done::default() })
}
