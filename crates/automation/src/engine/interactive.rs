//! `Mode: Interactive`: the execution waits before each step until it is told which to start.

use super::Run;
use crate::{
    execution::{Mode, Status},
    signals::{Signal, Stop},
};

/// What to do next.
pub(super) enum Go {
    /// Run the step at a place.
    On(usize),
    /// End here.
    End,
    /// Clean up.
    Cancelled,
}

impl Run {
    /// In interactive mode, waits to be told; else goes on at once. A name that is no step's goes on with the next one.
    pub(super) async fn leave(&mut self, next: usize) -> Go {
        match self.start.mode {
            Mode::Auto => return Go::On(next),
            Mode::Interactive if self.cleaning => return Go::On(next),
            Mode::Interactive => {}
        }
        self.signals.forget();
        self.record.set_status(Status::Waiting);
        let mut stop = self.signals.clone();
        let said = tokio::select! {
            biased;
            how = stop.stopped() => return match how {
                Stop::Cancel => Go::Cancelled,
                Stop::Complete => Go::End,
            },
            said = self.signals.next(|said| matches!(said, Signal::StartStep { .. } | Signal::Resume { .. })) => said,
        };
        let named = match said {
            Signal::StartStep { step } | Signal::Resume { step } => step,
            Signal::Approve { .. } | Signal::Reject { .. } | Signal::StopStep { .. } => None,
        };
        self.record.set_status(Status::InProgress);
        let place = named.and_then(|name| self.start.document.step(&name).map(|(index, _)| index));
        Go::On(place.unwrap_or(next))
    }
}
