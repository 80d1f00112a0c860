//! Documents with the habits of real ones, which end as they would on AWS; and scripts that misbehave.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::Aws;

const EVERYDAY: &str = include_str!("quirks/everyday.yaml");
const TABS: &str = include_str!("quirks/tabs.json");

#[tokio::test(flavor = "multi_thread")]
async fn documents_with_the_habits_of_real_ones_run() {
    let aws = Aws::start("quirks").await;
    everyday_habits(&aws, "plain", EVERYDAY).await;
    everyday_habits(&aws, "windows", &EVERYDAY.replace('\n', "\r\n")).await;
    json_with_tabs_and_filters(&aws).await;
    scripts_that_misbehave_fail_and_say_why(&aws).await;
    aws.local.stop().await;
}

async fn run(aws: &Aws, name: &str, format: &str, content: &str, parameters: Value) -> Value {
    let request =
        json!({"Name": name, "Content": content, "DocumentType": "Automation", "DocumentFormat": format});
    aws.call("ssm", "CreateDocument", request).await;
    let start = json!({"DocumentName": name, "Parameters": parameters});
    let id = aws.call("ssm", "StartAutomationExecution", start).await["AutomationExecutionId"].take();
    let asked = json!({"AutomationExecutionId": id});
    let ended = |answer: &Value| answer["AutomationExecution"]["ExecutionEndTime"].is_string();
    aws.until("ssm", "GetAutomationExecution", asked, ended).await["AutomationExecution"].take()
}

async fn everyday_habits(aws: &Aws, name: &str, content: &str) {
    let bucket = format!("quirks-{name}");
    let execution = run(aws, &format!("everyday-{name}"), "YAML", content, json!({"Bucket": [bucket]})).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
    let outputs = &execution["Outputs"];
    assert_eq!(outputs["make_bucket.Location"], json!([format!("/{bucket}")]));
    assert_eq!(outputs["make_bucket.Code"], json!(["200"]));
    let text = "héllo Yes-2012-10-17 {not a reference} {{ not one: either }}";
    assert_eq!(outputs["readAgain.Text"], json!([text]));
    let when = outputs["readAgain.When"][0].as_str().unwrap();
    assert!(when.starts_with("20") && when.contains('T') && when.ends_with("+00:00"), "{when}");
    // A list where the API wants text: boto3 refuses it, here as there.
    let refused =
        execution["StepExecutions"].as_array().unwrap().iter().find(|s| s["StepName"] == "refused").unwrap();
    assert_eq!(refused["StepStatus"], "Failed");
    assert!(refused["FailureMessage"].as_str().unwrap().contains("got 'list'"), "{refused}");
    let all: Value = serde_json::from_str(outputs["script.All"][0].as_str().unwrap()).unwrap();
    let id = &execution["AutomationExecutionId"];
    for (name, value) in [
        ("braces", json!("{us-east-1}")),
        ("team", json!("blue")),
        ("regions", json!(["us-east-1", "eu-west-1"])),
        ("body", json!(text)),
        ("set", json!(["a", "b"])),
        ("tuple", json!([1, 2])),
        ("decimal", json!(1.5)),
        ("whole", json!(3)),
        ("when", json!("2024-01-02T03:04:05")),
        ("binary", json!("/wA=")),
        ("none", Value::Null),
        ("odd", json!("?")),
        ("1", json!(true)),
        ("finding", json!("f")),
        ("execution", id.clone()),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    assert_eq!(outputs["script.Braces"], json!(["{us-east-1}"]));
    assert_eq!(outputs["script.Nothing"], json!([""]));
    assert_eq!(outputs["script.Set"], json!(["a", "b"]));
}

async fn json_with_tabs_and_filters(aws: &Aws) {
    let execution = run(aws, "tabs", "JSON", TABS, json!({})).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
    assert_eq!(
        execution["Outputs"],
        json!({"Look.B": ["2"], "Look.Values": ["1", "2"], "Look.Dotted": ["dotted"], "Look.Dashed": ["5"]})
    );
    let last = execution["StepExecutions"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["StepName"], &last["StepStatus"]), (&json!("After"), &json!("Pending")));
}

async fn scripts_that_misbehave_fail_and_say_why(aws: &Aws) {
    let cases = [
        (
            "unicode",
            "raise ValueError('gr\\u00fc\\u00dfe \\U0001F600')",
            "ValueError - gr\u{fc}\u{df}e \u{1F600}",
        ),
        ("nan", "return {'x': float('nan')}", "JSON has no number `nan`"),
        ("large", "return 'x' * 200000", "the most is 100 KB"),
        ("deep", "x = []\n  for _ in range(500): x = [x]\n  return x", "nested deeper than"),
        ("exits", "import sys\n  sys.exit(3)", "SystemExit - 3"),
        ("killed", "import os\n  os._exit(1)", "ended without an answer"),
        ("memory", "return len('x' * (1 << 31))", "MemoryError"),
        (
            "outside",
            "import urllib.request\n  return urllib.request.urlopen('https://example.com', timeout=5).status",
            "may reach local AWS only",
        ),
        (
            "metadata",
            "import urllib.request\n  return urllib.request.urlopen('http://169.254.169.254/latest', timeout=5).status",
            "may reach local AWS only",
        ),
        ("typo", "retrun 1", "SyntaxError"),
        ("missing", "return e['nothing']", "KeyError - 'nothing'"),
        (
            "denied",
            "import boto3\n  boto3.client('s3').get_object(Bucket='quirks-none', Key='k')",
            "NoSuchBucket",
        ),
    ];
    for (name, body, why) in cases {
        let script = json!(format!("def h(e, c):\n  {body}\n"));
        let content = json!({"schemaVersion": "0.3", "mainSteps": [{
            "name": "Run", "action": "aws:executeScript", "timeoutSeconds": 60,
            "inputs": {"Runtime": "python3.11", "Handler": "h", "InputPayload": {}, "Script": script},
        }]});
        let execution = run(aws, &format!("script-{name}"), "JSON", &content.to_string(), json!({})).await;
        assert_eq!(execution["AutomationExecutionStatus"], "Failed", "{name}: {execution:#}");
        let message = execution["FailureMessage"].as_str().unwrap();
        assert!(
            message.starts_with("Step fails when it is Poll action status for completion. "),
            "{message}"
        );
        assert!(message.contains(why), "{name}: {message}");
    }
}
