//! The interpreter.

use std::sync::Arc;

use crate::{
    execution::{Execution, Start, StepExecution},
    ports::{Answer, Ports},
    signals::Signals,
};

/// Runs a document to its end. Every change of status is told to [`crate::Observer`]; the answer is the last state.
///
/// The future owns what it needs, so it can be spawned. Dropping it stops the execution without cleaning up: to cancel
/// one, use its [`crate::Stopper`].
pub fn run(start: Start, ports: Ports, _signals: Signals) -> Answer<'static, Execution> {
    Box::pin(async move {
        let _ = Arc::clone(&start.document);
        start.execution(ports.clock.now())
    })
}

impl StepExecution {
    pub(crate) fn pending(execution: &str, index: usize, step: &crate::document::Step) -> Self {
        use crate::document::OnFailure;
        Self {
            id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, format!("{execution}/{index}").as_bytes())
                .to_string(),
            name: step.name.clone(),
            action: step.action.clone(),
            status: crate::Status::Pending,
            started_at: None,
            ended_at: None,
            timeout_seconds: step.timeout_seconds.as_ref().and_then(crate::document::Count::number),
            on_failure: match &step.on_failure {
                OnFailure::Abort => "Abort".to_owned(),
                OnFailure::Continue => "Continue".to_owned(),
                OnFailure::Step(name) => format!("step:{name}"),
            },
            max_attempts: step.max_attempts.number().map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX)),
            inputs: serde_json::Map::new(),
            outputs: std::collections::BTreeMap::new(),
            failure_message: None,
            failure: None,
            is_end: step.is_end,
            is_critical: step.is_critical,
            next_step: step.next_step.clone(),
            valid_next_steps: Vec::new(),
        }
    }
}
