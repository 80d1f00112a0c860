//! The life of a remediation: every move that its record can make, in one place, pure.
//!
//! ```text
//! Detected ─┬─► Planned ─► Running ─► Verifying ─► Fixed
//!           │                 │           └─► Failed(n) ─► … ─► Escalated
//!           │                 └─► Unneeded
//!           └─► AwaitingApproval ─► Planned, Declined     Fixed, Verifying, Failed, Escalated ─► RollingBack ─► RolledBack
//! ```
//!
//! [`claim`] and [`undo`] begin an attempt from a decision; [`next`] is everything that happens to it afterwards. Each gives a
//! [`Change`]: the record as it is to be, the record that the move was decided on, and what is counted with it. The
//! ledger writes all of it in one transaction, or nothing if another record stands there; whoever loses looks again.
//!
//! **Invariant:** a record that someone has to come back to has a `due_at`. Whatever is lost, the sweep finds it.

mod approval;
mod claims;
mod runbook;
mod verify;

use jiff::{SignedDuration, Timestamp};
use plumb_model::{Answer, Change, Count, Counter, Execution, Remediation, State, Word, later};

pub use claims::{claim, laid_aside, undo, waiting};
pub use runbook::claimed_resource;
pub use verify::believable;

/// How long after a claim the sweep looks whether its runbook was started: longer than the queue needs to bring the
/// message back, which takes the claim up too.
const CLAIM_DUE: i64 = 600;

/// The longest that a runbook may be under way before a person has to look: a day.
const LONGEST_RUN: SignedDuration = SignedDuration::from_hours(24);

/// The most fixes that are remembered: more than any policy's limit for flapping makes sense with.
const REMEMBERED_FIXES: usize = 20;

/// Something that happened to a remediation.
#[derive(Debug, Clone, PartialEq)]
pub enum Happened<'a> {
    /// SSM has taken the runbook, as this execution.
    Started {
        /// The execution.
        execution_id: &'a str,
    },
    /// SSM has refused the runbook, and would again.
    NotStarted {
        /// Why.
        because: String,
    },
    /// The runbook has ended.
    Ended(&'a Execution),
    /// SSM reports a status that Plumb does not know.
    UnknownStatus {
        /// In SSM's words.
        status: &'a str,
    },
    /// The runbook has not ended, although it is time to look.
    StillRunning,
    /// SSM knows no such execution any more.
    Lost,
    /// The detector says that the resource complies.
    Agreed {
        /// As of then.
        seen: Timestamp,
    },
    /// The detector says that the resource still violates.
    Disagreed {
        /// As of then.
        seen: Timestamp,
        /// The decision to undo the fix, if the policy wants that and it can be undone.
        undo: Option<&'a plumb_model::Action>,
    },
    /// There is no detector to ask.
    NoDetector {
        /// Why.
        because: String,
    },
    /// The detector has not answered, although it is time to look.
    Unanswered,
    /// The approvers of a record that awaits approval are being asked.
    Asked {
        /// The execution that asks.
        execution_id: &'a str,
    },
    /// They have answered, or nobody has.
    Answered {
        /// The execution that asked.
        execution_id: &'a str,
        /// What it asked for.
        hash: &'a str,
        /// What became of it.
        answer: Answer,
        /// Who said what.
        words: &'a [Word],
    },
    /// What was approved is not carried out, because something else says no by now.
    Overruled {
        /// What.
        because: &'a str,
    },
    /// It is time to look whether a question, or a yes that has to wait, has expired.
    Expired,
    /// Somebody lets Plumb touch it again.
    Cleared {
        /// Who.
        by: &'a str,
    },
}

