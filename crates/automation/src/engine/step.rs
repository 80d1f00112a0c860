//! Runs one step.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::{Ended, Run};
use crate::{
    actions::{self, Action, Call, Done, Unfinished, repeat::LOOP},
    document::{Count, OnCancel, Step},
    execution::{FailureType, Mode, Status},
    failure::{Doing, Failure},
    outputs,
    parameters::text,
    ports::Clock,
    selector::Selector,
    signals::{Signal, Signals, Stop, signals},
    template::{substitute, substitute_map},
};

/// What a step says, references replaced.
struct Settings {
    inputs: Map<String, Value>,
    timeout: Option<Duration>,
    attempts: u64,
}

impl Run {
    /// Runs one step; `next` is the one after it in the list.
    pub(super) async fn step(&mut self, step: &Step, next: Option<String>) -> Ended {
        self.scope.now = self.ports.clock.now();
        let slot = self.record.open(step, self.inside.clone(), next);
        if step.action == LOOP {
            return self.repeat(slot, step).await;
        }
        let (action, settings) = match self.read(slot, step) {
            Ok(read) => read,
            Err(failure) => return self.fail(slot, step, Status::Failed, failure),
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            let unfinished = match self.attempt(slot, step, action, &settings, attempt).await {
                Ok((done, outputs)) => {
                    if let Some((name, value)) = done.variable {
                        self.scope.variables.insert(name.clone(), value.clone());
                        self.record.execution.variables.insert(name, value);
                    }
                    self.succeed(slot, step, outputs, Status::Success);
                    return Ended::Success(done.jump);
                }
                Err(unfinished) => unfinished,
            };
            let again = attempt < settings.attempts && self.stop_asked() != Some(Stop::Cancel);
            match unfinished {
                Unfinished::Cancelled => {
                    self.record.close(slot, Status::Cancelled, None);
                    return match self.stop_asked() {
                        Some(Stop::Cancel) => Ended::Cancelled(match &step.on_cancel {
                            OnCancel::Abort => None,
                            OnCancel::Step(name) => Some(name.clone()),
                        }),
                        Some(Stop::Complete) | None => Ended::Stopped,
                    };
                }
                Unfinished::Failed(_) | Unfinished::TimedOut if again => {}
                Unfinished::Failed(failure) => return self.fail(slot, step, Status::Failed, failure),
                Unfinished::TimedOut => {
                    let seconds = settings.timeout.unwrap_or_default().as_secs();
                    return self.fail(slot, step, Status::TimedOut, Failure::timed_out(seconds));
                }
            }
        }
    }

    /// The step's action and settings, references replaced.
    fn read(&mut self, slot: usize, step: &Step) -> Result<(&'static dyn Action, Settings), Failure> {
        let action = actions::find(&step.action).ok_or_else(|| {
            Failure::inputs(&format!("Action {} is not supported by this engine", step.action))
        })?;
        let inputs = substitute_map(&step.inputs, action.raw_inputs(), &self.scope)
            .map_err(|error| Failure::inputs(&error.to_string()))?;
        let (attempts, timeout) = self.limits(step)?;
        // What a call is tried again for being throttled is no part of the time that it may take.
        let patience = self.ports.api.throttled_retry();
        let more = |longest: Duration| if action.makes_calls() { longest + patience } else { longest };
        let timeout = match (timeout.or_else(|| action.default_timeout().map(more)), action.longest()) {
            (Some(timeout), Some(longest)) => Some(timeout.min(more(longest))),
            (timeout, _) => timeout,
        };
        if let Some(entry) = self.record.execution.steps.get_mut(slot) {
            entry.inputs.clone_from(&inputs);
            entry.timeout_seconds = timeout.map(|timeout| timeout.as_secs());
            entry.max_attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
        }
        Ok((action, Settings { inputs, timeout, attempts }))
    }

