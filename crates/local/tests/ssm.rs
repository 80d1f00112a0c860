//! Systems Manager, driven by boto3: documents are kept, and run against emulated resources.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::Aws;

/// A runbook of the shape that Plumb's have.
const RUNBOOK: &str = r"
schemaVersion: '0.3'
description: Switches versioning on.
assumeRole: '{{ AutomationAssumeRole }}'
parameters:
  BucketName: {type: String, allowedPattern: '^[a-z0-9.-]{3,63}$', description: The bucket.}
  AutomationAssumeRole: {type: 'AWS::IAM::Role::Arn', description: The role.}
mainSteps:
  - name: Inspect
    action: aws:executeScript
    inputs:
      Runtime: python3.11
      Handler: inspect
      InputPayload: {Bucket: '{{ BucketName }}'}
      Script: |
        import boto3
        def inspect(events, context):
            status = boto3.client('s3').get_bucket_versioning(Bucket=events['Bucket']).get('Status')
            return {'Compliant': status == 'Enabled', 'Before': status or ''}
    outputs:
      - {Name: Compliant, Selector: $.Payload.Compliant, Type: Boolean}
      - {Name: Before, Selector: $.Payload.Before, Type: String}
  - name: Decide
    action: aws:branch
    isEnd: true
    inputs:
      Choices:
        - {NextStep: Fix, Variable: '{{ Inspect.Compliant }}', BooleanEquals: false}
  - name: Fix
    action: aws:executeAwsApi
    inputs:
      Service: s3
      Api: PutBucketVersioning
      Bucket: '{{ BucketName }}'
      VersioningConfiguration: {Status: Enabled}
  - name: Verify
    action: aws:assertAwsResourceProperty
    inputs:
      Service: s3
      Api: GetBucketVersioning
      Bucket: '{{ BucketName }}'
      PropertySelector: $.Status
      DesiredValues: [Enabled]
outputs: [Inspect.Compliant, Inspect.Before]
";

const SLEEPER: &str = r#"{
    "schemaVersion": "0.3",
    "mainSteps": [
        {"name": "Wait", "action": "aws:sleep", "inputs": {"Duration": "PT10M"}},
        {"name": "After", "action": "aws:sleep", "inputs": {"Duration": "PT10M"}}
    ]
}"#;

const ROLE: &str = "arn:aws:iam::123456789012:role/plumb-us-east-1-x";

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_kept_and_run() {
    let aws = Aws::start("ssm").await;
    documents_have_versions(&aws).await;
    bad_documents_are_refused(&aws).await;
    other_operations_are_left_to_the_emulator(&aws).await;
    let queue = queue_of_ssm_events(&aws).await;
    let id = an_execution_changes_what_it_should(&aws).await;
    its_events_arrive_in_order_in_the_shape_of_aws(&aws, &queue, &id).await;
    a_second_execution_changes_nothing(&aws).await;
    a_failure_says_why(&aws).await;
    bad_starts_are_refused(&aws).await;
    a_token_starts_one_execution(&aws).await;
    executions_can_be_stopped_and_listed(&aws).await;
    a_hundred_run_at_once_and_the_others_wait(&aws).await;
    aws.local.stop().await;
}

