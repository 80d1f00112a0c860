//! Why messages could not be finished, written down for whoever finds them among the dead letters.

use std::future::Future;

use plumb_aws::{MessageNotes, operator::GivenUp};

use crate::{Unfinished, chain, now};

/// From which try on it is written down: a message that comes through at the second costs no write.
const FROM: u32 = 3;

/// The longest reason that is kept, in characters.
const LONGEST: usize = 1000;

/// Whoever wants to know what could not be finished. `()` doesn't.
pub trait GiveUp {
    /// A message could not be finished, at this try.
    fn on(&self, message: &str, error: &Unfinished, tries: u32) -> impl Future<Output = ()>;
}

impl GiveUp for () {
    async fn on(&self, _: &str, _: &Unfinished, _: u32) {}
}

/// Writes it down in the ledger's table, by the message's id.
#[derive(Debug)]
pub struct Notes<'a> {
    /// The table.
    pub table: MessageNotes<'a>,
    /// The function that gives up.
    pub function: &'static str,
}

impl GiveUp for Notes<'_> {
    async fn on(&self, message: &str, error: &Unfinished, tries: u32) {
        if tries < FROM {
            return;
        }
        let note = GivenUp {
            function: self.function.to_owned(),
            code: error.code().to_owned(),
            reason: chain(error).chars().take(LONGEST).collect(),
            at: now(),
            tries,
        };
        // The message itself is safe in its queue; only the explanation is missing then, and the log has it.
        if let Err(error) = self.table.write(message, &note).await {
            tracing::warn!(message_id = message, code = error.code, "not written down: {error}");
        }
    }
}
