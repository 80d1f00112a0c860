//! What SSM says about a runbook, and what a record makes of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_model::{Change, Control, Execution, Place, Progress, Remediation, ResourceRef, State};
use serde_json::Value;

use super::{LONGEST_RUN, change, due, failed_attempt, fixed};

pub(super) fn started(record: &Remediation, execution_id: &str, now: Timestamp) -> Option<Change> {
    let state = match (record.state, &record.execution_id) {
        (State::Planned, None) => State::Running,
        (State::RollingBack, None) => State::RollingBack,
        _ => return None,
    };
    let to = Remediation {
        state,
        execution_id: Some(execution_id.to_owned()),
        started_at: Some(now),
        confirmed_at: None,
        due_at: due(now, i64::from(record.terms.limits.run_seconds)),
        ..record.clone()
    };
    Some(change(Some(record), to, now))
}

pub(super) fn not_started(record: &Remediation, because: &str, now: Timestamp) -> Option<Change> {
    let reason = format!("the runbook could not be started: {because}");
    match (record.state, &record.execution_id) {
        (State::Planned, None) => Some(failed_attempt(record, &reason, record.before.clone(), now)),
        (State::RollingBack, None) => Some(rollback_failed(record, &reason, now)),
        _ => None,
    }
}

pub(super) fn ended(record: &Remediation, execution: &Execution, now: Timestamp) -> Option<Change> {
    let undoing = match record.state {
        State::Running => false,
        State::RollingBack => true,
        _ => return None,
    };
    match (Progress::of_status(&execution.status)?, undoing) {
        (Progress::Going, _) => None,
        (Progress::Succeeded, false) => Some(succeeded(record, execution, now)),
        (Progress::Failed, false) => {
            Some(failed_attempt(record, &how_it_ended(execution), kept(record, execution), now))
        }
        (Progress::Succeeded, true) => Some(undone(record, execution, now)),
        (Progress::Failed, true) => Some(rollback_failed(record, &how_it_ended(execution), now)),
    }
}

/// A runbook that ended well has found nothing to do, or has read the resource again; anything else is not a success.
fn succeeded(record: &Remediation, execution: &Execution, now: Timestamp) -> Change {
    let says = |name: &str, answer: bool| execution.outputs.get(name) == Some(&Value::Bool(answer));
    let unneeded = |reason: &str| {
        let reason = reason.to_owned();
        let to = Remediation { state: State::Unneeded, reason, due_at: None, ..record.clone() };
        change(Some(record), to, now)
    };
    if says("Inspect.Found", false) {
        return unneeded("the resource is gone");
    }
    if says("Inspect.Compliant", true) {
        return unneeded("it already complied: nothing was changed");
    }
    let before = execution.outputs.get("Inspect.Before").cloned();
    if !verified(execution) {
        return failed_attempt(record, "the runbook ended without verifying", before, now);
    }
    let record_with = Remediation { before, ..record.clone() };
    if let Some(at) = record.confirmed_at {
        let reason = format!("the runbook read it again and it complies; the detector agreed at {at}");
        return Change { expected: Some(record.clone()), ..fixed(&record_with, reason, now) };
    }
    let to = Remediation {
        state: State::Verifying,
        reason: "the runbook read it again and it complies; the detector is being asked".to_owned(),
        due_at: due(now, i64::from(record.terms.limits.settle_seconds)),
        ..record_with
    };
    change(Some(record), to, now)
}

/// A rollback that ended well has found nothing to restore, or has read the resource again; anything else is not a success.
fn undone(record: &Remediation, execution: &Execution, now: Timestamp) -> Change {
    let says = |name: &str, answer: bool| execution.outputs.get(name) == Some(&Value::Bool(answer));
    let restored = says("Inspect.Restored", true);
    let reason = if restored && says("Inspect.Found", false) {
        "the resource is gone: there is nothing to restore"
    } else if restored {
        "the state before was there already: nothing was changed"
    } else if verified(execution) {
        "the state before was restored, and read again"
    } else {
        return rollback_failed(record, "the rollback ended without verifying", now);
    };
    let reason = reason.to_owned();
    let to = Remediation { state: State::RolledBack, reason, due_at: None, ..record.clone() };
    change(Some(record), to, now)
}

