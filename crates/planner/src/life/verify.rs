//! What the detector says about a fix.

use jiff::Timestamp;
use plumb_model::{Action, Change, Count, Hour, Remediation, State, later};

use super::{CLAIM_DUE, change, due, failed_attempt, fixed};

/// Whether a detector that disagrees with a fix is believed: not while it may still have judged what was recorded before.
/// AWS Config records a change minutes after it was made, and a rule that is asked before judges the old recording.
pub fn believable(record: &Remediation, seen: Timestamp) -> bool {
    later(record.since, i64::from(record.terms.limits.settle_seconds)) < seen
}

pub(super) fn agreed(record: &Remediation, seen: Timestamp, now: Timestamp) -> Option<Change> {
    if seen < record.started_at.unwrap_or(record.detected_at) {
        return None;
    }
    match record.state {
        State::Verifying => {
            let reason = format!("the runbook read it again and it complies; the detector agreed at {seen}");
            Some(fixed(record, reason, now))
        }
        State::Running if record.confirmed_at.is_none() => {
            Some(change(Some(record), Remediation { confirmed_at: Some(seen), ..record.clone() }, now))
        }
        // A rollback that failed is not made good by a detector that likes the fix.
        State::Escalated if record.rollbacks > 0 => None,
        State::Detected | State::AwaitingApproval | State::Declined | State::Failed | State::Escalated => {
            let reason = if record.before.is_some() && record.state != State::Detected {
                format!("it complies since {seen}; Plumb's last attempt failed, and may have changed it")
            } else {
                format!("it complies since {seen}, without a change by Plumb")
            };
            let to = Remediation {
                state: State::Unneeded,
                reason,
                attempts: 0,
                due_at: None,
                deferred: None,
                ..record.clone()
            };
            Some(change(Some(record), to, now))
        }
        // What had to wait has taken care of itself.
        State::Fixed | State::Unneeded
            if record
                .deferred
                .as_ref()
                .is_some_and(|waits| waits.observed_at.is_none_or(|at| at <= seen)) =>
        {
            Some(change(Some(record), Remediation { deferred: None, due_at: None, ..record.clone() }, now))
        }
        State::Running
        | State::Planned
        | State::Fixed
        | State::Unneeded
        | State::RollingBack
        | State::RolledBack
        | State::Waived => None,
    }
}

pub(super) fn disagreed(
    record: &Remediation,
    seen: Timestamp,
    undo: Option<&Action>,
    now: Timestamp,
) -> Option<Change> {
    if record.state != State::Verifying || !believable(record, seen) {
        return None;
    }
    let because = format!("the runbook read it and it complied, but the detector disagrees as of {seen}");
    let Some(action) = undo else {
        return Some(failed_attempt(record, &because, record.before.clone(), now));
    };
    let to = Remediation {
        state: State::RollingBack,
        action: Some(action.clone()),
        execution_id: None,
        reason: format!("{because}; the policy undoes such a fix"),
        attempts: record.attempts.saturating_add(1),
        rollbacks: record.rollbacks.saturating_add(1),
        due_at: due(now, CLAIM_DUE),
        ..record.clone()
    };
    let mut change = change(Some(record), to, now);
    let control = record.control.clone();
    change.counts.push(Count::Ended { control, hour: Hour::of(now), failed: true, seen: None });
    Some(change)
}

pub(super) fn no_detector(record: &Remediation, because: &str, now: Timestamp) -> Option<Change> {
    (record.state == State::Verifying).then(|| {
        let reason = format!("the runbook read it again and it complies; no detector to ask ({because})");
        fixed(record, reason, now)
    })
}

pub(super) fn unanswered(record: &Remediation, now: Timestamp) -> Option<Change> {
    if record.state != State::Verifying {
        return None;
    }
    let limits = &record.terms.limits;
    let to = if later(record.since, i64::from(limits.verify_seconds)) <= now {
        Remediation {
            state: State::Escalated,
            reason: format!(
                "the runbook read it again and it complies, but the detector has not answered within {} s",
                limits.verify_seconds
            ),
            due_at: None,
            ..record.clone()
        }
    } else {
        Remediation { due_at: due(now, i64::from(limits.settle_seconds).max(60)), ..record.clone() }
    };
    Some(change(Some(record), to, now))
}
