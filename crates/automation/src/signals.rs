//! What may be said to an execution while it runs.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

/// How an execution is stopped: `StopAutomationExecution`'s `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The step under way is cancelled and its `onCancel` followed.
    Cancel,
    /// The step under way is let finish; no other is started.
    Complete,
}

/// What `SendAutomationSignal` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Approves an `aws:approve` step.
    Approve {
        /// The approver's ARN.
        by: String,
        /// The approver's comment; may be empty.
        comment: String,
    },
    /// Rejects an `aws:approve` step.
    Reject {
        /// The approver's ARN.
        by: String,
        /// The approver's comment; may be empty.
        comment: String,
    },
    /// Goes on after an `aws:pause` step, or, in interactive mode, with the step of a name or the next one.
    Resume {
        /// The step to go on with.
        step: Option<String>,
    },
    /// Starts the step of a name, or the next one, in interactive mode.
    StartStep {
        /// The step.
        step: Option<String>,
    },
    /// Stops the step under way, in interactive mode.
    StopStep {
        /// The step execution's id; any, if none.
        step_execution: Option<String>,
    },
}

/// The caller's end: stops the execution, and says something to it. Dropping it stops nothing.
#[derive(Debug, Clone)]
pub struct Stopper {
    stop: watch::Sender<Option<Stop>>,
    mailbox: Arc<Mailbox>,
}

/// The execution's end.
#[derive(Debug, Clone)]
pub struct Signals {
    stop: watch::Receiver<Option<Stop>>,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug, Default)]
struct Mailbox {
    said: Mutex<VecDeque<Signal>>,
    arrived: Notify,
}

/// A pair of ends.
pub fn signals() -> (Stopper, Signals) {
    let (sender, receiver) = watch::channel(None);
    let mailbox = Arc::new(Mailbox::default());
    (Stopper { stop: sender, mailbox: Arc::clone(&mailbox) }, Signals { stop: receiver, mailbox })
}

impl Stopper {
    /// Asks the execution to stop. `Cancel` outranks `Complete`; saying it twice changes nothing.
    pub fn stop(&self, how: Stop) {
        self.stop.send_if_modified(|current| {
            let changes = match *current {
                None => true,
                Some(Stop::Complete) => how == Stop::Cancel,
                Some(Stop::Cancel) => false,
            };
            if changes {
                *current = Some(how);
            }
            changes
        });
    }

    /// Says something. It is heard by what waits for it now; what nothing waits for is forgotten when the next thing
    /// begins to wait.
    pub fn say(&self, signal: Signal) {
        self.mailbox.said().push_back(signal);
        self.mailbox.arrived.notify_waiters();
    }
}

impl Signals {
    /// What was asked so far.
    pub(crate) fn asked(&self) -> Option<Stop> {
        *self.stop.borrow()
    }

    /// Returns once `Cancel` is asked; never, if it can't be any more.
    pub(crate) async fn cancelled(&mut self) {
        if self.stop.wait_for(|asked| *asked == Some(Stop::Cancel)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns once anything is asked that ends a wait between steps.
    pub(crate) async fn stopped(&mut self) -> Stop {
        match self.stop.wait_for(Option::is_some).await.map(|asked| *asked) {
            Ok(Some(how)) => how,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// The next signal of a kind; others stay for whoever waits for them.
    pub(crate) async fn next(&self, wanted: impl Fn(&Signal) -> bool) -> Signal {
        loop {
            let arrived = self.mailbox.arrived.notified();
            tokio::pin!(arrived);
            // From here on an arrival is noticed, so that none falls between looking and waiting.
            arrived.as_mut().enable();
            if let Some(signal) = self.mailbox.take(&wanted) {
                return signal;
            }
            arrived.await;
        }
    }

    /// Forgets what was said too early.
    pub(crate) fn forget(&self) {
        self.mailbox.said().clear();
    }
}

impl Mailbox {
    fn said(&self) -> MutexGuard<'_, VecDeque<Signal>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, wanted: impl Fn(&Signal) -> bool) -> Option<Signal> {
        let mut said = self.said();
        let place = said.iter().position(wanted)?;
        said.remove(place)
    }
}
