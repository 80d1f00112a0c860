//! The interpreter: walks the steps of a document.

mod interactive;
mod record;
mod repeat;
mod step;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

pub(crate) use self::step::collect;
use self::{interactive::Go, record::Record};
use crate::{
    actions::Jump,
    choices,
    document::{OnFailure, Step},
    execution::{Execution, ParentStep, Start, Status},
    failure::Failure,
    parameters::text,
    ports::{Answer, ApiCall, Origin, Ports},
    scope::Scope,
    signals::{Signals, Stop},
    template::{Reference, Resolve, TemplateError, references, substitute},
};

/// Runs a document to its end. Every change of status is told to [`crate::Observer`]; the answer is the last state.
///
/// The future owns what it needs, so it can be spawned. Dropping it stops the execution without cleaning up: to cancel
/// one, use its [`crate::Stopper`].
pub fn run(start: Start, ports: Ports, signals: Signals) -> Answer<'static, Execution> {
    Box::pin(async move { Run::new(start, ports, signals).finish().await })
}

struct Run {
    start: Start,
    ports: Ports,
    signals: Signals,
    record: Record,
    scope: Scope,
    role: Option<String>,
    /// The loop whose steps run, and its pass.
    inside: Option<ParentStep>,
    /// The first critical step that didn't succeed: its status and message.
    broken: Option<(Status, String)>,
    /// How many steps were run, those inside loops aside.
    count: usize,
    /// Whether the steps after `onCancel` run: no signal stops them.
    cleaning: bool,
}

/// How a walk ended.
enum Walked {
    /// At an end.
    Ended,
    /// For a step outside the list: it leaves the loop.
    Left(String),
    /// By a step that didn't succeed and aborts: its status and message.
    Aborted(Status, String),
    /// By a signal, with the step at which to clean up.
    Cancelled(Option<String>),
}

/// How a step ended.
enum Ended {
    Success(Jump),
    Unsuccessful(Status, String),
    /// With the whole execution, and the step at which to clean up.
    Cancelled(Option<String>),
    /// By `StopStep`: the execution goes on waiting.
    Stopped,
}

impl Run {
    fn new(start: Start, ports: Ports, signals: Signals) -> Self {
        let now = ports.clock.now();
        let scope = Scope {
            execution_id: start.id.clone(),
            environment: start.environment.clone(),
            parameters: start.parameters.clone(),
            variables: BTreeMap::new(),
            outputs: HashMap::new(),
            now,
        };
        let record = Record::new(start.execution(now), ports.clock.clone(), ports.observer.clone());
        Self {
            start,
            ports,
            signals,
            record,
            scope,
            role: None,
            inside: None,
            broken: None,
            count: 0,
            cleaning: false,
        }
    }

    async fn finish(mut self) -> Execution {
        self.record.set_status(Status::InProgress);
        if let Err(failure) = self.prepare().await {
            self.broken = Some((Status::Failed, failure.message));
            return self.end(false);
        }
        let document = self.start.document.clone();
        let cancelled = match self.walk(&document.steps, 0).await {
            Walked::Ended | Walked::Aborted(..) => false,
            Walked::Left(name) => {
                let reason = format!("a step leads to step `{name}`, which doesn't exist");
                self.broken = Some((Status::Failed, Failure::inputs(&reason).message));
                false
            }
            Walked::Cancelled(clean_up) => {
                self.clean_up(clean_up).await;
                true
            }
        };
        self.end(cancelled)
    }

    /// Fills in what the document's head refers to.
    async fn prepare(&mut self) -> Result<(), Failure> {
        let document = self.start.document.clone();
        for (name, parameter) in &document.parameters {
            let value = self.start.parameters.get(name);
            if let Some(default) = parameter.default.as_ref().filter(|default| Some(*default) == value) {
                let value = self.filled(default).await?;
                self.scope.parameters.set(name, value);
            }
        }
        self.record.execution.parameters = self.scope.parameters.wire();
        for (name, variable) in &document.variables {
            let value = match &variable.default {
                Some(default) => self.filled(default).await?,
                None => choices::missing(variable.kind),
            };
            self.scope.variables.insert(name.clone(), value.clone());
            self.record.execution.variables.insert(name.clone(), value);
        }
        if let Some(role) = &self.start.role {
            self.role = Some(role.clone());
        } else if let Some(template) = &document.assume_role {
            let role = substitute(&Value::String(template.clone()), &self.scope)
                .map_err(|error| Failure::inputs(&error.to_string()))?;
            self.role = Some(text(&role)).filter(|role| !role.is_empty());
        }
        Ok(())
    }

    /// A default with its references replaced, those to Parameter Store included.
    async fn filled(&self, default: &Value) -> Result<Value, Failure> {
        let mut from_store = HashMap::new();
        for reference in references(default) {
            if let Reference::Ssm(path) = &reference {
                let value = self.stored_parameter(path).await?;
                from_store.insert(reference, value);
            }
        }
        let scope = WithStore { scope: &self.scope, from_store };
        substitute(default, &scope).map_err(|error| Failure::inputs(&error.to_string()))
    }

