//! What is known of the execution under way, and telling it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    document::Step,
    execution::{Execution, ParentStep, Status, StepExecution},
    failure::Failure,
    ports::{Clock, Observer},
};

/// The execution, and whom to tell of its changes.
pub(super) struct Record {
    pub(super) execution: Execution,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl Record {
    pub(super) fn new(execution: Execution, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self { execution, clock, observer }
    }

    /// The step's execution: the pending one, or another if it was visited before or is inside a loop.
    pub(super) fn open(&mut self, step: &Step, parent: Option<ParentStep>, next: Option<String>) -> usize {
        let pending = |entry: &StepExecution| entry.name == step.name && entry.status == Status::Pending;
        let slot = self.execution.steps.iter().position(pending).unwrap_or_else(|| {
            let number = self.execution.steps.len();
            self.execution.steps.push(StepExecution::pending(&self.execution.id, number, step));
            self.execution.steps.len() - 1
        });
        self.execution.current_step = Some(step.name.clone());
        self.execution.current_action = Some(step.action.clone());
        let now = self.clock.now();
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.started_at = Some(now);
            entry.status = Status::InProgress;
            entry.parent = parent;
            entry.valid_next_steps = step.valid_next(next);
        }
        self.tell(slot);
        slot
    }

    /// A step waits for a signal, and so does the execution.
    pub(super) fn wait(&mut self, slot: usize, waiting: bool) {
        let status = if waiting { Status::Waiting } else { Status::InProgress };
        if let Some(entry) = self.execution.steps.get_mut(slot).filter(|entry| entry.status != status) {
            entry.status = status;
            self.execution.status = status;
            self.tell(slot);
            self.observer.execution_changed(&self.execution);
        }
    }

    /// What a step has to show while it is under way.
    pub(super) fn note(&mut self, slot: usize, outputs: BTreeMap<String, Value>) {
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.outputs = outputs;
        }
        self.tell(slot);
    }

    pub(super) fn close(&mut self, slot: usize, status: Status, failure: Option<Failure>) {
        let now = self.clock.now();
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

    /// Closes what is still under way from a slot on: steps whose time, or whose loop's time, is over.
    pub(super) fn close_open(&mut self, from: usize) {
        let open: Vec<usize> = (from..self.execution.steps.len())
            .filter(|slot| {
                let status = self.execution.steps.get(*slot).map(|entry| entry.status);
                matches!(status, Some(Status::InProgress | Status::Waiting))
            })
            .collect();
        for slot in open {
            self.close(slot, Status::Cancelled, None);
        }
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.execution.status = status;
        self.observer.execution_changed(&self.execution);
    }

    fn tell(&self, slot: usize) {
        if let Some(step) = self.execution.steps.get(slot) {
            self.observer.step_changed(&self.execution, step);
        }
    }
}
