//! Starts executions, and follows them to their end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use plumb_automation::{
    Answer, AwsApi, Document, Environment, Execution, Family, Launcher, Mode, Observer, ParameterError,
    Patient, Ports, Signals, Spread, Start, Status, StepExecution, Stop, Stopper, WireParameters,
    parameters::Bound, ports,
};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    alarms::Alarm,
    executions::{Admission, Admitted, Executions, Extras},
    library::{Library, RegionalDocuments, owner},
    notifications, partition, required,
    settings::Settings,
    signals,
};
use crate::{
    clock::WallClock,
    eventbridge::Publisher,
    members::{items, text},
    service::{AwsError, Caller, Context, Request},
};

/// Executions of one account and Region that run at once. A child runs in its parent's slot.
const MOST_RUNNING: usize = 100;

/// Executions that start many others, of one account and Region, that run at once.
const MOST_SPREADING: usize = 25;

/// Tags of an execution.
const MOST_TAGS: usize = 5;

/// Runs executions. Cheap to clone: all clones are one.
#[derive(Clone)]
pub(super) struct Runner {
    context: Context,
    library: Library,
    settings: Settings,
    pub(super) executions: Executions,
    publisher: Arc<Publisher>,
    slots: Arc<Mutex<Slots>>,
}

/// By Region and kind.
type Slots = HashMap<(String, Kind), Arc<Semaphore>>;

/// Who shares slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Single,
    Spread,
}

impl Runner {
    pub(super) fn new(context: Context, library: Library, settings: Settings) -> Self {
        let publisher = Arc::new(Publisher::new(context.clone()));
        let executions = Executions::default();
        Self { context, library, settings, executions, publisher, slots: Arc::default() }
    }

