//! AWS Config's custom rules, driven by boto3: a real function is invoked with items and judges them.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{cell::RefCell, time::Duration};

use plumb_local::{Caller, Script};
use serde_json::{Value, json};
use support::Aws;

/// The queue to which the function repeats what it is invoked with, what came by it and nobody asked for yet, and the
/// function's ARN.
struct Judge {
    queue: String,
    waiting: RefCell<Vec<Value>>,
    arn: String,
}

const CHANGE: &str = "ConfigurationItemChangeNotification";
const OVERSIZED: &str = "OversizedConfigurationItemChangeNotification";
const SCHEDULED: &str = "ScheduledNotification";

#[tokio::test(flavor = "multi_thread")]
async fn a_function_judges_what_has_changed_what_is_there_and_what_is_gone() {
    let aws = Aws::start("config-rules").await;
    let judge = deployed(&aws).await;
    a_rule_whose_function_is_not_there_or_not_allowed_is_refused(&aws, &judge).await;
    let volume = a_changed_volume_is_judged_with_an_invocation_in_the_shape_of_aws(&aws, &judge).await;
    a_periodic_rule_judges_when_it_is_time(&aws, &judge, &volume).await;
    evaluations_are_checked(&aws, &judge, &volume).await;
    a_resource_that_leaves_the_scope_or_the_account_is_told(&aws, &judge, &volume).await;
    an_item_that_is_too_large_is_fetched(&aws, &judge).await;
    a_function_that_fails_is_tried_again_and_noted(&aws, &judge).await;
    aws.local.stop().await;
}

async fn a_rule_whose_function_is_not_there_or_not_allowed_is_refused(aws: &Aws, judge: &Judge) {
    let absent = "arn:aws:lambda:us-east-1:123456789012:function:absent";
    for function in [absent, &judge.arn] {
        let refused =
            aws.try_call("config", "PutConfigRule", rule("volumes", function, &[CHANGE], &json!({})));
        assert_eq!(refused.await.unwrap_err().code, "InsufficientPermissionsException", "{function}");
    }
    let permission = json!({
        "FunctionName": "judge", "StatementId": "config", "Action": "lambda:InvokeFunction",
        "Principal": "config.amazonaws.com", "SourceAccount": "123456789012",
    });
    aws.call("lambda", "AddPermission", permission).await;
}

async fn a_changed_volume_is_judged_with_an_invocation_in_the_shape_of_aws(
    aws: &Aws,
    judge: &Judge,
) -> String {
    let volume = json!({"AvailabilityZone": "us-east-1a", "Size": 8, "VolumeType": "gp2"});
    let volume = aws.call("ec2", "CreateVolume", volume).await;
    let volume = volume["VolumeId"].as_str().unwrap().to_owned();
    let more = json!({
        "Scope": {"ComplianceResourceTypes": ["AWS::EC2::Volume"]}, "InputParameters": "{\"wanted\":\"gp3\"}",
    });
    aws.call("config", "PutConfigRule", rule("volumes", &judge.arn, &[CHANGE], &more)).await;
    // It judges what is there already.
    verdict(aws, "volumes", &volume, Some("NON_COMPLIANT")).await;
    let event = heard(aws, judge, |event| event["configRuleName"] == "volumes").await;
    assert_eq!(invoking(&event)["configurationItemDiff"], Value::Null);
    assert_eq!(invoking(&event)["configurationItem"]["configurationItemStatus"], "ResourceDiscovered");

    aws.call("ec2", "ModifyVolume", json!({"VolumeId": volume, "VolumeType": "gp3"})).await;
    verdict(aws, "volumes", &volume, Some("COMPLIANT")).await;
    let event = heard(aws, judge, |event| invoking(event)["configurationItemDiff"].is_object()).await;
    let names: Vec<&String> = event.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "accountId",
            "configRuleArn",
            "configRuleId",
            "configRuleName",
            "evaluationMode",
            "eventLeftScope",
            "executionRoleArn",
            "invokingEvent",
            "resultToken",
            "ruleParameters",
            "version",
        ]
    );
    assert_eq!(event["ruleParameters"], "{\"wanted\":\"gp3\"}");
    assert_eq!(event["eventLeftScope"], false);
    let told = invoking(&event);
    assert_eq!(told["messageType"], CHANGE);
    let changed = &told["configurationItemDiff"]["changedProperties"]["Configuration.VolumeType"];
    assert_eq!(*changed, json!({"previousValue": "gp2", "updatedValue": "gp3", "changeType": "UPDATE"}));
    let item = &told["configurationItem"];
    assert_eq!(item["ARN"], format!("arn:aws:ec2:us-east-1:123456789012:volume/{volume}"));
    assert_eq!(item["configurationItemStatus"], "OK");
    assert_eq!(item["configuration"]["volumeType"], "gp3");

    let events = aws.local.context().events().select(|published| {
        let detail = &published.event["detail"];
        published.event["detail-type"] == "Config Rules Compliance Change"
            && detail["configRuleName"] == "volumes"
            && detail["newEvaluationResult"]["complianceType"] == "COMPLIANT"
    });
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event["detail"]["newEvaluationResult"]["annotation"], "by the judge");
    let items = aws.local.context().events().select(|published| {
        published.event["detail-type"] == "Config Configuration Item Change"
            && published.event["detail"]["configurationItem"]["resourceId"] == volume.as_str()
    });
    assert_eq!(items.len(), 2, "discovered and changed: {items:?}");
    assert_eq!(items[1].event["resources"][0], item["ARN"]);
    volume
}

