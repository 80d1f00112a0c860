//! The events that Automation publishes.

use jiff::Timestamp;
use plumb_automation::{Execution, StepExecution};
use serde_json::{Map, Value, json};

use super::partition;
use crate::eventbridge::{Origin, event};

/// `EC2 Automation Execution Status-change Notification`.
pub(super) fn execution_changed(account: &str, region: &str, execution: &Execution, now: Timestamp) -> Value {
    let mut detail =
        detail(execution, execution.status.as_str(), Some(execution.started_at), execution.ended_at);
    detail.insert("ExecutedBy".to_owned(), json!(execution.executed_by));
    notification(
        "EC2 Automation Execution Status-change Notification",
        (account, region),
        execution,
        detail,
        now,
    )
}

/// `EC2 Automation Step Status-change Notification`.
pub(super) fn step_changed(
    account: &str,
    region: &str,
    execution: &Execution,
    step: &StepExecution,
    now: Timestamp,
) -> Value {
    let mut detail = detail(execution, step.status.as_str(), step.started_at, step.ended_at);
    detail.insert("StepName".to_owned(), json!(step.name));
    detail.insert("Action".to_owned(), json!(step.action));
    notification("EC2 Automation Step Status-change Notification", (account, region), execution, detail, now)
}

/// Times that aren't known yet are left out, as Java's JSON writers leave out what is null; AWS has published no sample.
fn detail(
    execution: &Execution,
    status: &str,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
) -> Map<String, Value> {
    let mut detail = Map::from_iter([
        ("ExecutionId".to_owned(), json!(execution.id)),
        ("Definition".to_owned(), json!(execution.document_name)),
        ("DefinitionVersion".to_owned(), json!(execution.document_version.parse::<f64>().unwrap_or(1.0))),
        ("Status".to_owned(), json!(status)),
    ]);
    if let Some(started) = started {
        detail.insert("StartTime".to_owned(), json!(java_date(started)));
    }
    if let (Some(started), Some(ended)) = (started, ended) {
        detail.insert("EndTime".to_owned(), json!(java_date(ended)));
        let milliseconds = ended.duration_since(started).as_millis_f64();
        detail.insert("Time".to_owned(), json!(milliseconds.round()));
    }
    detail
}

fn notification(
    detail_type: &str,
    (account, region): (&str, &str),
    execution: &Execution,
    detail: Map<String, Value>,
    now: Timestamp,
) -> Value {
    let arn =
        |kind: &str, name: &str| format!("arn:{}:ssm:{region}:{account}:{kind}/{name}", partition(region));
    let definition = format!("{}:{}", execution.document_name, execution.document_version);
    let resources = [arn("automation-execution", &execution.id), arn("automation-definition", &definition)];
    event(Origin { source: "aws.ssm", account, region }, detail_type, now, &resources, Value::Object(detail))
}

/// `Nov 29, 2024 7:43:25 PM`, in UTC.
fn java_date(time: Timestamp) -> String {
    time.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plumb_automation::Status;

    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn execution(status: Status, ended: Option<&str>) -> Execution {
        Execution {
            id: "333ba70b-2333-48db-b17e-a5e69c6f4d1c".to_owned(),
            document_name: "plumb-x".to_owned(),
            document_version: "1".to_owned(),
            status,
            started_at: time("2024-11-09T19:03:20Z"),
            ended_at: ended.map(time),
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            output_names: Vec::new(),
            variables: BTreeMap::new(),
            steps: Vec::new(),
            current_step: None,
            current_action: None,
            failure_message: None,
            executed_by: "arn:aws:iam::123456789012:user/dev".to_owned(),
            parent_id: None,
            mode: plumb_automation::Mode::Auto,
            target: None,
            spread: None,
        }
    }

    #[test]
    fn an_ended_execution_is_told_in_the_shape_of_aws() {
        let execution = execution(Status::Success, Some("2024-11-09T19:03:25.753Z"));
        let event = execution_changed("123456789012", "us-east-1", &execution, time("2024-11-09T19:03:26Z"));
        assert_eq!(event["source"], "aws.ssm");
        assert_eq!(event["detail-type"], "EC2 Automation Execution Status-change Notification");
        assert_eq!(
            event["resources"],
            json!([
                "arn:aws:ssm:us-east-1:123456789012:automation-execution/333ba70b-2333-48db-b17e-a5e69c6f4d1c",
                "arn:aws:ssm:us-east-1:123456789012:automation-definition/plumb-x:1",
            ])
        );
        assert_eq!(
            event["detail"].to_string(),
            json!({
                "ExecutionId": "333ba70b-2333-48db-b17e-a5e69c6f4d1c", "Definition": "plumb-x",
                "DefinitionVersion": 1.0, "Status": "Success", "StartTime": "Nov 9, 2024 7:03:20 PM",
                "EndTime": "Nov 9, 2024 7:03:25 PM", "Time": 5753.0,
                "ExecutedBy": "arn:aws:iam::123456789012:user/dev",
            })
            .to_string()
        );
    }

    #[test]
    fn an_execution_under_way_has_no_end() {
        let event = execution_changed(
            "123456789012",
            "us-gov-west-1",
            &execution(Status::InProgress, None),
            time("2024-11-09T00:03:20Z"),
        );
        assert_eq!(event["detail"]["Status"], "InProgress");
        assert!(event["detail"].get("EndTime").is_none());
        assert!(event["resources"][0].as_str().unwrap().starts_with("arn:aws-us-gov:ssm:us-gov-west-1:"));
    }
}
