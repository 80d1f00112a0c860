//! Local AWS as a client sees it. Each test starts one of its own: it takes a second.
#![expect(clippy::unwrap_used, reason = "a helper that can't do its work has failed the test")]

use std::{path::PathBuf, time::Duration};

use plumb_local::{Call, CallError, Caller, LocalAws, Options, Script, ScriptError};
use serde_json::{Value, json};

#[tokio::test]
async fn a_bucket_is_made_read_and_deleted_and_every_call_is_in_the_log() {
    let local = started("bucket").await;
    call(&local, "s3", "CreateBucket", json!({"Bucket": "a-bucket"})).await.unwrap();
    call(&local, "s3", "put_object", json!({"Bucket": "a-bucket", "Key": "a key/é", "Body": "text"}))
        .await
        .unwrap();
    let object =
        call(&local, "s3", "getObject", json!({"Bucket": "a-bucket", "Key": "a key/é"})).await.unwrap();
    assert_eq!(object["Body"], "text");
    assert!(object["LastModified"].as_str().unwrap().starts_with("20"), "{object}");
    assert!(object.get("ResponseMetadata").is_none());

    let refused =
        call(&local, "s3", "GetPublicAccessBlock", json!({"Bucket": "no-such-bucket"})).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.http_status), ("NoSuchBucket", 404));
    assert!(refused.message.starts_with("An error occurred (NoSuchBucket) when calling"), "{refused}");

    let logged: Vec<_> = local
        .context()
        .calls()
        .select(|call| call.caller == Caller::Outside)
        .into_iter()
        .map(|call| (call.service, call.operation, call.mutating, call.error))
        .collect();
    let expected = [
        ("s3", "CreateBucket", true, None),
        ("s3", "PutObject", true, None),
        ("s3", "GetObject", false, None),
        ("s3", "GetPublicAccessBlock", false, Some("NoSuchBucket")),
    ]
    .map(|(service, operation, mutating, error): (&str, &str, bool, Option<&str>)| {
        (service.to_owned(), operation.to_owned(), mutating, error.map(str::to_owned))
    });
    assert_eq!(logged, expected);
    local.stop().await;
}

#[tokio::test]
async fn a_call_that_boto3_refuses_is_never_sent() {
    let local = started("refused").await;
    let unknown = call(&local, "s3", "MakeCoffee", json!({})).await.unwrap_err();
    assert_eq!((unknown.http_status, unknown.operation.as_str()), (0, "MakeCoffee"), "{unknown}");
    let invalid = call(&local, "s3", "CreateBucket", json!({"Bucke": "x"})).await.unwrap_err();
    assert_eq!(invalid.code, "ParamValidationError", "{invalid}");
    let nowhere = call(&local, "no-such-service", "X", json!({})).await.unwrap_err();
    assert_eq!(nowhere.code, "UnknownServiceError", "{nowhere}");
    assert!(local.context().calls().select(|call| call.caller == Caller::Outside).is_empty());
    local.stop().await;
}

#[tokio::test]
async fn a_script_makes_calls_in_the_name_of_its_step() {
    let local = started("script").await;
    let source = "
import boto3

def handler(events, context):
    print('this must not disturb the protocol')
    boto3.client('s3').create_bucket(Bucket=events['Bucket'])
    return {'Made': events['Bucket'], 'Execution': context['automation:EXECUTION_ID']}
";
    let made = script(&local, source, json!({"Bucket": "by-script"}), 30).await.unwrap();
    assert_eq!(made, json!({"Made": "by-script", "Execution": "e-1"}));
    let calls = local.context().calls().of_execution("e-1");
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].operation, "CreateBucket");
    assert_eq!(calls[0].caller, step());
    local.stop().await;
}

#[tokio::test]
async fn a_script_that_raises_shows_its_own_lines_as_aws_does() {
    let local = started("raises").await;
    let source = "def inner(event):\n    return event['missing']\n\ndef handler(events, context):\n    return inner(events)\n";
    let Err(ScriptError::Raised(traceback)) = script(&local, source, json!({}), 30).await else {
        panic!("the script must raise");
    };
    assert!(traceback.starts_with("Traceback (most recent call last):\n  File \""), "{traceback}");
    assert!(
        traceback.contains("customer_script.py\", line 2, in inner\n    return event['missing']\n"),
        "{traceback}"
    );
    assert!(traceback.ends_with("\n\nKeyError - 'missing'"), "{traceback}");
    assert!(!traceback.contains("script_runner"), "{traceback}");
    local.stop().await;
}

#[tokio::test]
async fn a_script_is_kept_on_local_aws_and_ends_in_time() {
    let local = started("confined").await;
    let outward = "
import socket

def handler(events, context):
    socket.create_connection(('192.0.2.1', 80), timeout=1)
";
    let refused = script(&local, outward, json!({}), 30).await.unwrap_err().to_string();
    assert!(
        refused.contains("PermissionError - a script may reach local AWS only, not `192.0.2.1`"),
        "{refused}"
    );

    let environment = "
import os

def handler(events, context):
    return {'keys': sorted(os.environ), 'home': os.listdir(os.environ['HOME'])}
";
    let seen = script(&local, environment, json!({}), 30).await.unwrap();
    let keys: Vec<&str> = seen["keys"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!keys.iter().any(|key| ["USER", "AWS_PROFILE", "CARGO"].contains(key)), "{keys:?}");
    assert_eq!(seen["home"], json!(["customer_script.py"]));

    let endless = "
import subprocess

def handler(events, context):
    subprocess.run(['sleep', '60'])
";
    let late = script(&local, endless, json!({}), 1).await.unwrap_err();
    assert_eq!(late, ScriptError::TimedOut(Duration::from_secs(1)));

    let hungry = "def handler(events, context):\n    return len(bytearray(2 * 1024 * 1024 * 1024))\n";
    let refused = script(&local, hungry, json!({}), 30).await.unwrap_err().to_string();
    assert!(refused.contains("MemoryError"), "{refused}");
    local.stop().await;
}

