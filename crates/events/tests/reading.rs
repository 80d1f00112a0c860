//! What each fixture says, and that nothing at all makes `read` panic.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::{fmt::Write as _, fs, path::Path};

use plumb_events::{Content, Kind, MAX_BYTES, Reading, config_resource_id, config_resource_type, read};
use plumb_model::{Signal, Subject};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The readings as one reads them aloud; a snapshot a fixture.
fn told(readings: &[Reading]) -> String {
    let mut text = String::new();
    for Reading { kind, content } in readings {
        match content {
            Content::Signals(signals) => {
                for signal in signals {
                    let _ = writeln!(text, "{kind}: {}", told_signal(signal));
                }
            }
            Content::Automation(status) => {
                let _ = writeln!(text, "{kind}: {}", serde_json::to_string_pretty(status).unwrap());
            }
            Content::Rollback(request) => {
                let _ = writeln!(
                    text,
                    "{kind}: undo {} on {}, says {}",
                    request.control, request.resource, request.requested_by
                );
            }
            Content::Clear(request) => {
                let _ = writeln!(
                    text,
                    "{kind}: hands on again for {} on {}, says {}",
                    request.control, request.resource, request.requested_by
                );
            }
            Content::Due(request) => {
                let _ = writeln!(text, "{kind}: look at {} on {}", request.control, request.resource);
            }
            Content::Ignored(reason) => {
                let _ = writeln!(text, "{kind}: ignored: {reason}");
            }
            Content::Rejected(reason) => {
                let _ = writeln!(text, "{kind}: rejected: {reason}");
            }
        }
    }
    text
}

fn told_signal(signal: &Signal) -> String {
    let about = match &signal.subject {
        Subject::Resource(resource) => resource.to_string(),
        Subject::Call { account, region, record } => {
            format!("call ({account}/{region}) with {}", record["requestParameters"])
        }
    };
    format!(
        "{:?}\n  {:?}: {about}\n  seen {}, event {}",
        signal.source,
        signal.standing,
        signal.observed_at.map_or_else(|| "some time".to_owned(), |time| time.to_string()),
        signal.event_id.as_deref().unwrap_or("unnamed"),
    )
}

#[test]
fn each_fixture_is_read_as_its_snapshot_says() {
    insta::glob!("fixtures/*.json", |path| {
        insta::assert_snapshot!(told(&read(&fs::read(path).unwrap())));
    });
}

#[test]
fn every_real_sample_is_read_without_a_panic_and_is_of_a_known_kind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/events");
    if !folder.is_dir() {
        eprintln!("skipped: there are no samples at ../shared/events");
        return;
    }
    let mut samples = 0;
    for group in
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(&group).unwrap().map(|entry| entry.unwrap().path()) {
            let readings = read(&fs::read(&file).unwrap());
            assert!(!readings.is_empty(), "{}", file.display());
            // Only the messages without an event in them are of no kind.
            if !group.ends_with("delivery") {
                let known = |reading: &Reading| {
                    !matches!(reading.kind, Kind::Unknown | Kind::Malformed | Kind::Message)
                };
                assert!(readings.iter().all(known), "{}: {readings:?}", file.display());
            }
            samples += 1;
        }
    }
    assert!(samples > 100, "only {samples} samples");
}

fn only(bytes: &[u8]) -> Reading {
    let mut readings = read(bytes);
    assert_eq!(readings.len(), 1, "{readings:?}");
    readings.remove(0)
}