async fn a_periodic_rule_judges_when_it_is_time(aws: &Aws, judge: &Judge, volume: &str) {
    let more = json!({"MaximumExecutionFrequency": "One_Hour"});
    aws.call("config", "PutConfigRule", rule("hourly", &judge.arn, &[SCHEDULED], &more)).await;
    verdict(aws, "hourly", volume, Some("COMPLIANT")).await;
    let first = heard(aws, judge, |event| event["configRuleName"] == "hourly").await;
    let names: Vec<String> = invoking(&first).as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["awsAccountId", "messageType", "notificationCreationTime", "recordVersion"]);

    let url = format!("{}/_plumb/schedule?rule=hourly", aws.local.endpoint());
    let source = "import json, urllib.request\ndef handler(events, context):\n    return json.load(urllib.request.urlopen(urllib.request.Request(events['url'], b'')))\n";
    let answer = script(aws, source, json!({"url": url})).await;
    assert_eq!(answer, json!({"scheduled": ["hourly"]}));
    let again = heard(aws, judge, |event| event["configRuleName"] == "hourly").await;
    assert_ne!(first["resultToken"], again["resultToken"]);

    let asked = json!({"ConfigRuleNames": ["hourly", "volumes"]});
    aws.call("config", "StartConfigRulesEvaluation", asked).await;
    heard(aws, judge, |event| event["configRuleName"] == "hourly").await;
    heard(aws, judge, |event| event["configRuleName"] == "volumes").await;
}

async fn evaluations_are_checked(aws: &Aws, judge: &Judge, volume: &str) {
    aws.call("config", "StartConfigRulesEvaluation", json!({"ConfigRuleNames": ["hourly"]})).await;
    let event = heard(aws, judge, |event| event["configRuleName"] == "hourly").await;
    verdict(aws, "hourly", volume, Some("COMPLIANT")).await;
    let token = event["resultToken"].as_str().unwrap();
    let evaluation = |compliance: &str, at: &str| {
        json!({
            "ComplianceResourceType": "AWS::EC2::Volume", "ComplianceResourceId": volume,
            "ComplianceType": compliance, "OrderingTimestamp": at, "Annotation": "by hand",
        })
    };
    let later = "2099-01-01T00:00:00Z";
    let put =
        |evaluations: Vec<Value>, token: &str| json!({"Evaluations": evaluations, "ResultToken": token});
    for (wrong, code) in [
        (put(vec![evaluation("NON_COMPLIANT", later)], "hourly"), "InvalidResultTokenException"),
        (put(vec![evaluation("NON_COMPLIANT", later); 101], token), "ValidationException"),
        (put(vec![evaluation("INSUFFICIENT_DATA", later)], token), "InvalidParameterValueException"),
        (
            {
                let mut long = evaluation("NON_COMPLIANT", later);
                long["Annotation"] = json!("x".repeat(257));
                put(vec![long], token)
            },
            "ValidationException",
        ),
    ] {
        assert_eq!(aws.try_call("config", "PutEvaluations", wrong).await.unwrap_err().code, code);
    }
    let mut test = put(vec![evaluation("NON_COMPLIANT", later)], "anything");
    test["TestMode"] = json!(true);
    aws.call("config", "PutEvaluations", test).await;
    // What was judged of an earlier state doesn't count.
    aws.call(
        "config",
        "PutEvaluations",
        put(vec![evaluation("NON_COMPLIANT", "2001-01-01T00:00:00Z")], token),
    )
    .await;
    verdict(aws, "hourly", volume, Some("COMPLIANT")).await;
    // A token is good for several batches.
    aws.call("config", "PutEvaluations", put(vec![evaluation("NON_COMPLIANT", later)], token)).await;
    verdict(aws, "hourly", volume, Some("NON_COMPLIANT")).await;
    let by_resource = json!({"ResourceType": "AWS::EC2::Volume", "ResourceId": volume});
    let by_resource = aws.call("config", "GetComplianceDetailsByResource", by_resource).await;
    assert_eq!(by_resource["EvaluationResults"].as_array().unwrap().len(), 2, "{by_resource}");
    aws.call("config", "DeleteConfigRule", json!({"ConfigRuleName": "hourly"})).await;
    let gone = put(vec![evaluation("COMPLIANT", later)], token);
    assert_eq!(
        aws.try_call("config", "PutEvaluations", gone).await.unwrap_err().code,
        "NoSuchConfigRuleException"
    );
}

