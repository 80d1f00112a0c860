//! Walks the steps inside `aws:loop`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ended, Run, Walked, step::collect};
use crate::{
    actions::{Done, Jump, repeat::Loop},
    document::{OnCancel, Step},
    execution::{FailureType, ParentStep, Status},
    failure::{Doing, Failure},
};

/// How all passes went.
enum Passed {
    /// To the last.
    All,
    /// A step left for one outside.
    Left(String),
    Unsuccessful(Status, Failure),
    Cancelled(Option<String>),
}

impl Run {
    /// Runs a loop.
    pub(super) async fn repeat(&mut self, slot: usize, step: &Step) -> Ended {
        let (attempts, timeout) = match self.limits(step) {
            Ok(limits) => limits,
            Err(failure) => return self.fail(slot, step, Status::Failed, failure),
        };
        let outside = self.inside.take();
        let broken = self.broken.clone();
        let mut attempt = 0;
        let passed = loop {
            attempt += 1;
            let first_inner = self.record.execution.steps.len();
            let clock = self.ports.clock.clone();
            let passed = tokio::select! {
                biased;
                passed = self.passes(slot, step) => passed,
                () = super::step::pass(clock.as_ref(), timeout) => {
                    let seconds = timeout.unwrap_or_default().as_secs();
                    Passed::Unsuccessful(Status::TimedOut, Failure::timed_out(seconds))
                }
            };
            // A loop whose time is over was dropped amid a step.
            self.record.close_open(first_inner.max(slot + 1));
            let again = attempt < attempts && self.stop_asked().is_none();
            if matches!(passed, Passed::Unsuccessful(..)) {
                // What failed inside has failed the loop: its own fields say what that means.
                self.broken.clone_from(&broken);
                if again {
                    continue;
                }
            }
            break passed;
        };
        self.inside = outside;
        match passed {
            Passed::All => {
                let outputs = self.scope.outputs.get(&step.name).cloned().unwrap_or_default();
                let done = Done { payload: json!(outputs), outputs, ..Done::default() };
                match collect(step, &done) {
                    Ok(outputs) => {
                        self.succeed(slot, step, outputs, Status::Success);
                        Ended::Success(Jump::AsWritten)
                    }
                    Err(failure) => self.fail(slot, step, Status::Failed, failure),
                }
            }
            Passed::Left(target) => {
                let outputs = self.scope.outputs.get(&step.name).cloned().unwrap_or_default();
                self.succeed(slot, step, outputs, Status::Exited);
                Ended::Success(Jump::To(target))
            }
            Passed::Unsuccessful(status, failure) => self.fail(slot, step, status, failure),
            Passed::Cancelled(clean_up) => {
                self.record.close(slot, Status::Cancelled, None);
                Ended::Cancelled(clean_up.or_else(|| match &step.on_cancel {
                    OnCancel::Abort => None,
                    OnCancel::Step(name) => Some(name.clone()),
                }))
            }
        }
    }

    async fn passes(&mut self, slot: usize, step: &Step) -> Passed {
        let failed = |failure| Passed::Unsuccessful(Status::Failed, failure);
        let looped = match Loop::read(step, &self.scope) {
            Ok(looped) => looped,
            Err(failure) => return failed(failure),
        };
        let id = match self.record.execution.steps.get_mut(slot) {
            Some(entry) => {
                entry.inputs.clone_from(&looped.inputs);
                entry.id.clone()
            }
            None => String::new(),
        };
        let mut pass = 0;
        while looped.begins(pass) {
            let value = looped.value(pass);
            self.inside = Some(ParentStep {
                id: id.clone(),
                name: step.name.clone(),
                action: step.action.clone(),
                iteration: pass + 1,
                value: value.clone(),
            });
            let mut outputs = BTreeMap::from([("CurrentIteration".to_owned(), json!(pass + 1))]);
            if let Some(value) = value {
                outputs.insert("CurrentIteratorValue".to_owned(), Value::String(value));
            }
            self.scope.outputs.insert(step.name.clone(), outputs);
            match self.walk(&step.steps, 0).await {
                Walked::Ended => {}
                Walked::Left(target) => return Passed::Left(target),
                Walked::Cancelled(clean_up) => return Passed::Cancelled(clean_up),
                Walked::Aborted(status, message) => {
                    let reason = format!("Iteration {} did not succeed: {message}", pass + 1);
                    return Passed::Unsuccessful(
                        status,
                        Failure::new(Doing::Polling, FailureType::Action, &reason),
                    );
                }
            }
            match looped.goes_on(&self.scope) {
                Ok(true) => pass += 1,
                Ok(false) => break,
                Err(failure) => return failed(failure),
            }
        }
        Passed::All
    }
}