/// What a record becomes when something happens to it; none when that changes nothing.
pub fn next(record: &Remediation, happened: &Happened<'_>, now: Timestamp) -> Option<Change> {
    match happened {
        Happened::Started { execution_id } => runbook::started(record, execution_id, now),
        Happened::NotStarted { because } => runbook::not_started(record, because, now),
        Happened::Ended(execution) => runbook::ended(record, execution, now),
        Happened::UnknownStatus { status } => runbook::unknown_status(record, status, now),
        Happened::StillRunning => runbook::still_running(record, now),
        Happened::Lost => runbook::lost(record, now),
        Happened::Agreed { seen } => verify::agreed(record, *seen, now),
        Happened::Disagreed { seen, undo } => verify::disagreed(record, *seen, *undo, now),
        Happened::NoDetector { because } => verify::no_detector(record, because, now),
        Happened::Unanswered => verify::unanswered(record, now),
        Happened::Asked { execution_id } => approval::asked(record, execution_id, now),
        Happened::Answered { execution_id, hash, answer, words } => {
            approval::answered(record, (execution_id, hash), (*answer, words), now)
        }
        Happened::Overruled { because } => approval::overruled(record, because, now),
        Happened::Expired => approval::lapsed(record, now),
        Happened::Cleared { by } => cleared(record, by, now),
    }
}

fn cleared(record: &Remediation, by: &str, now: Timestamp) -> Option<Change> {
    if !matches!(record.state, State::RolledBack | State::Escalated | State::Failed | State::Declined) {
        return None;
    }
    let to = Remediation {
        state: State::Detected,
        attempts: 0,
        fixes: Vec::new(),
        reason: format!("cleared by {by}: Plumb may touch it again"),
        // It is looked at at once: the detector has nothing new to say.
        due_at: due(now, 0),
        deferred: None,
        ..record.clone()
    };
    Some(change(Some(record), to, now))
}

/// A move, with what follows from it for everybody: the place that it takes or leaves, and how an attempt ended.
fn change(from: Option<&Remediation>, mut to: Remediation, now: Timestamp) -> Change {
    if from.is_none_or(|from| from.state != to.state) {
        to.since = now;
    }
    to.revision = from.map_or(1, |from| from.revision.saturating_add(1));
    to.updated_at = now;
    let mut counts = Vec::new();
    let held = from.is_some_and(|from| from.state.holds_a_place());
    let place = Counter::Running(to.resource.account.clone(), to.resource.region.clone());
    match (held, to.state.holds_a_place()) {
        (false, true) => counts.push(Count::Take { counter: place, limit: None }),
        (true, false) => counts.push(Count::Give(place)),
        (true, true) | (false, false) => {}
    }
    let attempt =
        from.is_some_and(|from| matches!(from.state, State::Planned | State::Running | State::Verifying));
    match to.state {
        State::Fixed if attempt => counts.push(ended(&to, false, now)),
        State::Failed | State::Escalated if attempt => counts.push(ended(&to, true, now)),
        _ => {}
    }
    Change { record: to, expected: from.cloned(), counts, at: now }
}

fn ended(record: &Remediation, failed: bool, now: Timestamp) -> Count {
    Count::Ended { control: record.control.clone(), hour: plumb_model::Hour::of(now), failed, seen: None }
}

/// An attempt that did not bring the resource back to true: the next one follows after the backoff, until a person has to
/// look.
fn failed_attempt(
    record: &Remediation,
    because: &str,
    before: Option<serde_json::Value>,
    now: Timestamp,
) -> Change {
    let limits = &record.terms.limits;
    let attempts = record.attempts.saturating_add(1);
    let (state, reason, due_at) = if attempts >= limits.attempts {
        let reason =
            format!("{because}; that was attempt {attempts} of {}, a person has to look", limits.attempts);
        (State::Escalated, reason, None)
    } else {
        (State::Failed, because.to_owned(), due(now, limits.backoff(attempts).as_secs()))
    };
    change(Some(record), Remediation { state, reason, attempts, before, due_at, ..record.clone() }, now)
}

/// A resource that is true again.
fn fixed(record: &Remediation, reason: String, now: Timestamp) -> Change {
    let mut fixes = record.fixes.clone();
    fixes.push(now);
    let forgotten = fixes.len().saturating_sub(REMEMBERED_FIXES);
    fixes.drain(..forgotten);
    let to = Remediation { state: State::Fixed, reason, fixes, attempts: 0, due_at: None, ..record.clone() };
    change(Some(record), to, now)
}

/// So many seconds from now, in whole seconds: the index sorts it as text.
fn due(now: Timestamp, seconds: i64) -> Option<Timestamp> {
    let up = i64::from(now.subsec_nanosecond() > 0);
    Timestamp::from_second(later(now, seconds).as_second().saturating_add(up)).ok()
}
