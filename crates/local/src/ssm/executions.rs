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

/// Of those that start many others, so many may wait.
pub(super) const MOST_SPREAD_QUEUED: usize = 1000;

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
    extras: Extras,
}

/// What the engine knows nothing of.
#[derive(Debug, Clone, Default)]
pub(super) struct Extras {
    pub(super) tags: Vec<Value>,
    /// `AlarmConfiguration`.
    pub(super) alarm: Option<Value>,
    /// `TriggeredAlarms`.
    pub(super) triggered: Option<Value>,
}

/// An execution that is to be taken in.
pub(super) struct Admission<'a> {
    pub(super) region: &'a str,
    pub(super) execution: Execution,
    pub(super) stopper: Stopper,
    /// The request's token, if it has one, and the request without it.
    pub(super) token: Option<(&'a str, Value)>,
    pub(super) extras: Extras,
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
        let Admission { region, execution, stopper, token, extras } = admission;
        if let Some((token, request)) = &token
            && let Some(id) = before(&known, region, token, request)?
        {
            return Ok(Admitted::Before(id));
        }
        let spread = execution.spread.is_some();
        let alike = |record: &&Record| {
            record.queued && record.region == region && record.execution.spread.is_some() == spread
        };
        let queued = known.executions.values().filter(alike).count();
        if queued >= if spread { MOST_SPREAD_QUEUED } else { MOST_QUEUED } {
            return Err(AwsError::client(
                "AutomationExecutionLimitExceededException",
                format!("{queued} executions are waiting already; try again when some have ended"),
            ));
        }
        if let Some((token, request)) = token {
            known.tokens.insert(key(region, token), (request, execution.id.clone()));
        }
        let (region, stopper) = (region.to_owned(), Some(stopper));
        let record = Record { region, execution, stopper, queued: true, extras };
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

    /// Takes in the execution that another one starts, so that it can be spoken to.
    pub(super) fn take_in(&self, region: &str, execution: Execution, stopper: Stopper) {
        let (region, stopper) = (region.to_owned(), Some(stopper));
        let record = Record { region, execution, stopper, queued: false, extras: Extras::default() };
        self.lock().executions.insert(record.execution.id.clone(), record);
    }

    /// The end at which one that runs can be spoken to.
    pub(super) fn stopper(&self, region: &str, id: &str) -> Option<Stopper> {
        let known = self.lock();
        known.executions.get(id).filter(|record| record.region == region)?.stopper.clone()
    }

    /// Keeps an execution's state. Children come here without having been admitted.
    pub(super) fn keep(&self, region: &str, execution: Execution) {
        let mut known = self.lock();
        if let Some(record) = known.executions.get_mut(&execution.id) {
            record.execution = execution;
        } else {
            let id = execution.id.clone();
            let (region, extras) = (region.to_owned(), Extras::default());
            let record = Record { region, execution, stopper: None, queued: false, extras };
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

    /// What the engine knows nothing of.
    pub(super) fn extras(&self, id: &str) -> Extras {
        self.lock().executions.get(id).map(|record| record.extras.clone()).unwrap_or_default()
    }

    /// An alarm has stopped an execution.
    pub(super) fn triggered(&self, id: &str, alarms: Value) {
        if let Some(record) = self.lock().executions.get_mut(id) {
            record.extras.triggered = Some(alarms);
        }
    }

    /// All executions of a Region.
    pub(super) fn all(&self, region: &str) -> Vec<(Execution, Extras)> {
        let known = self.lock();
        known
            .executions
            .values()
            .filter(|record| record.region == region)
            .map(|record| (record.execution.clone(), record.extras.clone()))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plumb_automation::{Document, Environment, Mode, Spread, Start, parameters::Bound, signals};
    use serde_json::json;

    use super::*;

    const REGION: &str = "us-east-1";
    const TOKEN: &str = "0b0e1b5c-8f0a-5d6e-9c3f-0123456789ab";

    fn document() -> Arc<Document> {
        let steps =
            "schemaVersion: '0.3'\nmainSteps: [{name: Wait, action: 'aws:sleep', inputs: {Duration: PT1S}}]";
        Arc::new(Document::parse(steps).unwrap())
    }

    fn admit(
        executions: &Executions,
        document: &Arc<Document>,
        id: &str,
        token: Option<(&str, Value)>,
    ) -> Result<Admitted, AwsError> {
        admit_spread(executions, document, id, token, None)
    }

    fn admit_spread(
        executions: &Executions,
        document: &Arc<Document>,
        id: &str,
        token: Option<(&str, Value)>,
        spread: Option<Spread>,
    ) -> Result<Admitted, AwsError> {
        let start = Start {
            id: id.to_owned(),
            document_name: "wait".to_owned(),
            document_version: "1".to_owned(),
            document: Arc::clone(document),
            parameters: Bound::default(),
            environment: Environment {
                account: "123456789012".to_owned(),
                region: REGION.to_owned(),
                partition: "aws".to_owned(),
            },
            executed_by: String::new(),
            parent_id: None,
            depth: 0,
            mode: Mode::Auto,
            role: None,
            target: None,
        };
        let (stopper, _) = signals();
        let execution = Execution { spread, ..start.execution(Timestamp::UNIX_EPOCH) };
        executions.admit(Admission { region: REGION, execution, stopper, token, extras: Extras::default() })
    }

    #[test]
    fn a_token_is_for_one_request_whatever_its_case() {
        let (executions, document) = (Executions::default(), document());
        let request = json!({"DocumentName": "wait"});
        let first = admit(&executions, &document, "a", Some((TOKEN, request.clone()))).unwrap();
        assert!(matches!(first, Admitted::New));
        let shouted = TOKEN.to_uppercase();
        let again = admit(&executions, &document, "b", Some((shouted.as_str(), request))).unwrap();
        assert!(matches!(again, Admitted::Before(id) if id == "a"));
        let other = admit(&executions, &document, "c", Some((TOKEN, json!({"DocumentName": "other"}))));
        assert_eq!(other.err().unwrap().code, "IdempotentParameterMismatch");
        assert_eq!(executions.before("eu-west-1", TOKEN, &json!({})), Ok(None));
    }

    #[test]
    fn a_full_queue_takes_no_more_until_one_has_its_slot() {
        let (executions, document) = (Executions::default(), document());
        for number in 0..MOST_QUEUED {
            admit(&executions, &document, &number.to_string(), None).unwrap();
        }
        let refused = admit(&executions, &document, "one more", None);
        assert_eq!(refused.err().unwrap().code, "AutomationExecutionLimitExceededException");
        assert!(executions.dequeue("0"));
        assert!(admit(&executions, &document, "one more", None).is_ok());
    }

    #[test]
    fn requests_for_many_have_a_queue_of_their_own() {
        let (executions, document) = (Executions::default(), document());
        let request = json!({"TargetMaps": [{"Id": ["a"]}]});
        let many = "schemaVersion: '0.3'\nparameters: {Id: {type: String}}\nmainSteps: [{name: Wait, action: 'aws:pause'}]";
        let spread = Spread::read(request.as_object().unwrap(), &Document::parse(many).unwrap()).unwrap();
        let admit_many = |id: &str| admit_spread(&executions, &document, id, None, spread.clone());
        for number in 0..MOST_SPREAD_QUEUED {
            admit_many(&number.to_string()).unwrap();
        }
        let refused = admit_many("one more");
        assert_eq!(refused.err().unwrap().code, "AutomationExecutionLimitExceededException");
        assert!(admit(&executions, &document, "a single one", None).is_ok());
    }

    #[test]
    fn a_refused_request_does_not_use_up_its_token() {
        let (executions, document) = (Executions::default(), document());
        for number in 0..MOST_QUEUED {
            admit(&executions, &document, &number.to_string(), None).unwrap();
        }
        assert!(admit(&executions, &document, "late", Some((TOKEN, json!({})))).is_err());
        executions.dequeue("0");
        let later = admit(&executions, &document, "late", Some((TOKEN, json!({})))).unwrap();
        assert!(matches!(later, Admitted::New));
    }

    #[test]
    fn one_that_waits_for_a_slot_is_cancelled_at_once_and_never_runs() {
        let (executions, document) = (Executions::default(), document());
        admit(&executions, &document, "a", None).unwrap();
        let stopped = executions.stop(REGION, "a", Stop::Cancel, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(stopped.map(|execution| execution.status), Some(Status::Cancelled));
        assert!(!executions.dequeue("a"));
        let again = executions.stop(REGION, "a", Stop::Cancel, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(again.code, "InvalidAutomationStatusUpdateException");
    }

    #[test]
    fn an_execution_belongs_to_its_region() {
        let (executions, document) = (Executions::default(), document());
        admit(&executions, &document, "a", None).unwrap();
        assert!(executions.get(REGION, "a").is_ok());
        assert_eq!(
            executions.get("eu-west-1", "a").unwrap_err().code,
            "AutomationExecutionNotFoundException"
        );
    }
}