    /// `StartAutomationExecution`: checks everything, then runs it in the background; the execution's id.
    pub(super) fn start(&self, request: &Request) -> Result<String, AwsError> {
        let name = required(request, "DocumentName")?;
        let mode = mode(request)?;
        let token =
            text(&request.body, "ClientToken").map(|token| Ok((check_token(token)?, fingerprint(request))));
        let token = token.transpose()?;
        if let Some((token, request_without_it)) = &token
            && let Some(id) = self.executions.before(&request.region, token, request_without_it)?
        {
            return Ok(id);
        }
        let stored = self.runbook(request, name)?;
        let spread = spread(request, &stored.document)?;
        let (given, own) =
            (wire_parameters(request)?, spread.as_ref().map(Spread::own_parameters).unwrap_or_default());
        let parameters = stored
            .document
            .bind_but(&given, &own)
            .map_err(|error| AwsError::client(ParameterError::CODE, error.to_string()))?;
        check_role(stored.document.assume_role.as_deref(), &parameters)?;
        let (alarm, tags) = (Alarm::read(request)?, tags(request)?);
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
            mode,
            role: None,
            target: None,
        };
        let (stopper, signals) = plumb_automation::signals();
        let mut execution = start.execution(Timestamp::now());
        if spread.is_some() {
            execution.steps.clear();
            execution.spread.clone_from(&spread);
        }
        let extras = Extras { tags, alarm: alarm.as_ref().map(Alarm::shown), triggered: None };
        let admission =
            Admission { region: &request.region, execution, stopper: stopper.clone(), token, extras };
        if let Admitted::Before(id) = self.executions.admit(admission)? {
            return Ok(id);
        }
        let id = start.id.clone();
        let run = Ready {
            start,
            many: spread.map(|spread| (spread, given)),
            signals,
            alarm: alarm.map(|alarm| (alarm, stopper)),
        };
        tokio::spawn(self.clone().when_there_is_a_slot(run));
        Ok(id)
    }

    async fn when_there_is_a_slot(self, run: Ready) {
        let Ready { start, many, signals, alarm } = run;
        let (account, region) = (start.environment.account.clone(), start.environment.region.clone());
        let kind = if many.is_some() { Kind::Spread } else { Kind::Single };
        let Ok(_slot) = self.slots(&region, kind).acquire_owned().await else { return };
        if !self.executions.dequeue(&start.id) {
            return;
        }
        let watch = self.watch(&account, &region);
        let ports = self.ports(Arc::clone(&watch), &account, &region);
        let id = start.id.clone();
        let ended = match many {
            Some((spread, given)) => plumb_automation::run_spread(start, spread, given, ports, signals),
            None => plumb_automation::run(start, ports, signals),
        };
        let mut running = tokio::spawn(ended);
        let ended = match alarm {
            None => running.await,
            Some((alarm, stopper)) => tokio::select! {
                biased;
                ended = &mut running => ended,
                triggered = alarm.watch(&self.context, &region, &stopper) => {
                    self.executions.triggered(&id, triggered);
                    running.await
                }
            },
        };
        watch.ended(&id, ended);
    }

    /// The document that is to be run; one of another account by its ARN, under which it is known then.
    fn runbook(&self, request: &Request, name: &str) -> Result<ports::Stored, AwsError> {
        let (account, version) = (request.account.as_str(), text(&request.body, "DocumentVersion"));
        let at = (account, request.region.as_str());
        match owner(name).filter(|owner| *owner != account) {
            None => self.library.runbook(at, name, version),
            Some(owner) => {
                let library = self.context.neighbours().of(owner).map(|owner| owner.library);
                let stored = library.unwrap_or_default().runbook(at, name, version)?;
                Ok(ports::Stored { name: name.to_owned(), ..stored })
            }
        }
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

    /// `SendAutomationSignal`: says something to an execution that waits for it.
    pub(super) fn signal(&self, request: &Request) -> Result<(), AwsError> {
        let id = required(request, "AutomationExecutionId")?;
        let execution = self.executions.get(&request.region, id)?;
        let signal = signals::read(request, &executed_by(request))?;
        signals::check(&execution, &signal)?;
        match self.executions.stopper(&request.region, id) {
            Some(stopper) => {
                stopper.say(signal);
                Ok(())
            }
            None => Err(signals::unexpected(&execution, "it can't be spoken to")),
        }
    }

    fn ports(&self, watch: Arc<Watch>, account: &str, region: &str) -> Ports {
        let worker = Arc::new(self.context.worker().clone());
        Ports {
            api: match self.settings.throttled_retry(region) {
                Duration::ZERO => Arc::clone(&worker) as Arc<dyn AwsApi>,
                limit => Arc::new(Patient { api: worker.clone(), clock: Arc::new(WallClock), limit }),
            },
            scripts: worker,
            documents: Arc::new(RegionalDocuments {
                library: self.library.clone(),
                account: account.to_owned(),
                region: region.to_owned(),
            }),
            clock: Arc::new(WallClock),
            observer: watch,
            stubs: Arc::new(self.context.stubs()),
            launcher: Arc::new(self.clone()),
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

    fn slots(&self, region: &str, kind: Kind) -> Arc<Semaphore> {
        let most = match kind {
            Kind::Single => MOST_RUNNING,
            Kind::Spread => MOST_SPREADING,
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry((region.to_owned(), kind)).or_insert_with(|| Arc::new(Semaphore::new(most)));
        Arc::clone(slot)
    }
}

/// An execution that was admitted.
struct Ready {
    start: Start,
    /// What it is spread over, with the parameters that all its executions share.
    many: Option<(Spread, WireParameters)>,
    signals: Signals,
    /// An alarm that stops it.
    alarm: Option<(Alarm, Stopper)>,
}

impl Launcher for Runner {
    /// One of many takes a slot of the hundred; the child of a step runs in its parent's, which waits for it.
    fn launch(
        &self,
        start: Start,
        ports: Ports,
        (stopper, signals): (Stopper, Signals),
        family: Family,
    ) -> Answer<'static, Execution> {
        let region = start.environment.region.clone();
        let pending = start.execution(Timestamp::now());
        self.executions.take_in(&region, pending, stopper);
        match family {
            Family::Child => plumb_automation::run(start, ports, signals),
            Family::Sibling => {
                let account = &start.environment.account;
                let (watch, slots) = (self.watch(account, &region), self.slots(&region, Kind::Single));
                let ports = self.ports(watch, account, &region);
                Box::pin(async move {
                    let _slot = slots.acquire_owned().await;
                    plumb_automation::run(start, ports, signals).await
                })
            }
        }
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

fn mode(request: &Request) -> Result<Mode, AwsError> {
    match text(&request.body, "Mode") {
        None | Some("Auto") => Ok(Mode::Auto),
        Some("Interactive") => Ok(Mode::Interactive),
        Some(other) => Err(AwsError::client(
            "ValidationException",
            format!("`Mode` is `{other}`; it must be Auto or Interactive"),
        )),
    }
}

/// What the request starts many executions of. That one can't be told to start them one step at a time is our choice.
fn spread(request: &Request, document: &Document) -> Result<Option<Spread>, AwsError> {
    let members = request.body.as_object().cloned().unwrap_or_default();
    let spread =
        Spread::read(&members, document).map_err(|error| AwsError::client(error.code, error.message))?;
    if spread.is_some() && mode(request)? == Mode::Interactive {
        let message = "an execution on targets can't be interactive; leave `Mode` out";
        return Err(AwsError::client("ValidationException", message));
    }
    Ok(spread)
}

/// The tags of an execution. AWS keeps five of an account's own.
fn tags(request: &Request) -> Result<Vec<Value>, AwsError> {
    let tags: Vec<Value> = items(&request.body, "Tags").cloned().collect();
    let invalid = |message: &str| Err(AwsError::client("ValidationException", message));
    if tags.len() > MOST_TAGS {
        return invalid("an execution may have five tags");
    }
    if tags.iter().any(|tag| text(tag, "Key").is_none() || !tag.get("Value").is_some_and(Value::is_string)) {
        return invalid("a tag needs a `Key` and a `Value`");
    }
    Ok(tags)
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
        Caller::User { name } => format!("arn:{partition}:iam::{account}:user/{name}"),
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
