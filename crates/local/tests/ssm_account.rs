//! What an account has besides documents and executions: settings, attached files, tags, alarms, locations, a quota.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use plumb_local::{Caller, Script};
use serde_json::{Value, json};
use support::Aws;

const PAUSE: &str = "{schemaVersion: '0.3', parameters: {Id: {type: String, default: x}}, mainSteps: [{name: Wait, action: 'aws:pause', inputs: {}}]}";

const ATTACHED: &str = "
schemaVersion: '0.3'
mainSteps:
  - name: Plain
    action: aws:executeScript
    inputs: {Runtime: python3.11, Handler: tool.double, Attachment: tool.py, InputPayload: {n: 4}}
  - name: Zipped
    action: aws:executeScript
    inputs: {Runtime: python3.11, Handler: inner.main.handler, Attachment: tools.zip, InputPayload: {n: '{{ Plain.Payload }}'}}
outputs: [Plain.Payload, Zipped.Payload]
files:
  tool.py: {checksums: {sha256: SUM}}
";

const TOOL: &str = "def double(events, context):\n    return events['n'] * 2\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_settings_files_tags_alarms_and_a_quota() {
    let aws = Aws::start("ssm-account").await;
    settings_are_kept_and_checked(&aws).await;
    attached_files_are_fetched_checked_and_run(&aws).await;
    store(&aws, "pause", PAUSE).await;
    what_systems_manager_refuses_is_not_stored(&aws).await;
    executions_are_found_by_their_tags(&aws).await;
    an_alarm_stops_an_execution(&aws).await;
    locations_are_read_from_a_file_and_from_organizational_units(&aws).await;
    twenty_five_requests_for_many_run_at_once(&aws).await;
    aws.local.stop().await;
}

