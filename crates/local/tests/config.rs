//! AWS Config, driven by boto3: rules judge real (emulated) resources, and say so when something changes.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "config/items.rs"]
mod items;
mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::Aws;

const RULES: [(&str, &str); 11] = [
    ("bucket-public", "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED"),
    ("bucket-tls", "S3_BUCKET_SSL_REQUESTS_ONLY"),
    ("open-ports", "RESTRICTED_INCOMING_TRAFFIC"),
    ("restricted-ssh", "INCOMING_SSH_DISABLED"),
    ("key-rotation", "CMK_BACKING_KEY_ROTATION_ENABLED"),
    ("trail-validation", "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED"),
    ("flow-logs", "VPC_FLOW_LOGS_ENABLED"),
    ("rds-public", "RDS_INSTANCE_PUBLIC_ACCESS_CHECK"),
    ("ebs-encryption", "EC2_EBS_ENCRYPTION_BY_DEFAULT"),
    ("pitr", "DYNAMODB_PITR_ENABLED"),
    ("eip", "EIP_ATTACHED"),
];

#[tokio::test(flavor = "multi_thread")]
async fn rules_judge_real_resources_and_tell_of_changes() {
    let aws = Aws::start("config").await;
    rules_are_put_described_and_refused(&aws).await;
    every_rule_finds_its_violation_and_its_end(&aws).await;
    results_come_in_pages(&aws).await;
    let queue = rule_with_queue(&aws, "Config Rules Compliance Change").await;
    a_change_reaches_a_queue_in_the_shape_of_aws(&aws, &queue).await;
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_are_recorded_as_configuration_items() {
    let aws = Aws::start("config-items").await;
    items::one_of_each_type_is_recorded_in_the_shape_of_aws(&aws).await;
    aws.local.stop().await;
}

async fn rules_are_put_described_and_refused(aws: &Aws) {
    for (name, identifier) in RULES {
        let source = json!({"Owner": "AWS", "SourceIdentifier": identifier});
        aws.call(
            "config",
            "PutConfigRule",
            json!({"ConfigRule": {"ConfigRuleName": name, "Source": source}}),
        )
        .await;
    }
    let described = aws.call("config", "DescribeConfigRules", json!({"ConfigRuleNames": ["eip"]})).await;
    let rule = &described["ConfigRules"][0];
    assert_eq!(rule["ConfigRuleState"], "ACTIVE");
    assert_eq!(rule["Source"]["SourceIdentifier"], "EIP_ATTACHED");
    assert!(rule["ConfigRuleArn"].as_str().unwrap().contains(":config-rule/config-rule-"), "{rule}");
    let unknown = json!({"ConfigRuleNames": ["nonesuch"]});
    assert_eq!(
        aws.try_call("config", "DescribeConfigRules", unknown.clone()).await.unwrap_err().code,
        "NoSuchConfigRuleException"
    );
    assert_eq!(
        aws.try_call("config", "StartConfigRulesEvaluation", unknown).await.unwrap_err().code,
        "NoSuchConfigRuleException"
    );
    let rule = json!({"ConfigRuleName": "x", "Source": {"Owner": "AWS", "SourceIdentifier": "NO_SUCH_RULE"}});
    let refused =
        aws.try_call("config", "PutConfigRule", json!({"ConfigRule": rule})).await.unwrap_err().code;
    assert_eq!(refused, "InvalidParameterValueException");
    let recorders = aws.call("config", "DescribeConfigurationRecorderStatus", json!({})).await;
    assert_eq!(recorders["ConfigurationRecordersStatus"][0]["recording"], true);
}

async fn every_rule_finds_its_violation_and_its_end(aws: &Aws) {
    aws.call("s3", "CreateBucket", json!({"Bucket": "config-subject"})).await;
    verdict(aws, "bucket-public", "config-subject", Some("NON_COMPLIANT")).await;
    verdict(aws, "bucket-tls", "config-subject", Some("NON_COMPLIANT")).await;
    let block = json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": true, "RestrictPublicBuckets": true});
    let block = json!({"Bucket": "config-subject", "PublicAccessBlockConfiguration": block});
    aws.call("s3", "PutPublicAccessBlock", block).await;
    let policy = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Resource": ["arn:aws:s3:::config-subject", "arn:aws:s3:::config-subject/*"],
    }});
    aws.call("s3", "PutBucketPolicy", json!({"Bucket": "config-subject", "Policy": policy.to_string()}))
        .await;
    verdict(aws, "bucket-public", "config-subject", Some("COMPLIANT")).await;
    verdict(aws, "bucket-tls", "config-subject", Some("COMPLIANT")).await;
    aws.call("s3", "DeleteBucket", json!({"Bucket": "config-subject"})).await;
    verdict(aws, "bucket-public", "config-subject", None).await;

    let vpc = aws.call("ec2", "CreateVpc", json!({"CidrBlock": "10.9.0.0/16"})).await;
    let vpc = vpc["Vpc"]["VpcId"].as_str().unwrap();
    let group = json!({"GroupName": "subject", "Description": "subject", "VpcId": vpc});
    let group = aws.call("ec2", "CreateSecurityGroup", group).await;
    let group = group["GroupId"].as_str().unwrap();
    verdict(aws, "restricted-ssh", group, Some("COMPLIANT")).await;
    let open = json!({"GroupId": group, "IpPermissions": [{
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
    }]});
    aws.call("ec2", "AuthorizeSecurityGroupIngress", open.clone()).await;
    verdict(aws, "restricted-ssh", group, Some("NON_COMPLIANT")).await;
    verdict(aws, "open-ports", group, Some("COMPLIANT")).await;
    aws.call("ec2", "RevokeSecurityGroupIngress", open).await;
    verdict(aws, "restricted-ssh", group, Some("COMPLIANT")).await;

    verdict(aws, "flow-logs", vpc, Some("NON_COMPLIANT")).await;
    let log = json!({
        "ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::logs-of-vpc",
    });
    aws.call("s3", "CreateBucket", json!({"Bucket": "logs-of-vpc"})).await;
    aws.call("ec2", "CreateFlowLogs", log).await;
    verdict(aws, "flow-logs", vpc, Some("COMPLIANT")).await;

    let key = aws.call("kms", "CreateKey", json!({})).await;
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    verdict(aws, "key-rotation", key, Some("NON_COMPLIANT")).await;
    aws.call("kms", "EnableKeyRotation", json!({"KeyId": key})).await;
    verdict(aws, "key-rotation", key, Some("COMPLIANT")).await;

    aws.call("cloudtrail", "CreateTrail", json!({"Name": "subject", "S3BucketName": "logs-of-vpc"})).await;
    verdict(aws, "trail-validation", "subject", Some("NON_COMPLIANT")).await;
    aws.call("cloudtrail", "UpdateTrail", json!({"Name": "subject", "EnableLogFileValidation": true})).await;
    verdict(aws, "trail-validation", "subject", Some("COMPLIANT")).await;

    let instance = json!({
        "DBInstanceIdentifier": "subject", "DBInstanceClass": "db.t3.micro", "Engine": "postgres",
        "AllocatedStorage": 20, "PubliclyAccessible": true, "MasterUsername": "someone",
        "MasterUserPassword": "not-a-secret",
    });
    let instance = aws.call("rds", "CreateDBInstance", instance).await;
    let id = instance["DBInstance"]["DbiResourceId"].as_str().unwrap();
    verdict(aws, "rds-public", id, Some("NON_COMPLIANT")).await;
    let private =
        json!({"DBInstanceIdentifier": "subject", "PubliclyAccessible": false, "ApplyImmediately": true});
    aws.call("rds", "ModifyDBInstance", private).await;
    verdict(aws, "rds-public", id, Some("COMPLIANT")).await;

    verdict(aws, "ebs-encryption", "123456789012", Some("NON_COMPLIANT")).await;
    aws.call("ec2", "EnableEbsEncryptionByDefault", json!({})).await;
    verdict(aws, "ebs-encryption", "123456789012", Some("COMPLIANT")).await;

    let table = json!({
        "TableName": "subject", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    });
    aws.call("dynamodb", "CreateTable", table).await;
    verdict(aws, "pitr", "subject", Some("NON_COMPLIANT")).await;
    let recovery = json!({"TableName": "subject", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}});
    aws.call("dynamodb", "UpdateContinuousBackups", recovery).await;
    verdict(aws, "pitr", "subject", Some("COMPLIANT")).await;

    let address = aws.call("ec2", "AllocateAddress", json!({"Domain": "vpc"})).await;
    let allocation = address["AllocationId"].as_str().unwrap();
    verdict(aws, "eip", allocation, Some("NON_COMPLIANT")).await;
    aws.call("ec2", "ReleaseAddress", json!({"AllocationId": allocation})).await;
    verdict(aws, "eip", allocation, None).await;
}

async fn results_come_in_pages(aws: &Aws) {
    for number in 0..3 {
        aws.call("s3", "CreateBucket", json!({"Bucket": format!("paged-{number}")})).await;
    }
    verdict(aws, "bucket-public", "paged-2", Some("NON_COMPLIANT")).await;
    let (mut found, mut token) = (BTreeSet::new(), None::<String>);
    loop {
        let mut asked =
            json!({"ConfigRuleName": "bucket-public", "ComplianceTypes": ["NON_COMPLIANT"], "Limit": 2});
        if let Some(token) = token {
            asked["NextToken"] = json!(token);
        }
        let page = aws.call("config", "GetComplianceDetailsByConfigRule", asked).await;
        let results = page["EvaluationResults"].as_array().unwrap();
        assert!(results.len() <= 2);
        found.extend(results.iter().map(|result| resource_id(result).to_owned()));
        token = page["NextToken"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert!((0..3).all(|number| found.contains(&format!("paged-{number}"))), "{found:?}");
    let by_rule =
        aws.call("config", "DescribeComplianceByConfigRule", json!({"ConfigRuleNames": ["bucket-public"]}));
    assert_eq!(by_rule.await["ComplianceByConfigRules"][0]["Compliance"]["ComplianceType"], "NON_COMPLIANT");
    let by_resource = json!({"ResourceType": "AWS::S3::Bucket", "ResourceId": "paged-0"});
    let by_resource = aws.call("config", "GetComplianceDetailsByResource", by_resource).await;
    assert_eq!(by_resource["EvaluationResults"].as_array().unwrap().len(), 2, "{by_resource}");
    let resources =
        aws.call("config", "DescribeComplianceByResource", json!({"ResourceType": "AWS::S3::Bucket"})).await;
    assert!(resources["ComplianceByResources"].as_array().unwrap().len() >= 3, "{resources}");
    let status = json!({"ConfigRuleNames": ["bucket-public"]});
    let status = aws.call("config", "DescribeConfigRuleEvaluationStatus", status).await;
    assert!(status["ConfigRulesEvaluationStatus"][0]["LastSuccessfulEvaluationTime"].is_string(), "{status}");
}

async fn a_change_reaches_a_queue_in_the_shape_of_aws(aws: &Aws, queue: &str) {
    aws.call("s3", "CreateBucket", json!({"Bucket": "told-about"})).await;
    let event = loop {
        let event = receive(aws, queue).await;
        if event["detail"]["resourceId"] == "told-about" && event["detail"]["configRuleName"] == "bucket-tls"
        {
            break event;
        }
    };
    assert_eq!(event["source"], "aws.config");
    assert_eq!(event["resources"], json!([]));
    assert_eq!(event["detail"]["messageType"], "ComplianceChangeNotification");
    assert_eq!(event["detail"]["newEvaluationResult"]["complianceType"], "NON_COMPLIANT");
    assert!(event["detail"].get("oldEvaluationResult").is_none(), "{event}");
}

/// Waits until the rule says this of the resource; `None`: nothing any more.
async fn verdict(aws: &Aws, rule: &str, resource: &str, expected: Option<&str>) {
    let asked = json!({"ConfigRuleName": rule, "Limit": 100});
    aws.until("config", "GetComplianceDetailsByConfigRule", asked, |answer| {
        let results = answer["EvaluationResults"].as_array().unwrap();
        let found = results.iter().find(|result| resource_id(result) == resource);
        found.map(|result| result["ComplianceType"].as_str().unwrap()) == expected
    })
    .await;
}

fn resource_id(result: &Value) -> &str {
    result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"].as_str().unwrap()
}

async fn rule_with_queue(aws: &Aws, detail_type: &str) -> String {
    let queue = aws.call("sqs", "CreateQueue", json!({"QueueName": "events"})).await;
    let url = queue["QueueUrl"].as_str().unwrap().to_owned();
    let pattern = json!({"detail-type": [detail_type]}).to_string();
    aws.call("events", "PutRule", json!({"Name": "to-queue", "EventPattern": pattern})).await;
    let targets = json!([{"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:123456789012:events"}]);
    aws.call("events", "PutTargets", json!({"Rule": "to-queue", "Targets": targets})).await;
    url
}

async fn receive(aws: &Aws, queue: &str) -> Value {
    let asked = json!({"QueueUrl": queue, "WaitTimeSeconds": 1});
    let answer = aws.until("sqs", "ReceiveMessage", asked, |answer| answer["Messages"][0].is_object()).await;
    let message = &answer["Messages"][0];
    let handle = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
    aws.call("sqs", "DeleteMessage", handle).await;
    serde_json::from_str(message["Body"].as_str().unwrap()).unwrap()
}