    async fn stored_parameter(&self, path: &str) -> Result<Value, Failure> {
        let call = ApiCall {
            service: "ssm".to_owned(),
            api: "GetParameter".to_owned(),
            parameters: Map::from_iter([("Name".to_owned(), path.into())]),
            region: self.start.environment.region.clone(),
            assume_role: None,
            origin: Origin {
                execution_id: self.start.id.clone(),
                document: self.start.document_name.clone(),
                step: String::new(),
            },
        };
        let response =
            self.ports.api.call(call).await.map_err(|error| Failure::inputs(&error.to_string()))?;
        let value = response.pointer("/Parameter/Value").and_then(Value::as_str).map(str::to_owned);
        match (response.pointer("/Parameter/Type").and_then(Value::as_str), value) {
            (Some("StringList"), Some(value)) => Ok(value.split(',').map(Value::from).collect()),
            (Some("SecureString"), _) => {
                Err(Failure::inputs(&format!("Parameter {path} is a SecureString, which can't be a default")))
            }
            (_, Some(value)) => Ok(Value::String(value)),
            (_, None) => Err(Failure::inputs(&format!("Parameter {path} has no value"))),
        }
    }

    /// Runs the steps of a list from one on until an end.
    fn walk<'a>(&'a mut self, steps: &'a [Step], from: usize) -> Answer<'a, Walked> {
        Box::pin(async move {
            let mut next = from;
            while next < steps.len() {
                match self.stop_asked() {
                    None => {}
                    Some(Stop::Complete) => return Walked::Ended,
                    Some(Stop::Cancel) => return Walked::Cancelled(None),
                }
                if self.inside.is_none() {
                    match self.leave(next).await {
                        Go::On(place) => next = place,
                        Go::End => return Walked::Ended,
                        Go::Cancelled => return Walked::Cancelled(None),
                    }
                    if self.count >= choices::MAX_STEP_RUNS {
                        let reason = format!("the execution ran {} steps without an end", self.count);
                        self.broken = Some((Status::Failed, Failure::inputs(&reason).message));
                        return Walked::Ended;
                    }
                    self.count += 1;
                }
                let Some(step) = steps.get(next) else { break };
                let following = steps.get(next + 1).map(|step| step.name.clone());
                let target = match self.step(step, following).await {
                    Ended::Cancelled(clean_up) => return Walked::Cancelled(clean_up),
                    Ended::Stopped => Target::Next,
                    Ended::Success(Jump::To(name)) => Target::Step(name),
                    Ended::Success(Jump::AsWritten) => Target::after(step),
                    Ended::Unsuccessful(status, message) => match &step.on_failure {
                        OnFailure::Abort => return Walked::Aborted(status, message),
                        OnFailure::Step(name) => Target::Step(name.clone()),
                        OnFailure::Continue => Target::after(step),
                    },
                };
                next = match target {
                    Target::End => return Walked::Ended,
                    Target::Next => next + 1,
                    Target::Step(name) => match steps.iter().position(|step| step.name == name) {
                        Some(place) => place,
                        None => return Walked::Left(name),
                    },
                };
            }
            Walked::Ended
        })
    }

    fn stop_asked(&self) -> Option<Stop> {
        if self.cleaning { None } else { self.signals.asked() }
    }

    /// The steps after `onCancel`, for two minutes at most.
    async fn clean_up(&mut self, from: Option<String>) {
        self.record.set_status(Status::Cancelling);
        let document = self.start.document.clone();
        let Some((index, _)) = from.and_then(|name| document.step(&name)) else { return };
        self.cleaning = true;
        self.inside = None;
        let clock = self.ports.clock.clone();
        let in_time = tokio::select! {
            biased;
            _ = self.walk(&document.steps, index) => true,
            () = clock.sleep(choices::CANCEL_TIMEOUT) => false,
        };
        if !in_time {
            self.record.close_open(0);
        }
    }

    fn end(mut self, cancelled: bool) -> Execution {
        let status = match self.broken.take() {
            _ if cancelled => Status::Cancelled,
            Some((status, message)) => {
                self.record.execution.failure_message = Some(message);
                status
            }
            None => Status::Success,
        };
        self.record.execution.ended_at = Some(self.ports.clock.now());
        self.record.execution.current_step = None;
        self.record.execution.current_action = None;
        self.record.set_status(status);
        self.record.execution
    }
}

/// Where to go after a step.
enum Target {
    End,
    Next,
    Step(String),
}

impl Target {
    /// What the step's own fields say.
    fn after(step: &Step) -> Self {
        if step.is_end { Self::End } else { step.next_step.clone().map_or(Self::Next, Self::Step) }
    }
}

/// A scope that has read Parameter Store.
struct WithStore<'s> {
    scope: &'s Scope,
    from_store: HashMap<Reference, Value>,
}

impl Resolve for WithStore<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, TemplateError> {
        match self.from_store.get(reference) {
            Some(value) => Ok(value.clone()),
            None => self.scope.resolve(reference),
        }
    }
}
