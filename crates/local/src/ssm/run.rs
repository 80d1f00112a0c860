//! Starts executions, and follows them to their end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use plumb_automation::{
    Answer, Clock, Environment, Execution, Mode, Observer, ParameterError, Ports, Start, Status,
    StepExecution, Stop, WireParameters, parameters::Bound, signals,
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    executions::{Admission, Admitted, Executions},
    library::{Library, RegionalDocuments},
    notifications, partition, required,
};
use crate::{
    eventbridge::Publisher,
    members::text,
    service::{AwsError, Caller, Context, Request},
};

/// Executions of one account and Region that run at once. A child runs in its parent's slot.
const MOST_RUNNING: usize = 100;

/// Runs executions.
pub(super) struct Runner {
    context: Context,
    library: Library,
    pub(super) executions: Executions,
    publisher: Arc<Publisher>,
    slots: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Runner {
    pub(super) fn new(context: Context, library: Library) -> Self {
        let publisher = Arc::new(Publisher::new(context.clone()));
        Self { context, library, executions: Executions::default(), publisher, slots: Mutex::default() }
    }

    /// `StartAutomationExecution`: checks everything, then runs it in the background; the execution's id.
    pub(super) fn start(&self, request: &Request) -> Result<String, AwsError> {
        let name = required(request, "DocumentName")?;
        refuse_what_is_not_run(request)?;
        let token =
            text(&request.body, "ClientToken").map(|token| Ok((check_token(token)?, fingerprint(request))));
        let token = token.transpose()?;
        if let Some((token, request_without_it)) = &token
            && let Some(id) = self.executions.before(&request.region, token, request_without_it)?
        {
            return Ok(id);
        }
        let stored = self.library.runbook(&request.region, name, text(&request.body, "DocumentVersion"))?;
        let parameters = stored
            .document
            .bind(&wire_parameters(request)?)
            .map_err(|error| AwsError::client(ParameterError::CODE, error.to_string()))?;
        check_role(stored.document.assume_role.as_deref(), &parameters)?;
        let start = Start {
            id: Uuid::new_v4().to_string(),
            document_name: stored.name,
            document_version: stored.version,
            document: stored.document,
            parameters,
            environment: Environment {
                account: request.account.clone(),
                region: request.region.clone(),
                partition: partition(&request.region).to_owned(),
            },
            executed_by: executed_by(request),
            parent_id: None,
            depth: 0,
            mode: Mode::Auto,
            role: None,
            target: None,
        };
        let (stopper, signals) = signals();
        let execution = start.execution(Timestamp::now());
        let admission = Admission { region: &request.region, execution, stopper, token };
        if let Admitted::Before(id) = self.executions.admit(admission)? {
            return Ok(id);
        }
        let id = start.id.clone();
        let (watch, slots) = (self.watch(&request.account, &request.region), self.slots(&request.region));
        let ports = self.ports(Arc::clone(&watch), &request.region);
        tokio::spawn(async move {
            let Ok(_slot) = slots.acquire_owned().await else { return };
            if watch.executions.dequeue(&start.id) {
                let id = start.id.clone();
                let ended = tokio::spawn(plumb_automation::run(start, ports, signals)).await;
                watch.ended(&id, ended);
            }
        });
        Ok(id)
    }

    /// `StopAutomationExecution`.
    pub(super) fn stop(&self, request: &Request) -> Result<(), AwsError> {
        let id = required(request, "AutomationExecutionId")?;
        let how = match text(&request.body, "Type") {
            None | Some("Cancel") => Stop::Cancel,
            Some("Complete") => Stop::Complete,
            Some(other) => {
                let message = format!("`Type` is `{other}`; it must be Cancel or Complete");
                return Err(AwsError::client("ValidationException", message));
            }
        };
        if let Some(cancelled) = self.executions.stop(&request.region, id, how, Timestamp::now())? {
            self.watch(&request.account, &request.region).tell(&cancelled);
        }
        Ok(())
    }

    fn ports(&self, watch: Arc<Watch>, region: &str) -> Ports {
        let worker = Arc::new(self.context.worker().clone());
        Ports {
            api: Arc::clone(&worker) as Arc<dyn plumb_automation::AwsApi>,
            scripts: worker,
            documents: Arc::new(RegionalDocuments {
                library: self.library.clone(),
                region: region.to_owned(),
            }),
            clock: Arc::new(WallClock),
            observer: watch,
            stubs: Arc::new(plumb_automation::Declared::default()),
            launcher: Arc::new(plumb_automation::AtOnce),
        }
    }

    fn watch(&self, account: &str, region: &str) -> Arc<Watch> {
        Arc::new(Watch {
            executions: self.executions.clone(),
            publisher: Arc::clone(&self.publisher),
            account: account.to_owned(),
            region: region.to_owned(),
        })
    }

    fn slots(&self, region: &str) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(region.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(MOST_RUNNING))))
    }
}

/// Keeps and publishes what happens to executions.
struct Watch {
    executions: Executions,
    publisher: Arc<Publisher>,
    account: String,
    region: String,
}