async fn a_resource_that_leaves_the_scope_or_the_account_is_told(aws: &Aws, judge: &Judge, volume: &str) {
    let tag = json!({"Resources": [volume], "Tags": [{"Key": "team", "Value": "a"}]});
    let more = json!({"Scope": {"TagKey": "team"}});
    aws.call("config", "PutConfigRule", rule("tagged", &judge.arn, &[CHANGE], &more)).await;
    aws.call("ec2", "CreateTags", tag.clone()).await;
    verdict(aws, "tagged", volume, Some("COMPLIANT")).await;
    aws.call("ec2", "DeleteTags", tag).await;
    let event = heard(aws, judge, |event| event["eventLeftScope"] == true).await;
    assert_eq!(event["configRuleName"], "tagged");
    verdict(aws, "tagged", volume, None).await;
    aws.call("config", "DeleteConfigRule", json!({"ConfigRuleName": "tagged"})).await;

    aws.call("ec2", "DeleteVolume", json!({"VolumeId": volume})).await;
    verdict(aws, "volumes", volume, None).await;
    let event = heard(aws, judge, |event| {
        invoking(event)["configurationItem"]["configurationItemStatus"] == "ResourceDeleted"
    })
    .await;
    assert_eq!(invoking(&event)["configurationItem"]["configuration"], Value::Null);
    assert_eq!(invoking(&event)["configurationItemDiff"]["changeType"], "DELETE");
    let history = json!({"resourceType": "AWS::EC2::Volume", "resourceId": volume});
    let history = aws.call("config", "GetResourceConfigHistory", history).await;
    let statuses: Vec<&str> = history["configurationItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["configurationItemStatus"].as_str().unwrap())
        .collect();
    assert_eq!(statuses.first(), Some(&"ResourceDeleted"));
    assert_eq!(statuses.last(), Some(&"ResourceDiscovered"));
}

async fn an_item_that_is_too_large_is_fetched(aws: &Aws, judge: &Judge) {
    aws.call("s3", "CreateBucket", json!({"Bucket": "large"})).await;
    let rules: Vec<Value> = (0..1000)
        .map(|number| {
            let id = format!("{number:04}{}", "x".repeat(200));
            json!({"ID": id, "Status": "Enabled", "Filter": {"Prefix": format!("{number}/")}, "Expiration": {"Days": 1}})
        })
        .collect();
    let lifecycle = json!({"Bucket": "large", "LifecycleConfiguration": {"Rules": rules}});
    aws.call("s3", "PutBucketLifecycleConfiguration", lifecycle).await;
    let more = json!({"Scope": {"ComplianceResourceTypes": ["AWS::S3::Bucket"]}});
    aws.call("config", "PutConfigRule", rule("buckets", &judge.arn, &[CHANGE, OVERSIZED], &more)).await;
    let event = heard(aws, judge, |event| invoking(event)["messageType"] == OVERSIZED).await;
    let told = invoking(&event);
    assert_eq!(told["configurationItemSummary"]["resourceId"], "large");
    assert!(told.get("configurationItem").is_none());
    verdict(aws, "buckets", "large", Some("NON_COMPLIANT")).await;
}

async fn a_function_that_fails_is_tried_again_and_noted(aws: &Aws, judge: &Judge) {
    let more = json!({"InputParameters": "{\"fail\":\"yes\"}"});
    aws.call("config", "PutConfigRule", rule("failing", &judge.arn, &[SCHEDULED], &more)).await;
    for _ in 0..3 {
        heard(aws, judge, |event| event["configRuleName"] == "failing").await;
    }
    let asked = json!({"ConfigRuleNames": ["failing"]});
    let status = aws
        .until("config", "DescribeConfigRuleEvaluationStatus", asked, |answer| {
            answer["ConfigRulesEvaluationStatus"][0]["LastErrorMessage"].is_string()
        })
        .await;
    let status = &status["ConfigRulesEvaluationStatus"][0];
    assert!(status["LastErrorMessage"].as_str().unwrap().contains("asked to fail"), "{status}");
    assert!(
        status["LastFailedEvaluationTime"].is_string() && status["LastSuccessfulInvocationTime"].is_string()
    );
    let invoked = aws.local.context().calls().select(|call| call.operation == "Invoke");
    assert!(!invoked.is_empty() && invoked.iter().all(|call| call.caller == Caller::Local), "{invoked:?}");
}

fn rule(name: &str, function: &str, triggers: &[&str], more: &Value) -> Value {
    let details: Vec<Value> =
        triggers.iter().map(|kind| json!({"EventSource": "aws.config", "MessageType": kind})).collect();
    let source = json!({"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": function, "SourceDetails": details});
    let mut rule = json!({"ConfigRuleName": name, "Source": source});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"ConfigRule": rule})
}