fn rejection(bytes: &[u8]) -> String {
    match only(bytes).content {
        Content::Rejected(reason) => reason,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn what_is_not_json_is_rejected() {
    for bytes in [&b"hello world"[..], b"{", b"{\"a\":1}}", b"\xff\xfe", b"\xef\xbb\xbf{"] {
        assert!(rejection(bytes).starts_with("not JSON: "), "{bytes:?}");
    }
    for bytes in [&b""[..], b" \n\t", b"\xef\xbb\xbf"] {
        assert_eq!(rejection(bytes), "empty", "{bytes:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    assert_eq!(only(b"\xef\xbb\xbf{\"hello\":1}").kind, Kind::Unknown);
}

#[test]
fn more_than_the_limit_is_not_read() {
    assert!(rejection(&vec![b'['; MAX_BYTES + 1]).contains("more than"));
}

#[test]
fn deep_brackets_end_in_a_rejection() {
    assert!(rejection(&vec![b'['; 1_000_000]).starts_with("not JSON: recursion limit"));
}

#[test]
fn wrappers_are_taken_off_to_a_bound() {
    let event = json!({"source": "aws.batch", "detail-type": "Batch Job State Change", "detail": {}});
    let wrapped = |times: usize| {
        (0..times).fold(
            event.clone(),
            |inner, _| json!({"Records": [{"eventSource": "aws:sqs", "body": inner.to_string()}]}),
        )
    };
    assert_eq!(only(wrapped(4).to_string().as_bytes()).kind, Kind::OtherEvent);
    assert_eq!(rejection(wrapped(12).to_string().as_bytes()), "wrapped more than 10 deep");
    let nested = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(rejection(nested.as_bytes()), "wrapped more than 10 deep");
}

#[test]
fn a_batch_without_end_is_cut() {
    let record = json!({"eventName": "DeleteBucket", "eventSource": "s3.amazonaws.com"});
    let readings = read(Value::Array(vec![record; 30_000]).to_string().as_bytes());
    assert_eq!(readings.len(), 20_001);
    assert_eq!(
        readings[20_000].content,
        Content::Rejected("holds more than 20000 events: split it".to_owned())
    );
}

#[test]
fn a_long_text_in_a_batch_is_not_copied_into_each_of_its_signals() {
    let resources: Vec<_> = (0..2_000)
        .map(|n| json!({"Id": format!("i-{n}"), "Type": "AwsEc2Instance", "Region": "eu-west-1"}))
        .collect();
    let finding = json!({
        "AwsAccountId": "111122223333", "GeneratorId": "g", "Id": "x".repeat(1_000_000),
        "Types": ["t".repeat(1_000_000)], "Resources": resources,
    });
    let Content::Signals(signals) = only(finding.to_string().as_bytes()).content else {
        panic!("no signals")
    };
    assert_eq!(signals.len(), 2_000);
    let size: usize = signals.iter().map(|signal| serde_json::to_string(signal).unwrap().len()).sum();
    assert!(size < 4_000_000, "{size}");
}

#[test]
fn a_reason_is_one_short_line() {
    let event = json!({"source": "s\n\u{1b}[31m".repeat(1_000), "detail-type": "d", "detail": {}});
    let Content::Ignored(reason) = only(event.to_string().as_bytes()).content else { panic!("not ignored") };
    assert!(reason.len() < 1_000 && !reason.contains(['\n', '\u{1b}']), "{reason}");
}

#[test]
fn arns_become_the_ids_that_aws_config_uses() {
    for (kind, name, id) in [
        ("AWS::S3::Bucket", "arn:aws:s3:::b", "b"),
        ("AWS::S3::Bucket", "arn:aws-cn:s3:::b/key/of/an/object", "b"),
        ("AWS::S3::Bucket", "b", "b"),
        ("AWS::EC2::SecurityGroup", "arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1", "sg-1"),
        ("AWS::EC2::VPC", "arn:aws-us-gov:ec2:us-gov-west-1:111122223333:vpc/vpc-1", "vpc-1"),
        ("AWS::EC2::EIP", "arn:aws:ec2:eu-west-1:111122223333:eip-allocation/eipalloc-1", "eipalloc-1"),
        ("AWS::KMS::Key", "arn:aws:kms:eu-west-1:111122223333:key/mrk-1", "mrk-1"),
        ("AWS::CloudTrail::Trail", "arn:aws:cloudtrail:eu-west-1:111122223333:trail/org", "org"),
        ("AWS::RDS::DBInstance", "arn:aws:rds:eu-west-1:111122223333:db:orders", "orders"),
        ("AWS::RDS::DBSnapshot", "arn:aws:rds:eu-west-1:111122223333:snapshot:rds:orders-1", "rds:orders-1"),
        ("AWS::DynamoDB::Table", "arn:aws:dynamodb:eu-west-1:111122223333:table/t/index/i", "t"),
        ("AWS::Lambda::Function", "arn:aws:lambda:eu-west-1:111122223333:function:f:live", "f"),
        ("AWS::IAM::Role", "arn:aws:iam::111122223333:role/service-role/r", "r"),
        ("AWS::SNS::Topic", "arn:aws:sns:eu-west-1:111122223333:t", "arn:aws:sns:eu-west-1:111122223333:t"),
        (
            "AWS::SQS::Queue",
            "arn:aws-cn:sqs:cn-north-1:111122223333:q",
            "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q",
        ),
        ("AWS::Elasticsearch::Domain", "arn:aws:es:eu-west-1:111122223333:domain/d", "111122223333/d"),
        ("AWS::ECR::Repository", "arn:aws:ecr:eu-west-1:111122223333:repository/a/b", "a/b"),
        ("AWS::::Account", "AWS::::Account:111122223333", "111122223333"),
        ("AWS::::Account", "arn:aws:iam::111122223333:root", "111122223333"),
        ("AWS::::Account", "111122223333", "111122223333"),
        ("AWS::EC2::VPC", "arn:aws:ec2", "arn:aws:ec2"),
    ] {
        assert_eq!(config_resource_id(kind, name), id, "{kind} {name}");
    }
}

#[test]
fn types_of_the_finding_format_become_cloudformations() {
    for (theirs, ours) in [
        ("AwsAccount", "AWS::::Account"),
        ("AwsS3Bucket", "AWS::S3::Bucket"),
        ("AwsEc2SecurityGroup", "AWS::EC2::SecurityGroup"),
        ("AwsEc2Vpc", "AWS::EC2::VPC"),
        ("AwsEc2VpcPeeringConnection", "AWS::EC2::VPCPeeringConnection"),
        ("AwsEc2Eip", "AWS::EC2::EIP"),
        ("AwsKmsKey", "AWS::KMS::Key"),
        ("AwsCloudTrailTrail", "AWS::CloudTrail::Trail"),
        ("AwsRdsDbInstance", "AWS::RDS::DBInstance"),
        ("AwsRdsDbClusterSnapshot", "AWS::RDS::DBClusterSnapshot"),
        ("AwsDynamoDbTable", "AWS::DynamoDB::Table"),
        ("AwsElbv2LoadBalancer", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
        ("AwsElbLoadBalancer", "AWS::ElasticLoadBalancing::LoadBalancer"),
        ("AwsCertificateManagerCertificate", "AWS::ACM::Certificate"),
        ("AwsWafv2WebAcl", "AWS::WAFv2::WebACL"),
        ("AWS::IAM::User", "AWS::IAM::User"),
        ("AWS_EC2_INSTANCE", "AWS::EC2::Instance"),
        ("Container", "Container"),
        ("AwsNonesuch", "AwsNonesuch"),
        ("AwsS3", "AwsS3"),
    ] {
        assert_eq!(config_resource_type(theirs), ours);
    }
}

/// Keys that `read` looks for, so that arbitrary JSON reaches the code behind them.
const KEYS: &[&str] = &[
    "detail-type",
    "source",
    "detail",
    "account",
    "region",
    "time",
    "resources",
    "Records",
    "body",
    "Sns",
    "Message",
    "Type",
    "TopicArn",
    "messageType",
    "invokingEvent",
    "resultToken",
    "configRuleName",
    "newEvaluationResult",
    "evaluationResultIdentifier",
    "evaluationResultQualifier",
    "complianceType",
    "resourceId",
    "resourceType",
    "awsAccountId",
    "awsRegion",
    "configurationItem",
    "configurationItemStatus",
    "findings",
    "AwsAccountId",
    "Resources",
    "Id",
    "Region",
    "GeneratorId",
    "ProductFields",
    "Compliance",
    "Status",
    "SecurityControlId",
    "class_uid",
    "compliance",
    "uid",
    "eventName",
    "eventSource",
    "eventTime",
    "recipientAccountId",
    "errorCode",
    "readOnly",
    "ExecutionId",
    "StepName",
    "resource",
    "resourcesAffected",
    "affectedEntities",
    "entityValue",
    "check-item-detail",
    "Messages",
    "requestPayload",
    "requestContext",
    "configurationItems",
    "UpdatedAt",
    "Details",
];

/// Texts that mean something to `read`.
const WORDS: &[&str] = &[
    "aws.config",
    "aws.securityhub",
    "aws.ssm",
    "aws.guardduty",
    "aws.inspector2",
    "aws.macie",
    "aws.access-analyzer",
    "aws.acm",
    "aws.health",
    "aws.trustedadvisor",
    "aws.kms",
    "plumb",
    "Config Rules Compliance Change",
    "Config Configuration Item Change",
    "Security Hub Findings - Imported",
    "Findings Imported V2",
    "AWS API Call via CloudTrail",
    "EC2 Automation Step Status-change Notification",
    "GuardDuty Finding",
    "Plumb Rollback Requested",
    "aws:sqs",
    "Notification",
    "NON_COMPLIANT",
    "FAILED",
    "ResourceDeleted",
    "111122223333",
    "eu-west-1",
    "arn:aws:s3:::b",
    "arn:::::",
    "arn:aws:ec2:::",
    "AwsS3Bucket",
    "AWS::::Account",
    "{}",
    "[]",
    "{\"Records\":[]}",
    "Nov 29, 2016 7:43:25 PM",
    "9999999999999999999",
    "-1",
    "\u{202f}",
    "é́",
    "",
];

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        // Quarters, which survive being written and read again.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 96, 8, |inner| {
        let key = prop_oneof![9 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key, inner.clone()), 0..8)
                .prop_map(|pairs| Value::Object(Map::from_iter(pairs))),
            // JSON in a string, as wrappers hold it.
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

fn fixtures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect()
}

/// Every place in a value, as JSON Pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .for_each(|(index, value)| places(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

/// What every answer must be, whatever the question.
fn check(readings: &[Reading]) {
    assert!(!readings.is_empty());
    for reading in readings {
        match &reading.content {
            Content::Signals(signals) => {
                assert!(!signals.is_empty());
                for signal in signals {
                    if let Subject::Resource(resource) = &signal.subject {
                        assert!(!resource.id.is_empty() && !resource.kind.is_empty(), "{signal:?}");
                    }
                    // The queue and the ledger hold signals as JSON.
                    let text = serde_json::to_string(signal).unwrap();
                    assert_eq!(&serde_json::from_str::<Signal>(&text).unwrap(), signal);
                }
            }
            Content::Ignored(reason) | Content::Rejected(reason) => assert!(!reason.is_empty()),
            Content::Automation(status) => {
                assert!(!status.execution_id.is_empty() && !status.status.is_empty());
            }
            Content::Rollback(_) | Content::Clear(_) | Content::Due(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        check(&read(&bytes));
    }

    #[test]
    fn any_json_is_read(value in arbitrary_json()) {
        check(&read(value.to_string().as_bytes()));
    }

    #[test]
    fn any_fixture_with_some_parts_replaced_is_read(
        fixture in prop::sample::select(fixtures()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), arbitrary_json()), 1..4),
    ) {
        let mut event = fixture;
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&event, "", &mut found);
            *event.pointer_mut(place.get::<String>(&found)).unwrap() = value;
        }
        check(&read(event.to_string().as_bytes()));
    }

    #[test]
    fn any_fixture_cut_short_is_read(fixture in prop::sample::select(fixtures()), cut in any::<prop::sample::Index>()) {
        let text = fixture.to_string();
        check(&read(text.as_bytes().get(..cut.index(text.len())).unwrap()));
    }
}