/// A rollback that failed can be asked for again: the capture is kept.
fn rollback_failed(record: &Remediation, because: &str, now: Timestamp) -> Change {
    let reason = format!("the rollback failed: {because}");
    let to = Remediation { state: State::Escalated, reason, due_at: None, ..record.clone() };
    change(Some(record), to, now)
}

fn verified(execution: &Execution) -> bool {
    execution.steps.iter().any(|(name, status)| name == "Verify" && status == "Success")
}

fn how_it_ended(execution: &Execution) -> String {
    let why = execution.failure.as_deref().unwrap_or("no failure message");
    format!("the runbook ended as {}: {why}", execution.status)
}

/// What a runbook captured is kept when it fails: it may have changed the resource. An output of a step that did not run is
/// its own name in braces.
fn kept(record: &Remediation, execution: &Execution) -> Option<Value> {
    let captured = execution
        .outputs
        .get("Inspect.Before")
        .filter(|before| before.as_str().is_some_and(|text| text.trim_start().starts_with('{')))
        .filter(|before| before.as_str().is_none_or(|text| !text.trim_start().starts_with("{{")));
    captured.cloned().or_else(|| record.before.clone())
}

pub(super) fn unknown_status(record: &Remediation, status: &str, now: Timestamp) -> Option<Change> {
    let reason = format!("SSM reports the status `{status}`, which this version of Plumb does not know");
    if !matches!(record.state, State::Running | State::RollingBack) || record.reason == reason {
        return None;
    }
    let due_at = due(now, i64::from(record.terms.limits.run_seconds));
    Some(change(Some(record), Remediation { reason, due_at, ..record.clone() }, now))
}

pub(super) fn still_running(record: &Remediation, now: Timestamp) -> Option<Change> {
    if !matches!(record.state, State::Running | State::RollingBack) {
        return None;
    }
    let since = record.started_at.unwrap_or(record.since);
    let to = if now.duration_since(since) < LONGEST_RUN {
        let due_at = due(now, i64::from(record.terms.limits.run_seconds).max(60));
        Remediation { due_at, ..record.clone() }
    } else {
        let reason = format!("its runbook is under way since {since}: a person has to look");
        Remediation { state: State::Escalated, reason, due_at: None, ..record.clone() }
    };
    Some(change(Some(record), to, now))
}

pub(super) fn lost(record: &Remediation, now: Timestamp) -> Option<Change> {
    let because = "SSM knows no such execution any more";
    match record.state {
        State::Running => Some(failed_attempt(record, because, record.before.clone(), now)),
        State::RollingBack => Some(rollback_failed(record, because, now)),
        _ => None,
    }
}

/// The resource that an execution of one of the control's documents was started for, at `place`: the planner's parameters, read back.
/// None when they are not the planner's.
pub fn claimed_resource(
    control: &Control,
    parameters: &BTreeMap<String, Vec<String>>,
    place: &Place,
) -> Option<ResourceRef> {
    let of = |placeholder: &str| {
        let name = control.parameters.iter().find(|parameter| parameter.value == placeholder)?.name;
        parameters.get(name)?.first().cloned()
    };
    let account = of("{{resource.account}}").and_then(|text| plumb_model::AccountId::parse(text).ok());
    let region = of("{{resource.region}}").and_then(|text| plumb_model::Region::parse(text).ok());
    let account = account.unwrap_or_else(|| place.account.clone());
    let id = of("{{resource.id}}")
        .or_else(|| (control.resource_type == "AWS::::Account").then(|| account.to_string()))?;
    Some(ResourceRef {
        region: region.unwrap_or_else(|| place.region.clone()),
        account,
        kind: control.resource_type.to_owned(),
        id,
    })
}