fn invoking(event: &Value) -> Value {
    serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap()
}

/// Waits until the rule says this of the resource; `None`: nothing any more.
async fn verdict(aws: &Aws, rule: &str, resource: &str, expected: Option<&str>) {
    let asked = json!({"ConfigRuleName": rule, "Limit": 100});
    aws.until("config", "GetComplianceDetailsByConfigRule", asked, |answer| {
        let results = answer["EvaluationResults"].as_array().unwrap();
        let found = results.iter().find(|result| {
            result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"] == resource
        });
        found.map(|result| result["ComplianceType"].as_str().unwrap()) == expected
    })
    .await;
}

/// The first invocation that is meant and that nobody heard before. Two rules may be invoked in either order, so those
/// that aren't meant wait for whoever means them.
async fn heard(aws: &Aws, judge: &Judge, meant: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..100 {
        let found = judge.waiting.borrow().iter().position(&meant);
        if let Some(found) = found {
            return judge.waiting.borrow_mut().remove(found);
        }
        let asked = json!({"QueueUrl": judge.queue, "WaitTimeSeconds": 1});
        let answer = aws.call("sqs", "ReceiveMessage", asked).await;
        let message = &answer["Messages"][0];
        let Some(body) = message["Body"].as_str() else { continue };
        let handle = json!({"QueueUrl": judge.queue, "ReceiptHandle": message["ReceiptHandle"]});
        aws.call("sqs", "DeleteMessage", handle).await;
        judge.waiting.borrow_mut().push(serde_json::from_str(body).unwrap());
    }
    panic!("the function was never invoked with what was waited for: {:?}", judge.waiting.borrow());
}

async fn deployed(aws: &Aws) -> Judge {
    let made = script(aws, include_str!("config/judge.py"), json!({})).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Judge { queue: text("Queue"), waiting: RefCell::default(), arn: text("Arn") }
}

async fn script(aws: &Aws, source: &str, payload: Value) -> Value {
    let script = Script {
        source: Some(source.to_owned()),
        attachment: None,
        handler: "handler".to_owned(),
        payload,
        context: json!({}),
        region: None,
        timeout: Duration::from_mins(1),
        caller: Caller::Outside,
    };
    aws.local.context().worker().script(script).await.unwrap()
}
