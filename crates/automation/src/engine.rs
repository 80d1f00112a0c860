//! The interpreter: walks the steps of a document.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::{Map, Value};

use crate::{
    actions::{self, Action, Call, Done, Jump, Unfinished},
    choices,
    document::{Count, OnCancel, OnFailure, Step},
    execution::{Execution, FailureType, Start, Status, StepExecution},
    failure::{Doing, Failure},
    outputs,
    parameters::text,
    ports::{Answer, ApiCall, Origin, Ports},
    scope::Scope,
    selector::Selector,
    signals::{Signals, Stop},
    template::{Reference, Resolve, TemplateError, references, substitute, substitute_map},
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
    execution: Execution,
    scope: Scope,
    role: Option<String>,
    /// The first critical step that didn't succeed: its status and message.
    broken: Option<(Status, String)>,
    /// How many steps were run.
    count: usize,
    /// Whether the steps after `onCancel` run: no signal stops them.
    cleaning: bool,
}

/// How a walk ended.
enum Walked {
    /// At an end.
    Ended,
    /// By a signal, with the step at which to clean up.
    Cancelled(Option<String>),
}

/// How a step ended.
enum Ended {
    Success(Jump),
    Unsuccessful,
    Cancelled,
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
        let execution = start.execution(now);
        Self { start, ports, signals, execution, scope, role: None, broken: None, count: 0, cleaning: false }
    }

    async fn finish(mut self) -> Execution {
        self.set_status(Status::InProgress);
        if let Err(failure) = self.prepare().await {
            self.broken = Some((Status::Failed, failure.message));
            return self.end(false);
        }
        let cancelled = match self.walk(0).await {
            Walked::Ended => false,
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
        self.execution.parameters = self.scope.parameters.wire();
        for (name, variable) in &document.variables {
            let value = match &variable.default {
                Some(default) => self.filled(default).await?,
                None => choices::missing(variable.kind),
            };
            self.scope.variables.insert(name.clone(), value.clone());
            self.execution.variables.insert(name.clone(), value);
        }
        if let Some(template) = &document.assume_role {
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

    /// Runs steps from one on until an end.
    async fn walk(&mut self, from: usize) -> Walked {
        let document = self.start.document.clone();
        let mut next = Some(from);
        while let Some(index) = next {
            let Some(step) = document.steps.get(index) else { break };
            match self.stop_asked() {
                None => {}
                Some(Stop::Complete) => break,
                Some(Stop::Cancel) => return Walked::Cancelled(None),
            }
            if self.count >= choices::MAX_STEP_RUNS {
                let reason = format!("the execution ran {} steps without an end", self.count);
                self.broken = Some((Status::Failed, Failure::inputs(&reason).message));
                break;
            }
            let ended = self.step(index, step).await;
            let target = match ended {
                Ended::Cancelled => {
                    return Walked::Cancelled(match &step.on_cancel {
                        OnCancel::Abort => None,
                        OnCancel::Step(name) => Some(name.clone()),
                    });
                }
                Ended::Success(Jump::To(name)) => Target::Step(name),
                Ended::Success(Jump::AsWritten) => Target::after(step),
                Ended::Unsuccessful => match &step.on_failure {
                    OnFailure::Abort => Target::End,
                    OnFailure::Step(name) => Target::Step(name.clone()),
                    OnFailure::Continue => Target::after(step),
                },
            };
            next = match target {
                Target::End => None,
                Target::Next => Some(index + 1),
                Target::Step(name) => {
                    let target = document.step(&name).map(|(index, _)| index);
                    if target.is_none() {
                        let reason =
                            format!("step `{}` leads to step `{name}`, which doesn't exist", step.name);
                        self.broken = Some((Status::Failed, Failure::inputs(&reason).message));
                    }
                    target
                }
            };
        }
        Walked::Ended
    }

    fn stop_asked(&self) -> Option<Stop> {
        if self.cleaning { None } else { self.signals.asked() }
    }

    /// The steps after `onCancel`, for two minutes at most.
    async fn clean_up(&mut self, from: Option<String>) {
        self.set_status(Status::Cancelling);
        let document = self.start.document.clone();
        let Some((index, _)) = from.and_then(|name| document.step(&name)) else { return };
        self.cleaning = true;
        let clock = self.ports.clock.clone();
        let in_time = tokio::select! {
            biased;
            _ = self.walk(index) => true,
            () = clock.sleep(choices::CANCEL_TIMEOUT) => false,
        };
        if !in_time {
            let open = self.execution.steps.iter().position(|step| step.status == Status::InProgress);
            if let Some(slot) = open {
                self.close(slot, Status::Cancelled, None);
            }
        }
    }

    /// Runs one step.
    async fn step(&mut self, index: usize, step: &Step) -> Ended {
        self.count += 1;
        self.scope.now = self.ports.clock.now();
        let slot = self.open(index, step);
        let (action, settings) = match self.read(slot, step) {
            Ok(read) => read,
            Err(failure) => return self.fail(slot, step, Status::Failed, failure),
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(slot, step, action, &settings, attempt).await {
                Ok((done, outputs)) => {
                    if let Some((name, value)) = done.variable {
                        self.scope.variables.insert(name.clone(), value.clone());
                        self.execution.variables.insert(name, value);
                    }
                    self.succeed(slot, step, outputs);
                    return Ended::Success(done.jump);
                }
                Err(Unfinished::Cancelled) => {
                    self.close(slot, Status::Cancelled, None);
                    return Ended::Cancelled;
                }
                Err(Unfinished::Failed(_) | Unfinished::TimedOut)
                    if attempt < settings.attempts && self.stop_asked() != Some(Stop::Cancel) => {}
                Err(Unfinished::Failed(failure)) => return self.fail(slot, step, Status::Failed, failure),
                Err(Unfinished::TimedOut) => {
                    let seconds = settings.timeout.unwrap_or_default().as_secs();
                    return self.fail(slot, step, Status::TimedOut, Failure::timed_out(seconds));
                }
            }
        }
    }

    /// The step's execution: the pending one, or another if it was visited before.
    fn open(&mut self, index: usize, step: &Step) -> usize {
        let pending = |entry: &StepExecution| entry.name == step.name && entry.status == Status::Pending;
        let slot = self.execution.steps.iter().position(pending).unwrap_or_else(|| {
            let number = self.execution.steps.len().max(index);
            self.execution.steps.push(StepExecution::pending(&self.execution.id, number, step));
            self.execution.steps.len() - 1
        });
        self.execution.current_step = Some(step.name.clone());
        self.execution.current_action = Some(step.action.clone());
        let next = self.start.document.steps.get(index + 1).map(|step| step.name.clone());
        let now = self.scope.now;
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.started_at = Some(now);
            entry.status = Status::InProgress;
            entry.valid_next_steps = step.valid_next(next);
        }
        self.tell(slot);
        slot
    }

    /// The step's action and settings, references replaced.
    fn read(&mut self, slot: usize, step: &Step) -> Result<(&'static dyn Action, Settings), Failure> {
        let action = actions::find(&step.action).ok_or_else(|| {
            Failure::inputs(&format!("Action {} is not supported by this engine", step.action))
        })?;
        let inputs = substitute_map(&step.inputs, action.raw_inputs(), &self.scope)
            .map_err(|error| Failure::inputs(&error.to_string()))?;
        let timeout = match &step.timeout_seconds {
            Some(count) => Some(Duration::from_secs(self.number("timeoutSeconds", count)?)),
            None => action.default_timeout(),
        };
        let settings = Settings {
            inputs,
            timeout: match (timeout, action.longest()) {
                (Some(timeout), Some(longest)) => Some(timeout.min(longest)),
                (timeout, _) => timeout,
            },
            attempts: self.number("maxAttempts", &step.max_attempts)?.max(1),
        };
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.inputs.clone_from(&settings.inputs);
            entry.timeout_seconds = settings.timeout.map(|timeout| timeout.as_secs());
            entry.max_attempts = u32::try_from(settings.attempts).unwrap_or(u32::MAX);
        }
        Ok((action, settings))
    }

    fn number(&self, name: &str, count: &Count) -> Result<u64, Failure> {
        match count {
            Count::Number(number) => Ok(*number),
            Count::Reference(template) => {
                let value = substitute(&Value::String(template.clone()), &self.scope)
                    .map_err(|error| Failure::inputs(&error.to_string()))?;
                text(&value)
                    .trim()
                    .parse()
                    .map_err(|_| Failure::inputs(&format!("{name} is {value}, which is not a whole number")))
            }
        }
    }

    /// One attempt: the action against the clock and against cancellation, then the outputs.
    async fn attempt(
        &self,
        slot: usize,
        step: &Step,
        action: &'static dyn Action,
        settings: &Settings,
        attempt: u64,
    ) -> Result<(Done, BTreeMap<String, Value>), Unfinished> {
        // While cleaning up, nothing more is listened to.
        let (_never, deaf) = crate::signals::signals();
        let signals = if self.cleaning { &deaf } else { &self.signals };
        let call = Call {
            step,
            inputs: &settings.inputs,
            timeout: settings.timeout,
            id: self.execution.steps.get(slot).map_or("", |entry| entry.id.as_str()),
            attempt,
            start: &self.start,
            role: self.role.as_deref(),
            scope: &self.scope,
            ports: &self.ports,
            signals,
        };
        let done = if action.ends_itself() {
            action.attempt(call).await?
        } else {
            let mut cancel = signals.clone();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Unfinished::Cancelled),
                done = action.attempt(call) => done?,
                () = self.pass(settings.timeout) => return Err(Unfinished::TimedOut),
            }
        };
        let outputs = collect(step, &done)?;
        Ok((done, outputs))
    }

    async fn pass(&self, timeout: Option<Duration>) {
        match timeout {
            Some(timeout) => self.ports.clock.sleep(timeout).await,
            None => std::future::pending().await,
        }
    }

    fn succeed(&mut self, slot: usize, step: &Step, outputs: BTreeMap<String, Value>) {
        for name in &self.execution.output_names {
            let value = name
                .strip_prefix(step.name.as_str())
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|output| outputs.get(output));
            if let Some(value) = value {
                self.execution.outputs.insert(name.clone(), value.clone());
            }
        }
        self.scope.outputs.insert(step.name.clone(), outputs.clone());
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.outputs = outputs;
        }
        self.close(slot, Status::Success, None);
    }

    fn fail(&mut self, slot: usize, step: &Step, status: Status, failure: Failure) -> Ended {
        if step.is_critical && self.broken.is_none() {
            self.broken = Some((status, failure.message.clone()));
        }
        self.close(slot, status, Some(failure));
        Ended::Unsuccessful
    }

    fn close(&mut self, slot: usize, status: Status, failure: Option<Failure>) {
        let now = self.ports.clock.now();
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.status = status;
            entry.ended_at = Some(now);
            if let Some(failure) = failure {
                entry.failure_message = Some(failure.message);
                entry.failure = Some(failure.details);
            }
        }
        self.tell(slot);
    }

    fn tell(&self, slot: usize) {
        if let Some(step) = self.execution.steps.get(slot) {
            self.ports.observer.step_changed(&self.execution, step);
        }
    }

    fn set_status(&mut self, status: Status) {
        self.execution.status = status;
        self.ports.observer.execution_changed(&self.execution);
    }

    fn end(mut self, cancelled: bool) -> Execution {
        let status = match self.broken.take() {
            _ if cancelled => Status::Cancelled,
            Some((status, message)) => {
                self.execution.failure_message = Some(message);
                status
            }
            None => Status::Success,
        };
        self.execution.ended_at = Some(self.ports.clock.now());
        self.execution.current_step = None;
        self.execution.current_action = None;
        self.set_status(status);
        self.execution
    }
}

/// What a step says, references replaced.
struct Settings {
    inputs: Map<String, Value>,
    timeout: Option<Duration>,
    attempts: u64,
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

/// The outputs of a step: the action's own, the document's, and `OutputPayload`.
fn collect(step: &Step, done: &Done) -> Result<BTreeMap<String, Value>, Failure> {
    let wrong = |name: &str, reason: &str| {
        Failure::new(
            Doing::Outputs,
            FailureType::Verification,
            &format!("Output {name} can't be read: {reason}"),
        )
    };
    let mut outputs = done.outputs.clone();
    outputs.insert("OutputPayload".to_owned(), Value::String(done.payload.to_string()));
    for output in &step.outputs {
        let value = Selector::parse(&output.selector)
            .and_then(|selector| selector.select(&done.payload))
            .map_err(|error| error.to_string())
            .and_then(|found| outputs::typed(output.kind, found))
            .map_err(|reason| wrong(&output.name, &reason))?;
        outputs.insert(output.name.clone(), value);
    }
    Ok(outputs)
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