async fn documents_have_versions(aws: &Aws) {
    let create = json!({
        "Name": "versioning", "Content": RUNBOOK, "DocumentType": "Automation", "DocumentFormat": "YAML",
        "Tags": [{"Key": "plumb", "Value": "yes"}],
    });
    let created = aws.call("ssm", "CreateDocument", create.clone()).await;
    let description = &created["DocumentDescription"];
    assert_eq!(description["DocumentVersion"], "1");
    assert_eq!(description["Status"], "Active");
    assert_eq!(description["Hash"].as_str().unwrap().len(), 64);
    assert_eq!(description["Parameters"].as_array().unwrap().len(), 2, "{description}");
    assert_eq!(
        aws.try_call("ssm", "CreateDocument", create).await.unwrap_err().code,
        "DocumentAlreadyExists"
    );

    let changed = RUNBOOK.replace("Switches versioning on.", "Switches versioning on, again.");
    let update = json!({
        "Name": "versioning", "Content": changed, "DocumentFormat": "YAML", "DocumentVersion": "$LATEST",
    });
    let updated = aws.call("ssm", "UpdateDocument", update.clone()).await;
    assert_eq!(updated["DocumentDescription"]["LatestVersion"], "2");
    assert_eq!(updated["DocumentDescription"]["DefaultVersion"], "1");
    assert_eq!(
        aws.try_call("ssm", "UpdateDocument", update).await.unwrap_err().code,
        "DuplicateDocumentContent"
    );
    let get = |version: &str| json!({"Name": "versioning", "DocumentVersion": version});
    let versions =
        async |asked: &str| aws.call("ssm", "GetDocument", get(asked)).await["DocumentVersion"].clone();
    assert_eq!(versions("$DEFAULT").await, "1");
    assert_eq!(versions("$LATEST").await, "2");
    assert_eq!(
        aws.try_call("ssm", "GetDocument", get("3")).await.unwrap_err().code,
        "InvalidDocumentVersion"
    );
    let default = json!({"Name": "versioning", "DocumentVersion": "2"});
    aws.call("ssm", "UpdateDocumentDefaultVersion", default).await;
    assert_eq!(versions("$DEFAULT").await, "2");

    let as_json = json!({"Name": "versioning", "DocumentFormat": "JSON"});
    let as_json = aws.call("ssm", "GetDocument", as_json).await;
    let content: Value = serde_json::from_str(as_json["Content"].as_str().unwrap()).unwrap();
    assert_eq!(content["mainSteps"][0]["name"], "Inspect");
    let filters = json!({"Filters": [{"Key": "Owner", "Values": ["Self"]}, {"Key": "DocumentType", "Values": ["Automation"]}]});
    let listed = aws.call("ssm", "ListDocuments", filters).await;
    assert_eq!(listed["DocumentIdentifiers"][0]["Name"], "versioning");
    let listed = aws.call("ssm", "ListDocumentVersions", json!({"Name": "versioning"})).await;
    assert_eq!(listed["DocumentVersions"].as_array().unwrap().len(), 2);

    let share = json!({"Name": "versioning", "PermissionType": "Share", "AccountIdsToAdd": ["210987654321"]});
    aws.call("ssm", "ModifyDocumentPermission", share).await;
    let asked = json!({"Name": "versioning", "PermissionType": "Share"});
    let shared = aws.call("ssm", "DescribeDocumentPermission", asked).await;
    assert_eq!(shared["AccountIds"], json!(["210987654321"]));
    assert_eq!(
        aws.try_call("ssm", "DeleteDocument", json!({"Name": "versioning"})).await.unwrap_err().code,
        "InvalidDocumentOperation"
    );
    let default = json!({"Name": "versioning", "DocumentVersion": "1"});
    aws.call("ssm", "UpdateDocumentDefaultVersion", default).await;
}

