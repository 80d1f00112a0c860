//! What the sweep remembers from one run to the next, and what it can tell cheaply about what it finds.

use std::{collections::BTreeMap, future::Future};

use jiff::Timestamp;
use plumb_model::Remediation;
use serde::{Deserialize, Serialize};

use crate::PortError;

/// Where a sweep that ran out of time goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// When this pass over everything began.
    pub began_at: Timestamp,
    /// The rule to go on with; none before the first.
    pub rule: Option<String>,
    /// AWS Config's token of that rule's next page.
    pub token: Option<String>,
}

/// What the sweep remembers.
pub trait SweepMemory {
    /// Where the last sweep stopped; none if it came to its end.
    fn cursor(&self) -> impl Future<Output = Result<Option<Cursor>, PortError>> + Send;

    /// Remembers where to go on; none: at the beginning.
    fn remember(&self, cursor: Option<&Cursor>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Whether this is the first time that something is said, such as that a waiver has ended; remembered for 400 days.
    fn first_time(&self, what: &str, now: Timestamp) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// Reads many records at once.
pub trait Known {
    /// The ledger's records of these keys, at most a hundred; those that are not there are left out.
    fn known(
        &self,
        keys: &[String],
    ) -> impl Future<Output = Result<BTreeMap<String, Remediation>, PortError>> + Send;
}