impl Watch {
    fn tell(&self, execution: &Execution) {
        let now = Timestamp::now();
        self.publisher.publish(notifications::execution_changed(&self.account, &self.region, execution, now));
    }

    fn ended(&self, id: &str, ended: Result<Execution, tokio::task::JoinError>) {
        match ended {
            Ok(execution) => self.executions.keep(&self.region, execution),
            Err(error) => {
                tracing::error!(execution = id, %error, "the engine broke down");
                let Ok(mut execution) = self.executions.get(&self.region, id) else { return };
                execution.status = Status::Failed;
                execution.ended_at = Some(Timestamp::now());
                execution.failure_message =
                    Some("Internal error: the engine broke down; see the log".to_owned());
                self.executions.keep(&self.region, execution.clone());
                self.tell(&execution);
            }
        }
    }
}

impl Observer for Watch {
    fn execution_changed(&self, execution: &Execution) {
        self.executions.keep(&self.region, execution.clone());
        self.tell(execution);
    }

    fn step_changed(&self, execution: &Execution, step: &StepExecution) {
        self.executions.keep(&self.region, execution.clone());
        let event =
            notifications::step_changed(&self.account, &self.region, execution, step, Timestamp::now());
        self.publisher.publish(event);
    }
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> Answer<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

fn refuse_what_is_not_run(request: &Request) -> Result<(), AwsError> {
    let given = |name: &&str| match request.body.get(*name) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let rate_control = ["Targets", "TargetMaps", "TargetLocations", "TargetLocationsURL"];
    if let Some(name) = rate_control.into_iter().find(given) {
        let message = format!("local AWS runs one execution for each request; leave `{name}` out");
        return Err(AwsError::client("InvalidTarget", message));
    }
    match text(&request.body, "Mode") {
        None | Some("Auto") => Ok(()),
        Some(other) => Err(AwsError::client(
            "ValidationException",
            format!("local AWS doesn't run executions in the mode `{other}`; use `Auto`"),
        )),
    }
}

fn check_token(token: &str) -> Result<&str, AwsError> {
    if token.len() == 36 && Uuid::parse_str(token).is_ok() {
        Ok(token)
    } else {
        Err(AwsError::client("ValidationException", format!("the client token `{token}` must be a UUID")))
    }
}

/// What has to be the same when a token comes again.
fn fingerprint(request: &Request) -> Value {
    let members: Map<String, Value> = request.body.as_object().cloned().unwrap_or_default();
    Value::Object(members.into_iter().filter(|(name, _)| name != "ClientToken").collect())
}

fn wire_parameters(request: &Request) -> Result<WireParameters, AwsError> {
    let invalid = |what: &str| AwsError::client(ParameterError::CODE, what.to_owned());
    let given = match request.body.get("Parameters") {
        None | Some(Value::Null) => return Ok(WireParameters::new()),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(invalid("`Parameters` must be a map of lists of texts")),
    };
    given
        .iter()
        .map(|(name, values)| {
            let texts = values.as_array().and_then(|values| {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            });
            let texts =
                texts.ok_or_else(|| invalid(&format!("parameter `{name}` must be a list of texts")))?;
            Ok((name.clone(), texts))
        })
        .collect()
}

/// Whether the role that the document wants to run as can be one. Whether it exists isn't asked: roles are an
/// emulator's, and none checks what a role may do.
fn check_role(assume_role: Option<&str>, parameters: &Bound) -> Result<(), AwsError> {
    let Some(wanted) = assume_role.map(str::trim).filter(|role| !role.is_empty()) else { return Ok(()) };
    let parameter = wanted.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    let role = match parameter {
        None if wanted.contains("{{") => return Ok(()),
        None => wanted,
        Some(name) => parameters.get(name).and_then(Value::as_str).unwrap_or_default(),
    };
    if role.is_empty() || is_role(role) {
        Ok(())
    } else {
        let message =
            format!("The defined assume role is unable to be assumed: `{role}` is not the ARN of a role");
        Err(AwsError::client(ParameterError::CODE, message))
    }
}

fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, service, region, account, role] = parts.as_slice() else { return false };
    *scheme == "arn"
        && partition.starts_with("aws")
        && *service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
}

fn executed_by(request: &Request) -> String {
    let (account, partition) = (&request.account, partition(&request.region));
    match &request.caller {
        Caller::Function { name } => format!("arn:{partition}:sts::{account}:assumed-role/{name}/{name}"),
        Caller::Execution { id, .. } => {
            format!("arn:{partition}:sts::{account}:assumed-role/automation/{id}")
        }
        Caller::Local | Caller::Outside => format!("arn:{partition}:iam::{account}:user/local"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_must_look_like_one() {
        assert!(is_role("arn:aws:iam::123456789012:role/plumb-us-east-1-x"));
        assert!(is_role("arn:aws-us-gov:iam::123456789012:role/path/name"));
        for wrong in [
            "x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::1234:role/x",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:role/x",
        ] {
            assert!(!is_role(wrong), "{wrong}");
        }
    }
}
