//! How an attempt begins: from a decision.

use jiff::Timestamp;
use plumb_model::{
    Change, Count, Counter, Decision, Deferred, Finding, Guardrail, Hour, Outcome, Policy, Remediation,
    Standing, State, Terms, later,
};

use super::{CLAIM_DUE, approval, change, due};
use crate::rollback::this_rollback;

/// How long a finding waits whose guardrail does not say until when, in seconds.
const LATER: i64 = 3600;

/// When something is looked at again that a person's decision stands against, in seconds.
const TOMORROW: i64 = 24 * 3600;

/// After how long a claim that nobody wants any more is let go, in seconds.
const GIVE_UP: i64 = 3600;

/// What a decision about a finding does to the record; none when it changes nothing.
pub fn claim(
    decision: &Decision,
    finding: &Finding,
    prior: Option<&Remediation>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Change> {
    if let Some(prior) = prior
        && prior.state == State::Planned
        && decision.outcome != Outcome::Start
    {
        return let_go(prior, &decision.reason, now);
    }
    match decision.outcome {
        Outcome::Start => start(decision, finding, prior, policy, now),
        Outcome::Notify => record(State::Detected, decision, finding, prior, now),
        Outcome::Approve => record(State::AwaitingApproval, decision, finding, prior, now),
        Outcome::Decline => {
            let prior = prior?;
            approval::lapsed(prior, now).or_else(|| approval::overruled(prior, &decision.reason, now))
        }
        Outcome::Defer => defer(decision, finding, prior, now),
        Outcome::Escalate => {
            let prior = prior?;
            let reason = decision.reason.clone();
            let verdicts = decision.verdicts.clone();
            let to = Remediation {
                state: State::Escalated,
                reason,
                verdicts,
                due_at: None,
                deferred: None,
                ..prior.clone()
            };
            Some(change(Some(prior), to, now))
        }
        // `next` moves the record that does not hold.
        Outcome::Reopen | Outcome::Skip | Outcome::Ignore | Outcome::Reject => None,
    }
}

fn start(
    decision: &Decision,
    finding: &Finding,
    prior: Option<&Remediation>,
    policy: &Policy,
    now: Timestamp,
) -> Option<Change> {
    let action = decision.action.clone()?;
    let taken_up = prior.is_some_and(|prior| prior.state == State::Planned);
    let attempts = match prior {
        Some(prior) if matches!(prior.state, State::Failed | State::Planned) => prior.attempts,
        _ => 0,
    };
    // What the claim rests on, if it needed approval.
    let given = prior
        .filter(|prior| matches!(prior.state, State::AwaitingApproval | State::Planned))
        .and_then(|prior| prior.approval.clone());
    let to = Remediation {
        generation: action.generation,
        approval: given,
        state: State::Planned,
        attempts,
        action: Some(action),
        due_at: due(now, CLAIM_DUE),
        terms: Terms {
            limits: policy.limits.clone(),
            roll_back_unverified: policy.rollback.on_failed_verification,
        },
        ..fresh(decision, finding, prior, now)
    };
    let mut change = change(prior, to, now);
    // A claim that is taken up was counted when it was made; its lease begins anew.
    change.record.since = now;
    if !taken_up {
        let limits = &policy.limits;
        for count in &mut change.counts {
            if let Count::Take { limit, .. } = count {
                *limit = Some(limits.at_a_time());
            }
        }
        change.counts.extend(starts(&change.record, limits, now));
    }
    Some(change)
}

/// What a start counts, beside its place.
fn starts(record: &Remediation, limits: &plumb_model::Limits, now: Timestamp) -> [Count; 4] {
    let (hour, per_hour) = (Hour::of(now), &limits.per_hour);
    let (control, account) = (record.control.clone(), record.resource.account.clone());
    let take = |counter, limit| Count::Take { counter, limit: Some(limit) };
    [
        take(Counter::ControlHour(control.clone(), hour), per_hour.control),
        take(Counter::AccountHour(account, hour), per_hour.account),
        take(Counter::AllHour(hour), per_hour.all),
        Count::NotStopped { control, now },
    ]
}

/// A claim that is not to be carried out any more. Whether its runbook was started is not known: if it was, its status tells,
/// so the claim is let go only after the time in which that would have come.
fn let_go(prior: &Remediation, because: &str, now: Timestamp) -> Option<Change> {
    let to = if later(prior.since, GIVE_UP) <= now {
        let reason =
            format!("claimed at {}, but no runbook was seen to start, and now: {because}", prior.since);
        Remediation { state: State::Detected, reason, due_at: None, deferred: None, ..prior.clone() }
    } else if prior.due_at.is_none_or(|due| due <= now) {
        Remediation { due_at: due(now, CLAIM_DUE), ..prior.clone() }
    } else {
        return None;
    };
    Some(change(Some(prior), to, now))
}

/// Seen, and nothing is started.
fn record(
    state: State,
    decision: &Decision,
    finding: &Finding,
    prior: Option<&Remediation>,
    now: Timestamp,
) -> Option<Change> {
    // One that waits for a person keeps its time; one that was only seen has none once it was looked at.
    let stands = |prior: &Remediation| {
        prior.state == state && (state == State::AwaitingApproval || prior.due_at.is_none())
    };
    let asks = decision.approval.is_some();
    if !asks && prior.is_some_and(stands) {
        return None;
    }
    let generation = prior.map_or(0, |prior| prior.generation);
    let to = Remediation {
        generation,
        state,
        action: decision.action.clone(),
        // Until the question has gone out: then it is due when that expires.
        due_at: if asks { due(now, CLAIM_DUE) } else { None },
        approval: decision.approval.as_deref().cloned(),
        ..fresh(decision, finding, prior, now)
    };
    Some(change(prior, to, now))
}

/// A finding that has to wait is kept with the record, and the record stands where it stood.
fn defer(
    decision: &Decision,
    finding: &Finding,
    prior: Option<&Remediation>,
    now: Timestamp,
) -> Option<Change> {
    let wait = decision.until.map_or(LATER, |until| until.duration_since(now).as_secs()).max(0);
    let due_at = due(now, wait)?;
    if prior.is_some_and(|prior| prior.due_at.is_some_and(|already| now < already && already <= due_at)) {
        return None;
    }
    let deferred =
        Deferred { observed_at: finding.observed_at, until: due_at, because: decision.reason.clone() };
    let to = match prior {
        Some(prior) => prior.clone(),
        None => Remediation {
            reason: format!("deferred: {}", decision.reason),
            ..fresh(decision, finding, None, now)
        },
    };
    Some(change(prior, Remediation { due_at: Some(due_at), deferred: Some(deferred), ..to }, now))
}

/// A record of this finding that keeps of the one before what outlives an attempt.
fn fresh(decision: &Decision, finding: &Finding, prior: Option<&Remediation>, now: Timestamp) -> Remediation {
    Remediation {
        reason: decision.reason.clone(),
        verdicts: decision.verdicts.clone(),
        detected_at: finding.observed_at.unwrap_or(now),
        fixes: prior.map(|prior| prior.fixes.clone()).unwrap_or_default(),
        ..Remediation::seen(finding.control.clone(), finding.resource.clone(), finding.source.clone(), now)
    }
}

/// A record whose time had come, and for which nothing is to be done now. If a waiver or a mode says so, it is looked at again
/// tomorrow: they end. None for one that is under way, or has nothing to wait for.
pub fn laid_aside(decision: &Decision, record: &Remediation, now: Timestamp) -> Option<Change> {
    let due = record.due_at.is_some_and(|due| due <= now);
    if !due || record.state.is_open() || record.state == State::AwaitingApproval {
        return None;
    }
    let final_word = matches!(record.state, State::Escalated | State::RolledBack);
    let to = if decision.outcome == Outcome::Skip && !final_word {
        let waived = decision.verdicts.last().is_some_and(|last| last.guardrail == Guardrail::Waiver);
        let (state, reason) = match record.state {
            State::Detected | State::Failed | State::Waived if waived => {
                (State::Waived, decision.reason.clone())
            }
            state => (state, record.reason.clone()),
        };
        Remediation { state, reason, due_at: self::due(now, TOMORROW), ..record.clone() }
    } else {
        Remediation { due_at: None, deferred: None, ..record.clone() }
    };
    Some(change(Some(record), to, now))
}

/// The claim of a rollback that was decided on.
pub fn undo(decision: &Decision, prior: &Remediation, because: String, now: Timestamp) -> Option<Change> {
    let action = decision.action.clone()?;
    let to = Remediation {
        state: State::RollingBack,
        action: Some(action),
        execution_id: None,
        reason: because,
        rollbacks: this_rollback(prior),
        due_at: due(now, CLAIM_DUE),
        deferred: None,
        ..prior.clone()
    };
    Some(change(Some(prior), to, now))
}

/// The finding that a record waits with, for when its time has come: as its source reported it.
pub fn waiting(record: &Remediation) -> Finding {
    // What was seen while a claim or an attempt stood was seen when the attempt was decided on.
    let observed_at =
        record.deferred.as_ref().map_or(Some(record.detected_at), |deferred| deferred.observed_at);
    Finding {
        control: record.control.clone(),
        resource: record.resource.clone(),
        source: record.source.clone(),
        standing: Standing::Violating,
        observed_at,
        event_id: None,
        sender: None,
    }
}