async fn store(aws: &Aws, name: &str, content: &str) {
    let request =
        json!({"Name": name, "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
    aws.call("ssm", "CreateDocument", request).await;
}

async fn start(aws: &Aws, request: Value) -> String {
    let started = aws.call("ssm", "StartAutomationExecution", request).await;
    started["AutomationExecutionId"].as_str().unwrap().to_owned()
}

async fn status(aws: &Aws, id: &str) -> String {
    let execution = aws.call("ssm", "GetAutomationExecution", json!({"AutomationExecutionId": id})).await;
    execution["AutomationExecution"]["AutomationExecutionStatus"].as_str().unwrap().to_owned()
}

async fn when(aws: &Aws, id: &str, status: &str) -> Value {
    let asked = json!({"AutomationExecutionId": id});
    let is_so = |answer: &Value| answer["AutomationExecution"]["AutomationExecutionStatus"] == status;
    aws.until("ssm", "GetAutomationExecution", asked, is_so).await["AutomationExecution"].take()
}

async fn settings_are_kept_and_checked(aws: &Aws) {
    let id = "/ssm/automation/throttled-retry-time-limit";
    let get = async || {
        aws.call("ssm", "GetServiceSetting", json!({"SettingId": id})).await["ServiceSetting"].take()
    };
    let setting = get().await;
    assert_eq!((&setting["SettingValue"], &setting["Status"]), (&json!("0"), &json!("Default")));
    let update = async |value: &str| {
        aws.try_call("ssm", "UpdateServiceSetting", json!({"SettingId": id, "SettingValue": value})).await
    };
    update("120").await.unwrap();
    let setting = get().await;
    assert_eq!((&setting["SettingValue"], &setting["Status"]), (&json!("120"), &json!("Customized")));
    let arn = setting["ARN"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:ssm:us-east-1:123456789012:servicesetting{id}"));
    assert_eq!(update("3601").await.unwrap_err().code, "ValidationException");
    let reset = aws.call("ssm", "ResetServiceSetting", json!({"SettingId": arn})).await;
    assert_eq!(reset["ServiceSetting"]["SettingValue"], "0");
    let unknown = aws.try_call("ssm", "GetServiceSetting", json!({"SettingId": "/ssm/nowhere"})).await;
    assert_eq!(unknown.unwrap_err().code, "ServiceSettingNotFound");
}

async fn attached_files_are_fetched_checked_and_run(aws: &Aws) {
    aws.call("s3", "CreateBucket", json!({"Bucket": "runbook-files"})).await;
    aws.call("s3", "PutObject", json!({"Bucket": "runbook-files", "Key": "a/tool.py", "Body": TOOL})).await;
    let zip = "import boto3, io, zipfile\ndef handler(events, context):\n    file = io.BytesIO()\n    with zipfile.ZipFile(file, 'w') as archive:\n        archive.writestr('inner/main.py', 'import helper\\ndef handler(events, context):\\n    return helper.plus_one(events[\"n\"])\\n')\n        archive.writestr('helper.py', 'def plus_one(n):\\n    return n + 1\\n')\n    boto3.client('s3').put_object(Bucket='runbook-files', Key='a/tools.zip', Body=file.getvalue())\n";
    let script = Script {
        source: Some(zip.to_owned()),
        attachment: None,
        handler: "handler".to_owned(),
        payload: json!({}),
        context: json!({}),
        region: None,
        timeout: Duration::from_secs(20),
        caller: Caller::Outside,
    };
    aws.local.context().worker().script(script).await.unwrap();
    let right = "4c1174cbd1e6d5a50c1dabc75c0d0eb87b1b4c8bd4a76b2ec5c9ad2b6ea22ac5";
    let create = |name: &str, sum: &str| {
        json!({
            "Name": name, "Content": ATTACHED.replace("SUM", sum), "DocumentType": "Automation", "DocumentFormat": "YAML",
            "Attachments": [
                {"Key": "S3FileUrl", "Values": ["https://s3.amazonaws.com/runbook-files/a/tool.py"], "Name": "tool.py"},
                {"Key": "SourceUrl", "Values": ["s3://runbook-files/a"]},
            ],
        })
    };
    let wrong = aws.try_call("ssm", "CreateDocument", create("attached", right)).await.unwrap_err();
    assert_eq!(wrong.code, "InvalidDocumentContent", "{wrong}");
    let found = wrong.message.split("SHA-256 ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    let created = aws.call("ssm", "CreateDocument", create("attached", &found)).await;
    let names = created["DocumentDescription"]["AttachmentsInformation"].to_string();
    assert!(names.contains("tool.py") && names.contains("tools.zip"), "{names}");
    let content = aws.call("ssm", "GetDocument", json!({"Name": "attached"})).await;
    assert_eq!(content["AttachmentsContent"][0]["Hash"], json!(found));
    let id = start(aws, json!({"DocumentName": "attached"})).await;
    let execution = when(aws, &id, "Success").await;
    assert_eq!(execution["Outputs"], json!({"Plain.Payload": ["8"], "Zipped.Payload": ["9"]}));
    // Without the file the step says what to do.
    store(aws, "unattached", ATTACHED).await;
    let id = start(aws, json!({"DocumentName": "unattached"})).await;
    let why = when(aws, &id, "Failed").await["FailureMessage"].as_str().unwrap().to_owned();
    assert!(why.contains("`tool.py` is not at hand") && why.contains("--files DIR"), "{why}");
}

async fn what_systems_manager_refuses_is_not_stored(aws: &Aws) {
    let step = "{name: A, action: 'aws:branch', inputs: {Choices: [{NextStep: A2, Variable: x, StringNotEquals: y}]}}, {name: A2, action: 'aws:pause', inputs: {}}";
    let ssm = "{name: A, action: 'aws:runCommand', inputs: {DocumentName: d, Comment: '{{ssm:/x}}'}}";
    let cancel = "{name: A, action: 'aws:pause', inputs: {}, onCancel: 'step:B'}, {name: B, action: 'aws:sleep', inputs: {Duration: PT1S}}";
    for (steps, why) in [(step, "StringNotEquals"), (ssm, "ssm:/x"), (cancel, "can't run after a cancel")] {
        let content = format!("{{schemaVersion: '0.3', mainSteps: [{steps}]}}");
        let request = json!({"Name": "refused", "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
        let error = aws.try_call("ssm", "CreateDocument", request).await.unwrap_err();
        assert_eq!(error.code, "InvalidDocumentContent");
        assert!(error.message.contains(why), "{error}");
    }
}

async fn executions_are_found_by_their_tags(aws: &Aws) {
    let tagged = json!({"DocumentName": "pause", "Tags": [{"Key": "team", "Value": "blue"}]});
    let id = start(aws, tagged).await;
    let filter = |key: &str| json!({"Filters": [{"Key": "TagKey", "Values": [key]}]});
    let found = aws.call("ssm", "DescribeAutomationExecutions", filter("team")).await;
    let found = found["AutomationExecutionMetadataList"].as_array().unwrap().clone();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["AutomationExecutionId"], json!(id));
    let none = aws.call("ssm", "DescribeAutomationExecutions", filter("blue")).await;
    assert_eq!(none["AutomationExecutionMetadataList"], json!([]));
    let six: Vec<Value> = (0..6).map(|n| json!({"Key": format!("k{n}"), "Value": ""})).collect();
    let refused =
        aws.try_call("ssm", "StartAutomationExecution", json!({"DocumentName": "pause", "Tags": six})).await;
    assert_eq!(refused.unwrap_err().code, "ValidationException");
    aws.call("ssm", "StopAutomationExecution", json!({"AutomationExecutionId": id})).await;
    when(aws, &id, "Cancelled").await;
}

async fn an_alarm_stops_an_execution(aws: &Aws) {
    let alarm = json!({
        "AlarmName": "too-many-errors", "MetricName": "Errors", "Namespace": "Test", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    aws.call("cloudwatch", "PutMetricAlarm", alarm).await;
    let state = async |state: &str| {
        let set = json!({"AlarmName": "too-many-errors", "StateValue": state, "StateReason": "a test"});
        aws.call("cloudwatch", "SetAlarmState", set).await;
    };
    state("OK").await;
    let configuration = json!({"Alarms": [{"Name": "too-many-errors"}], "IgnorePollAlarmFailure": false});
    let id = start(aws, json!({"DocumentName": "pause", "AlarmConfiguration": configuration})).await;
    let waiting = when(aws, &id, "Waiting").await;
    assert_eq!(waiting["AlarmConfiguration"], configuration);
    state("ALARM").await;
    let stopped = when(aws, &id, "Cancelled").await;
    assert_eq!(stopped["TriggeredAlarms"], json!([{"Name": "too-many-errors", "State": "ALARM"}]));
    let unknown = |ignore: bool| json!({"Alarms": [{"Name": "nobody"}], "IgnorePollAlarmFailure": ignore});
    let blind = start(aws, json!({"DocumentName": "pause", "AlarmConfiguration": unknown(false)})).await;
    assert_eq!(when(aws, &blind, "Cancelled").await["TriggeredAlarms"][0]["State"], "UNKNOWN");
    let ignored = start(aws, json!({"DocumentName": "pause", "AlarmConfiguration": unknown(true)})).await;
    when(aws, &ignored, "Waiting").await;
    aws.call("ssm", "StopAutomationExecution", json!({"AutomationExecutionId": ignored})).await;
    when(aws, &ignored, "Cancelled").await;
    let many = json!({"Alarms": [{"Name": "a"}, {"Name": "b"}]});
    let refused = json!({"DocumentName": "pause", "AlarmConfiguration": many});
    let refused = aws.try_call("ssm", "StartAutomationExecution", refused).await.unwrap_err();
    assert_eq!(refused.code, "ValidationException");
}

async fn locations_are_read_from_a_file_and_from_organizational_units(aws: &Aws) {
    let nap =
        "{schemaVersion: '0.3', mainSteps: [{name: Nap, action: 'aws:sleep', inputs: {Duration: PT0S}}]}";
    store(aws, "nap", nap).await;
    let locations = json!([{"Accounts": ["123456789012"], "Regions": ["us-east-1"]}]);
    let object = json!({"Bucket": "runbook-files", "Key": "locations.json", "Body": locations.to_string()});
    aws.call("s3", "PutObject", object).await;
    let from = |url: &str| json!({"DocumentName": "nap", "TargetLocationsURL": url});
    let id = start(aws, from("https://runbook-files.s3.us-east-1.amazonaws.com/locations.json")).await;
    let execution = when(aws, &id, "Success").await;
    assert_eq!(execution["TargetLocations"][0]["Regions"], json!(["us-east-1"]));
    for url in [
        "https://runbook-files.s3.amazonaws.com/nothing.json",
        "https://runbook-files.s3.amazonaws.com/a/tool.py",
    ] {
        let refused = aws.try_call("ssm", "StartAutomationExecution", from(url)).await;
        assert_eq!(refused.unwrap_err().code, "InvalidTarget", "{url}");
    }

    aws.call("organizations", "CreateOrganization", json!({"FeatureSet": "ALL"})).await;
    let roots = aws.call("organizations", "ListRoots", json!({})).await;
    let unit = async |parent: &str, name: &str| {
        let unit = json!({"ParentId": parent, "Name": name});
        aws.call("organizations", "CreateOrganizationalUnit", unit).await["OrganizationalUnit"]["Id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let root = roots["Roots"][0]["Id"].as_str().unwrap();
    let upper = unit(root, "upper").await;
    let lower = unit(&upper, "lower").await;
    let account = json!({"AccountName": "member", "Email": "member@example.com"});
    let made = aws.call("organizations", "CreateAccount", account).await;
    let member = made["CreateAccountStatus"]["AccountId"].as_str().unwrap().to_owned();
    let moved = json!({"AccountId": member, "SourceParentId": root, "DestinationParentId": lower});
    aws.call("organizations", "MoveAccount", moved).await;
    for (children, accounts) in [(true, json!([member])), (false, json!([]))] {
        let location = json!({
            "Accounts": [upper], "Regions": ["us-east-1"], "IncludeChildOrganizationUnits": children,
        });
        let request = json!({"DocumentName": "nap", "TargetLocations": [location]});
        let answer = aws.try_call("ssm", "StartAutomationExecution", request).await;
        let Ok(answer) = answer else {
            assert_eq!(accounts, json!([]));
            continue;
        };
        let id = answer["AutomationExecutionId"].as_str().unwrap();
        let asked = json!({"AutomationExecutionId": id});
        let execution = aws.call("ssm", "GetAutomationExecution", asked).await;
        assert_eq!(execution["AutomationExecution"]["TargetLocations"][0]["Accounts"], accounts);
    }
}

async fn twenty_five_requests_for_many_run_at_once(aws: &Aws) {
    let many = json!({"DocumentName": "pause", "TargetMaps": [{"Id": ["a"]}]});
    let mut ids = Vec::new();
    for _ in 0..26 {
        ids.push(start(aws, many.clone()).await);
    }
    for id in &ids[..25] {
        let asked = json!({"AutomationExecutionId": id});
        let begun =
            |answer: &Value| answer["AutomationExecution"]["AutomationExecutionStatus"] == "InProgress";
        aws.until("ssm", "GetAutomationExecution", asked, begun).await;
    }
    assert_eq!(status(aws, &ids[25]).await, "Pending");
    aws.call("ssm", "StopAutomationExecution", json!({"AutomationExecutionId": ids[3]})).await;
    when(aws, &ids[3], "Cancelled").await;
    when(aws, &ids[25], "InProgress").await;
    for id in ids.iter().filter(|id| **id != ids[3]) {
        aws.call("ssm", "StopAutomationExecution", json!({"AutomationExecutionId": id})).await;
    }
}