async fn bad_documents_are_refused(aws: &Aws) {
    let create = |content: String| json!({"Name": "broken", "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
    let error =
        aws.try_call("ssm", "CreateDocument", create("schemaVersion: '0.3'\nmainSteps: []\n".into())).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, "InvalidDocumentContent");
    assert!(error.message.contains("no steps"), "{error}");
    let large = format!("{RUNBOOK}# {}", "x".repeat(64 * 1024));
    assert_eq!(
        aws.try_call("ssm", "CreateDocument", create(large)).await.unwrap_err().code,
        "MaxDocumentSizeExceeded"
    );
    assert_eq!(
        aws.try_call("ssm", "DescribeDocument", json!({"Name": "broken"})).await.unwrap_err().code,
        "InvalidDocument"
    );
    assert_eq!(
        aws.try_call("ssm", "DeleteDocument", json!({"Name": "broken"})).await.unwrap_err().code,
        "InvalidDocument"
    );
}

async fn other_operations_are_left_to_the_emulator(aws: &Aws) {
    aws.call("ssm", "PutParameter", json!({"Name": "/plumb/x", "Value": "y", "Type": "String"})).await;
    let read = aws.call("ssm", "GetParameter", json!({"Name": "/plumb/x"})).await;
    assert_eq!(read["Parameter"]["Value"], "y");
}

async fn an_execution_changes_what_it_should(aws: &Aws) -> String {
    aws.call("s3", "CreateBucket", json!({"Bucket": "subject"})).await;
    let ended = run(aws, "subject").await;
    let execution = &ended["AutomationExecution"];
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
    assert_eq!(execution["DocumentVersion"], "1");
    assert_eq!(execution["Outputs"]["Inspect.Compliant"], json!(["false"]));
    assert_eq!(execution["Parameters"]["BucketName"], json!(["subject"]));
    let steps: Vec<(&str, &str)> = execution["StepExecutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["StepName"].as_str().unwrap(), step["StepStatus"].as_str().unwrap()))
        .collect();
    let success = |name| (name, "Success");
    assert_eq!(steps, ["Inspect", "Decide", "Fix", "Verify"].map(success));
    let versioning = aws.call("s3", "GetBucketVersioning", json!({"Bucket": "subject"})).await;
    assert_eq!(versioning["Status"], "Enabled");
    let id = execution["AutomationExecutionId"].as_str().unwrap().to_owned();
    let calls = aws.local.context().calls().of_execution(&id);
    let made: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(made, ["GetBucketVersioning", "PutBucketVersioning", "GetBucketVersioning"]);
    id
}

async fn its_events_arrive_in_order_in_the_shape_of_aws(aws: &Aws, queue: &str, id: &str) {
    let (mut execution, mut steps) = (Vec::new(), Vec::new());
    while execution.last() != Some(&"Success".to_owned()) {
        let asked = json!({"QueueUrl": queue, "WaitTimeSeconds": 1, "MaxNumberOfMessages": 10});
        let answer = aws.call("sqs", "ReceiveMessage", asked).await;
        for message in answer["Messages"].as_array().into_iter().flatten() {
            let handle = json!({"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]});
            aws.call("sqs", "DeleteMessage", handle).await;
            let event: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            assert_eq!(event["source"], "aws.ssm");
            assert_eq!(event["detail"]["ExecutionId"], id);
            let arn = format!("arn:aws:ssm:us-east-1:123456789012:automation-execution/{id}");
            assert_eq!(event["resources"][0], arn);
            assert_eq!(event["detail"]["DefinitionVersion"].to_string(), "1.0");
            let status = event["detail"]["Status"].as_str().unwrap().to_owned();
            match event["detail-type"].as_str().unwrap() {
                "EC2 Automation Execution Status-change Notification" => execution.push(status),
                _ => steps.push(format!("{} {status}", event["detail"]["StepName"].as_str().unwrap())),
            }
        }
    }
    assert_eq!(execution, ["InProgress", "Success"]);
    assert!(steps.contains(&"Inspect InProgress".to_owned()), "{steps:?}");
    assert!(steps.contains(&"Verify Success".to_owned()), "{steps:?}");
}

async fn a_second_execution_changes_nothing(aws: &Aws) {
    let ended = run(aws, "subject").await;
    let execution = &ended["AutomationExecution"];
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
    assert_eq!(execution["Outputs"]["Inspect.Compliant"], json!(["true"]));
    let calls =
        aws.local.context().calls().of_execution(execution["AutomationExecutionId"].as_str().unwrap());
    assert!(!calls.is_empty() && calls.iter().all(|call| !call.mutating), "{calls:?}");
}

async fn a_failure_says_why(aws: &Aws) {
    let ended = run(aws, "nobody-made-it").await;
    let execution = &ended["AutomationExecution"];
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    let why = execution["StepExecutions"][0]["FailureMessage"].as_str().unwrap();
    assert!(why.contains("NoSuchBucket"), "{why}");
}

async fn bad_starts_are_refused(aws: &Aws) {
    let start = |changes: Value| {
        let mut start = start("subject");
        for (name, value) in changes.as_object().unwrap() {
            start[name] = value.clone();
        }
        start
    };
    for (changes, code) in [
        (json!({"DocumentName": "nonesuch"}), "AutomationDefinitionNotFoundException"),
        (json!({"DocumentVersion": "9"}), "AutomationDefinitionVersionNotFoundException"),
        (json!({"Parameters": {"BucketName": ["subject"]}}), "InvalidAutomationExecutionParametersException"),
        (
            json!({"Parameters": {"BucketName": ["UPPER"], "AutomationAssumeRole": [ROLE]}}),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({"Parameters": {"BucketName": ["subject"], "AutomationAssumeRole": ["me"]}}),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({"TargetParameterName": "BucketName", "Targets": [{"Key": "Colour", "Values": ["x"]}]}),
            "InvalidTarget",
        ),
    ] {
        let refused =
            aws.try_call("ssm", "StartAutomationExecution", start(changes.clone())).await.unwrap_err().code;
        assert_eq!(refused, code, "{changes}");
    }
    let unknown = json!({"AutomationExecutionId": "00000000-0000-0000-0000-000000000000"});
    let refused = aws.try_call("ssm", "GetAutomationExecution", unknown).await.unwrap_err().code;
    assert_eq!(refused, "AutomationExecutionNotFoundException");
}

async fn a_token_starts_one_execution(aws: &Aws) {
    let with_token = |bucket: &str, token: &str| {
        let mut start = start(bucket);
        start["ClientToken"] = json!(token);
        start
    };
    let token = "0b0e1b5c-8f0a-5d6e-9c3f-0123456789ab";
    let first = aws.call("ssm", "StartAutomationExecution", with_token("subject", token)).await;
    let shouted =
        aws.call("ssm", "StartAutomationExecution", with_token("subject", &token.to_uppercase())).await;
    assert_eq!(first["AutomationExecutionId"], shouted["AutomationExecutionId"]);
    let refused =
        aws.try_call("ssm", "StartAutomationExecution", with_token("another", token)).await.unwrap_err().code;
    assert_eq!(refused, "IdempotentParameterMismatch");
}

async fn executions_can_be_stopped_and_listed(aws: &Aws) {
    let create = json!({"Name": "sleeper", "Content": SLEEPER, "DocumentType": "Automation"});
    aws.call("ssm", "CreateDocument", create).await;
    let started = aws.call("ssm", "StartAutomationExecution", json!({"DocumentName": "sleeper"})).await;
    let asked = json!({"AutomationExecutionId": started["AutomationExecutionId"]});
    aws.until("ssm", "GetAutomationExecution", asked.clone(), |answer| {
        answer["AutomationExecution"]["AutomationExecutionStatus"] == "InProgress"
    })
    .await;
    aws.call("ssm", "StopAutomationExecution", asked.clone()).await;
    let ended = aws
        .until("ssm", "GetAutomationExecution", asked.clone(), |answer| {
            answer["AutomationExecution"]["ExecutionEndTime"].is_string()
        })
        .await;
    assert_eq!(ended["AutomationExecution"]["AutomationExecutionStatus"], "Cancelled");
    let refused = aws.try_call("ssm", "StopAutomationExecution", asked.clone()).await.unwrap_err().code;
    assert_eq!(refused, "InvalidAutomationStatusUpdateException");

    let filters = json!({"Filters": [{"Key": "ExecutionStatus", "Values": ["Cancelled"]}]});
    let listed = aws.call("ssm", "DescribeAutomationExecutions", filters).await;
    let listed = listed["AutomationExecutionMetadataList"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["DocumentName"], "sleeper");
    let newest = aws.call("ssm", "DescribeAutomationExecutions", json!({"MaxResults": 2})).await;
    assert_eq!(newest["AutomationExecutionMetadataList"].as_array().unwrap().len(), 2);
    assert_eq!(newest["AutomationExecutionMetadataList"][0]["DocumentName"], "sleeper");
    assert!(newest["NextToken"].is_string());
    let steps = aws.call("ssm", "DescribeAutomationStepExecutions", asked.clone()).await;
    assert_eq!(steps["StepExecutions"][0]["StepName"], "Wait");
    let signal = json!({"AutomationExecutionId": asked["AutomationExecutionId"], "SignalType": "Resume"});
    assert_eq!(
        aws.try_call("ssm", "SendAutomationSignal", signal).await.unwrap_err().code,
        "InvalidAutomationSignalException"
    );
}

async fn a_hundred_run_at_once_and_the_others_wait(aws: &Aws) {
    let nap = SLEEPER.replace("PT10M", "PT4S");
    aws.call("ssm", "CreateDocument", json!({"Name": "nap", "Content": nap, "DocumentType": "Automation"}))
        .await;
    for _ in 0..102 {
        aws.call("ssm", "StartAutomationExecution", json!({"DocumentName": "nap"})).await;
    }
    let waiting = json!({"Filters": [
        {"Key": "DocumentNamePrefix", "Values": ["nap"]}, {"Key": "ExecutionStatus", "Values": ["Pending"]},
    ]});
    let waiting = aws.call("ssm", "DescribeAutomationExecutions", waiting).await;
    assert_eq!(waiting["AutomationExecutionMetadataList"].as_array().unwrap().len(), 2);
    let unfinished = json!({"Filters": [
        {"Key": "DocumentNamePrefix", "Values": ["nap"]},
        {"Key": "ExecutionStatus", "Values": ["Pending", "InProgress"]},
    ]});
    aws.until("ssm", "DescribeAutomationExecutions", unfinished, |answer| {
        answer["AutomationExecutionMetadataList"].as_array().unwrap().is_empty()
    })
    .await;
}

fn start(bucket: &str) -> Value {
    json!({"DocumentName": "versioning", "Parameters": {"BucketName": [bucket], "AutomationAssumeRole": [ROLE]}})
}

async fn run(aws: &Aws, bucket: &str) -> Value {
    let started = aws.call("ssm", "StartAutomationExecution", start(bucket)).await;
    let asked = json!({"AutomationExecutionId": started["AutomationExecutionId"]});
    aws.until("ssm", "GetAutomationExecution", asked, |answer| {
        answer["AutomationExecution"]["ExecutionEndTime"].is_string()
    })
    .await
}

async fn queue_of_ssm_events(aws: &Aws) -> String {
    let queue = aws.call("sqs", "CreateQueue", json!({"QueueName": "automation"})).await;
    let url = queue["QueueUrl"].as_str().unwrap().to_owned();
    let pattern = json!({"source": ["aws.ssm"]}).to_string();
    aws.call("events", "PutRule", json!({"Name": "automation", "EventPattern": pattern})).await;
    let targets = json!([{"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:123456789012:automation"}]);
    aws.call("events", "PutTargets", json!({"Rule": "automation", "Targets": targets})).await;
    url
}
