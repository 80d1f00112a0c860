//! Asking people, and what their answer makes of the record.

use jiff::Timestamp;
use plumb_model::{Answer, Approval, Change, Remediation, State, Word};

use super::{change, due};

/// How long a yes waits for the message that carries it out, before the sweep looks, in seconds.
const CARRIED_OUT: i64 = 300;

/// The execution that asks was started.
pub(super) fn asked(record: &Remediation, execution: &str, now: Timestamp) -> Option<Change> {
    let approval = record.approval.as_ref().filter(|_| record.state == State::AwaitingApproval)?;
    if approval.execution_id.is_some() {
        return None;
    }
    let approval = Approval { execution_id: Some(execution.to_owned()), ..approval.clone() };
    let to = Remediation {
        due_at: until(approval.expires_at),
        execution_id: Some(execution.to_owned()),
        approval: Some(approval),
        ..record.clone()
    };
    Some(change(Some(record), to, now))
}

/// An answer to a record's question. None if it doesn't wait for one: the question was answered before, or is another
/// one's.
pub(super) fn answered(
    record: &Remediation,
    (execution, hash): (&str, &str),
    (answer, words): (Answer, &[Word]),
    now: Timestamp,
) -> Option<Change> {
    let approval = record.approval.as_ref().filter(|_| record.state == State::AwaitingApproval)?;
    let asked = approval.execution_id.as_deref().is_none_or(|asked| asked == execution);
    if !asked || approval.hash != hash || approval.answer.is_some() {
        return None;
    }
    let approval = Approval {
        execution_id: Some(execution.to_owned()),
        answer: Some(answer),
        words: words.to_vec(),
        ..approval.clone()
    };
    let by = approval.by();
    let to = Remediation { approval: Some(approval), ..record.clone() };
    Some(match answer {
        Answer::Approved => {
            let to = Remediation { reason: format!("approved by {by}"), due_at: due(now, CARRIED_OUT), ..to };
            change(Some(record), to, now)
        }
        Answer::Declined => declined(record, to, format!("declined by {by}"), now),
        Answer::Lapsed => declined(record, to, "nobody approved it in time".to_owned(), now),
    })
}

/// The question, or a yes that could not be carried out, has expired. None if it has not.
pub(super) fn lapsed(record: &Remediation, now: Timestamp) -> Option<Change> {
    let approval = record.approval.as_ref().filter(|_| record.state == State::AwaitingApproval)?;
    let expires = approval.expires_at;
    if now < expires {
        return None;
    }
    let reason = match approval.answer {
        Some(Answer::Approved) => {
            format!("approved by {}, but it could not be carried out until {expires}", approval.by())
        }
        _ => format!("nobody answered until {expires}"),
    };
    let approval = Approval { answer: approval.answer.or(Some(Answer::Lapsed)), ..approval.clone() };
    let to = Remediation { approval: Some(approval), ..record.clone() };
    Some(declined(record, to, reason, now))
}

/// It was approved, and will not be carried out, because something else says no by now.
pub(super) fn overruled(record: &Remediation, because: &str, now: Timestamp) -> Option<Change> {
    let approval = record.approval.as_ref().filter(|_| record.state == State::AwaitingApproval)?;
    let by = approval.by();
    let reason = if because.starts_with("approved by ") {
        because.to_owned()
    } else {
        format!("approved by {by}, but not carried out: {because}")
    };
    Some(declined(record, record.clone(), reason, now))
}

fn declined(record: &Remediation, to: Remediation, reason: String, now: Timestamp) -> Change {
    let to = Remediation {
        state: State::Declined,
        reason,
        execution_id: None,
        due_at: None,
        deferred: None,
        ..to
    };
    change(Some(record), to, now)
}

/// That moment, in whole seconds.
pub(super) fn until(at: Timestamp) -> Option<Timestamp> {
    due(at, 0)
}