    /// How often a step is tried, and how long one attempt may take.
    pub(super) fn limits(&self, step: &Step) -> Result<(u64, Option<Duration>), Failure> {
        let timeout = match &step.timeout_seconds {
            Some(count) => Some(Duration::from_secs(self.number("timeoutSeconds", count)?)),
            None => None,
        };
        Ok((self.number("maxAttempts", &step.max_attempts)?.max(1), timeout))
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

    /// One attempt: the action against the clock, against cancellation and, in interactive mode, against `StopStep`;
    /// then the outputs.
    async fn attempt(
        &mut self,
        slot: usize,
        step: &Step,
        action: &'static dyn Action,
        settings: &Settings,
        attempt: u64,
    ) -> Result<(Done, BTreeMap<String, Value>), Unfinished> {
        // While cleaning up, nothing more is listened to.
        let (_never, deaf) = signals();
        let listened = if self.cleaning { &deaf } else { &self.signals };
        // What minds its own end is told of it.
        let (teller, told) = signals();
        let id = self.record.execution.steps.get(slot).map(|entry| entry.id.clone()).unwrap_or_default();
        let (notes, mut shown) = mpsc::unbounded_channel();
        let own_end = action.ends_itself();
        if action.waits() {
            listened.forget();
            self.record.wait(slot, true);
        }
        let mut running = action.attempt(Call {
            step,
            inputs: &settings.inputs,
            timeout: settings.timeout,
            id: &id,
            attempt,
            start: &self.start,
            role: self.role.as_deref(),
            scope: &self.scope,
            ports: &self.ports,
            signals: if own_end { &told } else { listened },
            notes: &notes,
        });
        let mut cancel = listened.clone();
        let clock = self.ports.clock.as_ref();
        let time_is_over = pass(clock, settings.timeout.filter(|_| !own_end));
        let stopped = async {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = step_stopped(listened, self.start.mode, &id) => {}
            }
        };
        tokio::pin!(time_is_over, stopped);
        let mut stopping = false;
        let done = loop {
            tokio::select! {
                biased;
                () = &mut stopped, if !stopping => {
                    if !own_end {
                        break Err(Unfinished::Cancelled);
                    }
                    stopping = true;
                    teller.stop(Stop::Cancel);
                }
                Some(outputs) = shown.recv() => self.record.note(slot, outputs),
                done = &mut running => break done,
                () = &mut time_is_over => break Err(Unfinished::TimedOut),
            }
        };
        drop(running);
        while let Ok(outputs) = shown.try_recv() {
            self.record.note(slot, outputs);
        }
        if action.waits() {
            self.record.wait(slot, false);
        }
        let done = done?;
        let outputs = collect(step, &done)?;
        Ok((done, outputs))
    }

    pub(super) fn succeed(
        &mut self,
        slot: usize,
        step: &Step,
        outputs: BTreeMap<String, Value>,
        status: Status,
    ) {
        let execution = &mut self.record.execution;
        for name in &execution.output_names {
            let value = name
                .strip_prefix(step.name.as_str())
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|output| outputs.get(output));
            if let Some(value) = value {
                execution.outputs.insert(name.clone(), value.clone());
            }
        }
        self.scope.outputs.insert(step.name.clone(), outputs.clone());
        if let Some(entry) = execution.steps.get_mut(slot) {
            entry.outputs = outputs;
        }
        self.record.close(slot, status, None);
    }

    pub(super) fn fail(&mut self, slot: usize, step: &Step, status: Status, failure: Failure) -> Ended {
        let message = failure.message.clone();
        if step.is_critical && self.broken.is_none() {
            self.broken = Some((status, message.clone()));
        }
        self.record.close(slot, status, Some(failure));
        Ended::Unsuccessful(status, message)
    }
}

/// Returns after a time; never, if there is none.
pub(super) async fn pass(clock: &dyn Clock, timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => clock.sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Returns once `StopStep` is said to this step, in interactive mode.
async fn step_stopped(signals: &Signals, mode: Mode, id: &str) {
    match mode {
        Mode::Auto => std::future::pending().await,
        Mode::Interactive => {
            signals
                .next(|said| match said {
                    Signal::StopStep { step_execution } => {
                        step_execution.as_deref().is_none_or(|named| named == id)
                    }
                    Signal::Approve { .. }
                    | Signal::Reject { .. }
                    | Signal::Resume { .. }
                    | Signal::StartStep { .. } => false,
                })
                .await;
        }
    }
}

/// The outputs of a step: the action's own, the document's, and `OutputPayload`.
pub(crate) fn collect(step: &Step, done: &Done) -> Result<BTreeMap<String, Value>, Failure> {
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
