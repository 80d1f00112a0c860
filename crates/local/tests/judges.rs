//! The managed rules judge what the controls do: they know nothing of each other but AWS's documentation.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use plumb_local::proof::{ControlFolder, Subject, make_bystander, make_violation};
use serde_json::{Map, Value, json};
use support::Aws;

#[tokio::test(flavor = "multi_thread")]
async fn every_control_ends_what_its_managed_rule_detects() {
    let aws = Aws::start("judges").await;
    let context = aws.local.context();
    // Plumb's own rules are judged by `functions/evaluate`: tests/e2e/test_story_of_own_rules.py.
    let mut controls = ControlFolder::read_all(&folder()).unwrap();
    controls.retain(|control| detection(control)["custom_rule"].is_null());
    assert!(controls.len() >= 10);
    let mut violations = Vec::new();
    for control in &controls {
        put_rule(&aws, control).await;
        let document = json!({
            "Name": control.id, "Content": control.remediate, "DocumentType": "Automation", "DocumentFormat": "YAML",
        });
        aws.call("ssm", "CreateDocument", document).await;
        let mut subject = make_violation(context, control).await.unwrap();
        make_bystander(context, control, &mut subject).await.unwrap();
        violations.push((control, subject));
    }
    for (control, subject) in &violations {
        verdict(&aws, control, subject, |verdict| verdict == Some("NON_COMPLIANT")).await;
    }
    for (control, subject) in &violations {
        run(&aws, control, subject).await;
    }
    for (control, subject) in &violations {
        // Compliant, or gone: an address that was released is no longer there to be judged.
        verdict(&aws, control, subject, |verdict| verdict != Some("NON_COMPLIANT")).await;
    }
    for (control, subject) in &violations {
        let told: Vec<String> = context
            .events()
            .select(|published| {
                let detail = &published.event["detail"];
                detail["configRuleName"] == control.id.as_str()
                    && detail["resourceId"] == subject.resource.as_str()
            })
            .into_iter()
            .map(|published| {
                assert_eq!(published.error, None);
                let compliance = &published.event["detail"]["newEvaluationResult"]["complianceType"];
                compliance.as_str().unwrap().to_owned()
            })
            .collect();
        assert!(told.len() >= 2 && told.contains(&"NON_COMPLIANT".to_owned()), "{}: {told:?}", control.id);
        assert_ne!(told.last().unwrap(), "NON_COMPLIANT", "{}: {told:?}", control.id);
    }
    aws.local.stop().await;
}

fn detection(control: &ControlFolder) -> Value {
    let file = folder().join(&control.service).join(&control.id).join("control.yaml");
    let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    definition["detection"].clone()
}

/// Puts the rule that the control's stack deploys, under the control's id.
async fn put_rule(aws: &Aws, control: &ControlFolder) {
    let detection = detection(control);
    let rules = detection["config_rules"].as_array().unwrap();
    let deployed = rules.iter().find(|rule| rule["deploy"] == true).unwrap();
    let parameters: Map<String, Value> = deployed["parameters"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            (name.clone(), json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
        .collect();
    let mut rule = json!({
        "ConfigRuleName": control.id, "Source": {"Owner": "AWS", "SourceIdentifier": deployed["identifier"]},
    });
    if !parameters.is_empty() {
        rule["InputParameters"] = json!(Value::Object(parameters).to_string());
    }
    aws.call("config", "PutConfigRule", json!({"ConfigRule": rule})).await;
}

async fn run(aws: &Aws, control: &ControlFolder, subject: &Subject) {
    let mut parameters = json!({"AutomationAssumeRole": ["arn:aws:iam::123456789012:role/plumb"]});
    for (name, value) in &control.parameters {
        let value = value
            .replace("{{resource.id}}", &subject.resource)
            .replace("{{resource.account}}", "123456789012")
            .replace("{{resource.region}}", "us-east-1");
        parameters[name] = json!([value]);
    }
    let start = json!({"DocumentName": control.id, "Parameters": parameters});
    let started = aws.call("ssm", "StartAutomationExecution", start).await;
    let asked = json!({"AutomationExecutionId": started["AutomationExecutionId"]});
    let ended = aws
        .until("ssm", "GetAutomationExecution", asked, |answer| {
            answer["AutomationExecution"]["ExecutionEndTime"].is_string()
        })
        .await;
    let execution = &ended["AutomationExecution"];
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{}: {execution:#}", control.id);
}

/// Waits until the control's rule says of the subject what is expected.
async fn verdict(
    aws: &Aws,
    control: &ControlFolder,
    subject: &Subject,
    expected: impl Fn(Option<&str>) -> bool,
) {
    let asked = json!({"ConfigRuleName": control.id, "Limit": 100});
    aws.until("config", "GetComplianceDetailsByConfigRule", asked, |answer| {
        let results = answer["EvaluationResults"].as_array().unwrap();
        let found = results.iter().find(|result| {
            let qualifier = &result["EvaluationResultIdentifier"]["EvaluationResultQualifier"];
            qualifier["ResourceId"] == subject.resource.as_str()
        });
        expected(found.map(|result| result["ComplianceType"].as_str().unwrap()))
    })
    .await;
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../controls")
}