/// The stack of the next test, deployed by a script, so that nothing of Plumb's takes part in it.
const DEPLOY: &str = r#"
import boto3, io, json, time, zipfile

BOOTSTRAP = '''#!/usr/bin/env python3
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as answer:
        request, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], json.load(answer)
    for record in event["Records"]:
        scope = "/".join([os.environ["AWS_ACCESS_KEY_ID"], "20260101", os.environ["AWS_REGION"], "dynamodb", "aws4_request"])
        item = {"TableName": os.environ["TABLE"], "Item": {"id": {"S": json.loads(record["body"])["id"]}}}
        put = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], json.dumps(item).encode(), {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": "DynamoDB_20120810.PutItem",
            "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
            "authorization": "AWS4-HMAC-SHA256 Credential=" + scope,
        })
        urllib.request.urlopen(put).read()
    urllib.request.urlopen(urllib.request.Request(api + request + "/response", b"{}")).read()
'''

def handler(events, context):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, BOOTSTRAP)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="plumb-deploy-test")
    s3.put_object(Bucket="plumb-deploy-test", Key="code.zip", Body=package.getvalue())
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(
        StackName="test", TemplateBody=events["Template"], Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    while True:
        stack = cloudformation.describe_stacks(StackName="test")["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            return {"Status": stack["StackStatus"], "Why": stack.get("StackStatusReason", "")}
        time.sleep(0.1)
"#;

const TEMPLATE: &str = r"
Transform: AWS::Serverless-2016-10-31
Resources:
  Queue:
    Type: AWS::SQS::Queue
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.test]}
      Targets: [{Id: queue, Arn: !GetAtt Queue.Arn}]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: ledger
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: listener
      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: s3://plumb-deploy-test/code.zip
      Environment: {Variables: {TABLE: !Ref Table}}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
  Document:
    Type: AWS::SSM::Document
    Properties:
      Name: test-probe
      DocumentType: Automation
      DocumentFormat: YAML
      Content: |
        schemaVersion: '0.3'
        mainSteps:
          - {name: Inspect, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: ListBuckets}, isEnd: true}
  ConfigRule:
    Type: AWS::Config::ConfigRule
    Properties:
      ConfigRuleName: test-rule
      Source: {Owner: AWS, SourceIdentifier: S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED}
";

#[tokio::test]
async fn a_sam_stack_comes_up_and_an_event_of_aws_reaches_its_function() {
    let local = started("stack").await;
    let deployed = script(&local, DEPLOY, json!({"Template": TEMPLATE}), 60).await.unwrap();
    assert_eq!(deployed["Status"], "CREATE_COMPLETE", "{deployed}");

    let document = call(&local, "ssm", "GetDocument", json!({"Name": "test-probe"})).await.unwrap();
    assert!(document["Content"].as_str().unwrap().contains("ListBuckets"), "{document}");
    let rules = call(&local, "config", "DescribeConfigRules", json!({})).await.unwrap();
    assert_eq!(rules["ConfigRules"][0]["ConfigRuleName"], "test-rule", "{rules}");

    let forged = json!({"Entries": [{"Source": "aws.test", "DetailType": "t", "Detail": "{}"}]});
    let refused = call(&local, "events", "PutEvents", forged).await.unwrap();
    assert_eq!(refused["FailedEntryCount"], 1, "{refused}");

    let event = json!({
        "id": "event-1", "source": "aws.test", "detail-type": "t", "account": "123456789012", "region": "us-east-1",
        "resources": [], "detail": {},
    });
    local.context().deliver(&event).await.unwrap();
    let item = json!({"TableName": "ledger", "Key": {"id": {"S": "event-1"}}});
    let mut found = Value::Null;
    for _ in 0..200 {
        found = call(&local, "dynamodb", "GetItem", item.clone()).await.unwrap();
        if found.get("Item").is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(found["Item"]["id"]["S"], "event-1", "the function never wrote: {found}");
    let by_function = Caller::Function { name: "listener".to_owned() };
    assert_eq!(local.context().calls().select(|call| call.caller == by_function).len(), 1);
    local.stop().await;
}

#[tokio::test]
async fn nothing_listens_any_more_once_it_is_dropped() {
    let local = started("dropped").await;
    let ports = local.context().ports();
    drop(local);
    for port in [ports.gateway, ports.moto, ports.ministack] {
        let mut listens = true;
        for _ in 0..100 {
            listens = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
            if !listens {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!listens, "something still listens on {port}");
    }
}

async fn started(name: &str) -> LocalAws {
    let mut options = Options::new(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("local-aws").join(name));
    options.venv = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.plumb/venv"));
    LocalAws::start(options).await.unwrap()
}

async fn call(local: &LocalAws, service: &str, api: &str, params: Value) -> Result<Value, CallError> {
    local.context().worker().call(Call::outside(service, api, params)).await
}

async fn script(local: &LocalAws, source: &str, payload: Value, seconds: u64) -> Result<Value, ScriptError> {
    let script = Script {
        source: Some(source.to_owned()),
        attachment: None,
        handler: "handler".to_owned(),
        payload,
        context: json!({"automation:EXECUTION_ID": "e-1"}),
        region: None,
        timeout: Duration::from_secs(seconds),
        caller: step(),
    };
    local.context().worker().script(script).await
}

fn step() -> Caller {
    Caller::Execution { id: "e-1".to_owned(), step: "Fix".to_owned() }
}
