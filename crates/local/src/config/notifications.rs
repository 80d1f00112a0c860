//! The events that AWS Config publishes.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    evaluation::{Evaluation, Resource},
    history::Recorded,
    invocation,
    item::millis,
    rule::Change,
};
use crate::eventbridge::{Origin, event};

/// Where a Config event comes from.
pub(super) fn origin<'a>(account: &'a str, region: &'a str) -> Origin<'a> {
    Origin { source: "aws.config", account, region }
}

/// `Config Rules Compliance Change`.
pub(super) fn compliance_change(
    origin: Origin<'_>,
    rule: &str,
    rule_arn: &str,
    change: &Change,
    at: Timestamp,
) -> Value {
    let mut detail = Map::from_iter([
        ("resourceId".to_owned(), json!(change.resource.id)),
        ("awsRegion".to_owned(), json!(origin.region)),
        ("awsAccountId".to_owned(), json!(origin.account)),
        ("configRuleName".to_owned(), json!(rule)),
        ("recordVersion".to_owned(), json!("1.0")),
        ("configRuleARN".to_owned(), json!(rule_arn)),
        ("messageType".to_owned(), json!("ComplianceChangeNotification")),
        ("newEvaluationResult".to_owned(), result(rule, &change.resource, &change.new)),
        ("notificationCreationTime".to_owned(), json!(millis(at))),
        ("resourceType".to_owned(), json!(change.resource.kind)),
    ]);
    if let Some(old) = &change.old {
        detail.insert("oldEvaluationResult".to_owned(), result(rule, &change.resource, old));
    }
    event(origin, "Config Rules Compliance Change", at, &[], Value::Object(detail))
}

/// `Config Configuration Item Change`: an item that was recorded, or its summary if it is too large.
pub(super) fn item_change(origin: Origin<'_>, recorded: &Recorded, at: Timestamp) -> Value {
    let resources = [recorded.item.found.arn.clone()];
    let detail = invocation::notification(recorded, at);
    event(origin, "Config Configuration Item Change", at, &resources, detail)
}

/// `Config Rules Re-evaluation Status`: an evaluation that somebody asked for has started.
pub(super) fn evaluation_started(origin: Origin<'_>, rules: &[String], at: Timestamp) -> Value {
    let detail = json!({
        "configRuleNames": rules,
        "awsRegion": origin.region,
        "awsAccountId": origin.account,
        "recordVersion": "1.0",
        "messageType": "ConfigRulesEvaluationStarted",
        "notificationCreationTime": millis(at),
    });
    event(origin, "Config Rules Re-evaluation Status", at, &[], detail)
}

fn result(rule: &str, resource: &Resource, evaluation: &Evaluation) -> Value {
    let mut result = Map::from_iter([
        (
            "evaluationResultIdentifier".to_owned(),
            json!({
                "evaluationResultQualifier": {
                    "configRuleName": rule,
                    "resourceType": resource.kind,
                    "resourceId": resource.id,
                    "evaluationMode": "DETECTIVE",
                },
                "orderingTimestamp": millis(evaluation.ordered),
            }),
        ),
        ("complianceType".to_owned(), json!(evaluation.compliance.as_str())),
        ("resultRecordedTime".to_owned(), json!(millis(evaluation.recorded))),
        ("configRuleInvokedTime".to_owned(), json!(millis(evaluation.invoked))),
    ]);
    if let Some(annotation) = &evaluation.annotation {
        result.insert("annotation".to_owned(), json!(annotation));
    }
    Value::Object(result)
}

#[cfg(test)]
mod tests {
    use super::{super::evaluation::Compliance, *};

    fn evaluation(compliance: Compliance, second: i64) -> Evaluation {
        let time = Timestamp::new(1_732_909_400 + second, 123_456_789).unwrap();
        Evaluation { compliance, annotation: None, ordered: time, invoked: time, recorded: time }
    }

    fn change(old: Option<Evaluation>) -> Change {
        Change {
            resource: Resource { kind: "AWS::S3::Bucket".to_owned(), id: "logs".to_owned() },
            old,
            new: evaluation(Compliance::NonCompliant, 15),
        }
    }

    fn told(change: &Change) -> Value {
        let arn = "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-abc123";
        let at = Timestamp::new(1_732_909_416, 0).unwrap();
        compliance_change(origin("123456789012", "us-east-1"), "plumb-x", arn, change, at)
    }

    #[test]
    fn a_compliance_change_has_the_shape_of_aws() {
        let event = told(&change(Some(evaluation(Compliance::Compliant, 0))));
        let result = |compliance: &str, time: &str| {
            json!({
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {
                        "configRuleName": "plumb-x", "resourceType": "AWS::S3::Bucket", "resourceId": "logs",
                        "evaluationMode": "DETECTIVE",
                    },
                    "orderingTimestamp": time,
                },
                "complianceType": compliance, "resultRecordedTime": time, "configRuleInvokedTime": time,
            })
        };
        assert_eq!(event["source"], "aws.config");
        assert_eq!(event["resources"], json!([]));
        assert_eq!(event["time"], "2024-11-29T19:43:36Z");
        assert_eq!(
            event["detail"],
            json!({
                "resourceId": "logs", "resourceType": "AWS::S3::Bucket", "awsRegion": "us-east-1",
                "awsAccountId": "123456789012", "configRuleName": "plumb-x", "recordVersion": "1.0",
                "configRuleARN": "arn:aws:config:us-east-1:123456789012:config-rule/config-rule-abc123",
                "messageType": "ComplianceChangeNotification",
                "newEvaluationResult": result("NON_COMPLIANT", "2024-11-29T19:43:35.123Z"),
                "oldEvaluationResult": result("COMPLIANT", "2024-11-29T19:43:20.123Z"),
                "notificationCreationTime": "2024-11-29T19:43:36.000Z",
            })
        );
    }

    #[test]
    fn a_first_evaluation_has_no_old_result() {
        assert!(told(&change(None))["detail"].get("oldEvaluationResult").is_none());
    }
}
