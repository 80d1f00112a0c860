//! What may be said to an execution while it runs.

use tokio::sync::watch;

/// How an execution is stopped: `StopAutomationExecution`'s `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The step under way is cancelled and its `onCancel` followed.
    Cancel,
    /// The step under way is let finish; no other is started.
    Complete,
}

/// The caller's end: stops the execution. Dropping it stops nothing.
#[derive(Debug, Clone)]
pub struct Stopper(watch::Sender<Option<Stop>>);

/// The execution's end.
#[derive(Debug, Clone)]
pub struct Signals(watch::Receiver<Option<Stop>>);

/// A pair of ends.
pub fn signals() -> (Stopper, Signals) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Signals(receiver))
}

impl Stopper {
    /// Asks the execution to stop. `Cancel` outranks `Complete`; saying it twice changes nothing.
    pub fn stop(&self, how: Stop) {
        self.0.send_if_modified(|current| {
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
}

impl Signals {
    /// What was asked so far.
    pub(crate) fn asked(&self) -> Option<Stop> {
        *self.0.borrow()
    }

    /// Returns once `Cancel` is asked; never, if it can't be any more.
    pub(crate) async fn cancelled(&mut self) {
        if self.0.wait_for(|asked| *asked == Some(Stop::Cancel)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
