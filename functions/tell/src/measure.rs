//! Figures for CloudWatch, in the [embedded metric format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html):
//! a line of the log, from which CloudWatch makes metrics. No call, and nothing to pay while nothing happens.
//!
//! Only what an alarm or the dashboard looks at is measured: a custom metric costs by the hour in which it has a value.

use jiff::Timestamp;
use plumb_model::{Deployment, Remediation, State};
use serde_json::{Value, json};

/// The metrics' namespace.
const NAMESPACE: &str = "Plumb";

/// What a step in a remediation's life is worth counting; none for those on the way.
pub(crate) fn transition(deployment: &Deployment, new: &Remediation) -> Option<Value> {
    let state = match new.state {
        State::Fixed => "fixed",
        State::Failed => "failed",
        State::Escalated => "escalated",
        State::AwaitingApproval => "awaiting-approval",
        State::Detected
        | State::Declined
        | State::Planned
        | State::Running
        | State::Verifying
        | State::Unneeded
        | State::RollingBack
        | State::RolledBack
        | State::Waived => return None,
    };
    let mut metrics = vec![json!({ "Name": "Transitions", "Unit": "Count" })];
    let mut line = json!({ "State": state, "Control": new.control, "Transitions": 1 });
    // From when this attempt was begun: what waited for a window or a person before is nobody's slowness.
    if let (State::Fixed, Some(started), Some(members)) = (new.state, new.started_at, line.as_object_mut()) {
        metrics.push(json!({ "Name": "TimeToFix", "Unit": "Seconds" }));
        members.insert("TimeToFix".to_owned(), json!(new.since.duration_since(started).as_secs()));
    }
    Some(embedded(deployment, new.since, line, &metrics, &["Prefix", "State"]))
}

/// A control was stopped because its runbook keeps failing.
pub(crate) fn stopped(deployment: &Deployment, control: &str, at: Timestamp) -> Value {
    let line = json!({ "Control": control, "ControlsStopped": 1 });
    embedded(deployment, at, line, &[json!({ "Name": "ControlsStopped", "Unit": "Count" })], &["Prefix"])
}

fn embedded(
    deployment: &Deployment,
    at: Timestamp,
    mut line: Value,
    metrics: &[Value],
    dimensions: &[&str],
) -> Value {
    if let Some(members) = line.as_object_mut() {
        members.insert("Prefix".to_owned(), json!(deployment.prefix));
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics });
        let head = json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive] });
        members.insert("_aws".to_owned(), head);
    }
    line
}
