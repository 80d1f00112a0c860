//! What is counted beside the records, so that a limit holds for everybody at once: starts in this hour, runbooks under
//! way, how they ended. Counted in the transaction that moves the record, never before and never after.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    limits::BreakerLimits,
    remediation::Remediation,
    resource::{AccountId, ControlId, Region},
};

/// A clock hour, counted from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hour(pub i64);

impl Hour {
    /// The hour in which a time lies.
    pub fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(3600))
    }

    /// The hour before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// When the hour after it begins.
    pub fn end(self) -> Timestamp {
        Timestamp::from_second(self.0.saturating_add(1).saturating_mul(3600)).unwrap_or(Timestamp::MAX)
    }
}

/// What a counter counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// Runbooks started for a control in an hour.
    ControlHour(ControlId, Hour),
    /// Runbooks started in an account in an hour.
    AccountHour(AccountId, Hour),
    /// Runbooks started in all in an hour.
    AllHour(Hour),
    /// Runbooks under way in an account and Region.
    Running(AccountId, Region),
}

impl Counter {
    /// The counter's key in the ledger's table. No record's key begins with `usage#`: a control has no `#` in its name.
    pub fn key(&self) -> String {
        match self {
            Self::ControlHour(control, hour) => format!("usage#starts#control#{control}#{}", hour.0),
            Self::AccountHour(account, hour) => format!("usage#starts#account#{account}#{}", hour.0),
            Self::AllHour(hour) => format!("usage#starts#all#{}", hour.0),
            Self::Running(account, region) => format!("usage#running#{account}#{region}"),
        }
    }

    /// The hour after which it says nothing any more, if there is one.
    pub fn hour(&self) -> Option<Hour> {
        match self {
            Self::ControlHour(_, hour) | Self::AccountHour(_, hour) | Self::AllHour(hour) => Some(*hour),
            Self::Running(..) => None,
        }
    }
}

/// The key of the item that holds how a control's remediations ended in an hour.
pub fn tally_key(control: &ControlId, hour: Hour) -> String {
    format!("usage#ended#{control}#{}", hour.0)
}

/// The key of the item that says until when a control is stopped.
pub fn breaker_key(control: &ControlId) -> String {
    format!("usage#breaker#{control}")
}

/// One of the things that are counted when a record moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Count {
    /// One more; nothing is written if there would be more than the limit.
    Take {
        /// Of what.
        counter: Counter,
        /// At most this many, with this one.
        limit: Option<u32>,
    },
    /// One less.
    Give(Counter),
    /// Nothing is written while the control is stopped.
    NotStopped {
        /// The control.
        control: ControlId,
        /// Now.
        now: Timestamp,
    },
    /// One more remediation of the control has ended.
    Ended {
        /// The control.
        control: ControlId,
        /// When.
        hour: Hour,
        /// How.
        failed: bool,
        /// With this many failures in the hour before it: nothing is written if there are others. `None`: whatever there is.
        seen: Option<u64>,
    },
    /// Stops the control.
    Stop {
        /// The control.
        control: ControlId,
        /// Until then.
        until: Timestamp,
        /// Why.
        because: String,
    },
}

impl Count {
    /// The key of the item that it is about.
    pub fn key(&self) -> String {
        match self {
            Self::Take { counter, .. } | Self::Give(counter) => counter.key(),
            Self::NotStopped { control, .. } | Self::Stop { control, .. } => breaker_key(control),
            Self::Ended { control, hour, .. } => tally_key(control, *hour),
        }
    }
}

/// How a control's remediations ended in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Verified.
    pub fixed: u64,
    /// Not.
    pub failed: u64,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            fixed: self.fixed.saturating_add(other.fixed),
            failed: self.failed.saturating_add(other.failed),
        }
    }
}

/// A control that is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Until then.
    pub until: Timestamp,
    /// Why.
    pub because: String,
}

/// The counters as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// By [`Counter::key`]; one that is absent is 0.
    pub counters: BTreeMap<String, u64>,
    /// The control's breaker, if it was ever opened.
    pub stopped: Option<Stopped>,
    /// How the control's remediations ended in this hour.
    pub this_hour: Tally,
    /// … and in the hour before.
    pub last_hour: Tally,
}

impl Usage {
    /// A counter's value.
    pub fn of(&self, counter: &Counter) -> u64 {
        self.counters.get(&counter.key()).copied().unwrap_or(0)
    }
}

/// One move of a record, with what is counted: one transaction, all or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The record as it is to be.
    pub record: Remediation,
    /// The record as the writer has seen it.
    pub expected: Option<Remediation>,
    /// What is counted.
    pub counts: Vec<Count>,
    /// When.
    pub at: Timestamp,
}

impl Change {
    /// Whether how others ended has to be known before it can be written: a failure may stop its control.
    pub fn needs_tally(&self) -> bool {
        self.counts.iter().any(|count| matches!(count, Count::Ended { failed: true, seen: None, .. }))
    }

    /// The change, with its failure counted on top of what is known, and the control stopped if that is too many. Whoever
    /// counts another failure meanwhile makes the write fail, so that of several failures none goes uncounted.
    #[must_use]
    pub fn with_tally(mut self, usage: &Usage, limits: &BreakerLimits) -> Self {
        let mut stop = None;
        for count in &mut self.counts {
            if let Count::Ended { control, failed: true, seen, .. } = count {
                *seen = Some(usage.this_hour.failed);
                let all = usage.this_hour.and(usage.last_hour).and(Tally { fixed: 0, failed: 1 });
                let ended = all.fixed.saturating_add(all.failed);
                if limits.opens(all.failed, ended) {
                    stop = Some(Count::Stop {
                        control: control.clone(),
                        until: limits.until(self.at),
                        because: format!("{} of {ended} remediations failed", all.failed),
                    });
                }
            }
        }
        self.counts.extend(stop);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_ends_where_the_next_begins() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let hour = Hour::of(time("2026-06-01T12:59:59.999Z"));
        assert_eq!(hour, Hour::of(time("2026-06-01T12:00:00Z")));
        assert_eq!(hour.end(), time("2026-06-01T13:00:00Z"));
        assert_eq!(Hour::of(hour.end()).before(), hour);
    }
}
