//! What is known of every execution.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use plumb_automation::{Execution, Status, Stop, Stopper};
use serde_json::Value;

use crate::service::AwsError;

/// Executions of one account and Region that wait for a slot.
pub(super) const MOST_QUEUED: usize = 5000;

/// Every execution since the start. Cheap to clone: all clones are one record.
#[derive(Clone, Default)]
pub(super) struct Executions(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    executions: HashMap<String, Record>,
    /// By Region and token, in lower case: tokens differ in more than case.
    tokens: HashMap<(String, String), (Value, String)>,
}

struct Record {
    region: String,
    execution: Execution,
    stopper: Option<Stopper>,
    queued: bool,
}

/// An execution that is to be taken in.
pub(super) struct Admission<'a> {
    pub(super) region: &'a str,
    pub(super) execution: Execution,
    pub(super) stopper: Stopper,
    /// The request's token, if it has one, and the request without it.
    pub(super) token: Option<(&'a str, Value)>,
}

/// What became of it.
pub(super) enum Admitted {
    /// It is new, and has to be run.
    New,
    /// The token was used for the same request before: this is its execution.
    Before(String),
}

impl Executions {
    /// The execution that the same request with the same token started before, if there is one.
    ///
    /// # Errors
    /// When the token was used with another request.
    pub(super) fn before(
        &self,
        region: &str,
        token: &str,
        request: &Value,
    ) -> Result<Option<String>, AwsError> {
        before(&self.lock(), region, token, request)
    }

    /// Takes an execution in, unless its token was used before.
    pub(super) fn admit(&self, admission: Admission<'_>) -> Result<Admitted, AwsError> {
        let mut known = self.lock();
        let Admission { region, execution, stopper, token } = admission;
        if let Some((token, request)) = token {
            if let Some(id) = before(&known, region, token, &request)? {
                return Ok(Admitted::Before(id));
            }
            known.tokens.insert(key(region, token), (request, execution.id.clone()));
        }
        let queued =
            known.executions.values().filter(|record| record.queued && record.region == region).count();
        if queued >= MOST_QUEUED {
            return Err(AwsError::client(
                "AutomationExecutionLimitExceededException",
                format!("{queued} executions are waiting already; try again when some have ended"),
            ));
        }
        let record = Record { region: region.to_owned(), execution, stopper: Some(stopper), queued: true };
        known.executions.insert(record.execution.id.clone(), record);
        Ok(Admitted::New)
    }

    /// An execution has its slot; whether it still is to run.
    pub(super) fn dequeue(&self, id: &str) -> bool {
        let mut known = self.lock();
        let Some(record) = known.executions.get_mut(id) else { return false };
        record.queued = false;
        !record.execution.status.is_final()
    }

    /// Keeps an execution's state. Children come here without having been admitted.
    pub(super) fn keep(&self, region: &str, execution: Execution) {
        let mut known = self.lock();
        if let Some(record) = known.executions.get_mut(&execution.id) {
            record.execution = execution;
        } else {
            let id = execution.id.clone();
            let record = Record { region: region.to_owned(), execution, stopper: None, queued: false };
            known.executions.insert(id, record);
        }
    }

    /// One execution.
    pub(super) fn get(&self, region: &str, id: &str) -> Result<Execution, AwsError> {
        self.lock()
            .executions
            .get(id)
            .filter(|record| record.region == region)
            .map(|record| record.execution.clone())
            .ok_or_else(|| not_found(id))
    }

    /// All executions of a Region.
    pub(super) fn all(&self, region: &str) -> Vec<Execution> {
        let known = self.lock();
        known
            .executions
            .values()
            .filter(|record| record.region == region)
            .map(|record| record.execution.clone())
            .collect()
    }

    /// Stops one. One that was still waiting for a slot is cancelled at once, and given back.
    pub(super) fn stop(
        &self,
        region: &str,
        id: &str,
        how: Stop,
        now: Timestamp,
    ) -> Result<Option<Execution>, AwsError> {
        let mut known = self.lock();
        let record = known
            .executions
            .get_mut(id)
            .filter(|record| record.region == region)
            .ok_or_else(|| not_found(id))?;
        if record.execution.status.is_final() {
            return Err(AwsError::client(
                "InvalidAutomationStatusUpdateException",
                format!("Execution {id} can't be stopped: it is {}", record.execution.status.as_str()),
            ));
        }
        if record.queued {
            record.execution.status = Status::Cancelled;
            record.execution.ended_at = Some(now);
            return Ok(Some(record.execution.clone()));
        }
        match &record.stopper {
            Some(stopper) => {
                stopper.stop(how);
                Ok(None)
            }
            None => Err(AwsError::client(
                "InvalidAutomationStatusUpdateException",
                format!("Execution {id} belongs to another execution; stop that one"),
            )),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn before(known: &Known, region: &str, token: &str, request: &Value) -> Result<Option<String>, AwsError> {
    match known.tokens.get(&key(region, token)) {
        None => Ok(None),
        Some((earlier, id)) if earlier == request => Ok(Some(id.clone())),
        Some((_, id)) => Err(AwsError::client(
            "IdempotentParameterMismatch",
            format!("the client token `{token}` was used to start {id} with other parameters; use a new one"),
        )),
    }
}

fn key(region: &str, token: &str) -> (String, String) {
    (region.to_owned(), token.to_ascii_lowercase())
}

/// `AutomationExecutionNotFoundException`.
pub(super) fn not_found(id: &str) -> AwsError {
    AwsError::client(
        "AutomationExecutionNotFoundException",
        format!("Automation execution with execution ID {id} was not found"),
    )
}
