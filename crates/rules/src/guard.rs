//! Users' own rules without Rust: policies in the language of [AWS CloudFormation Guard](https://github.com/aws-cloudformation/cloudformation-guard).
//!
//! A policy sees a configuration item as AWS Config's own policy rules do: `resourceType`, `configuration`, `supplementaryConfiguration`,
//! `tags` and so on. Of its Guard rules one that fails makes the resource non-compliant; if all are skipped, it is not applicable.

use cfn_guard::{ValidateInput, run_checks};
use serde_json::{Value, json};

use crate::{Item, Unjudged, Verdict};

/// How a policy says, in a comment, what a periodic evaluation lists and what anything else is not applicable for.
const RESOURCE_TYPE: &str = "# resource-type:";

/// The resource type that a policy is for, if it says so.
pub fn resource_type(policy: &str) -> Option<&str> {
    policy
        .lines()
        .find_map(|line| line.trim().strip_prefix(RESOURCE_TYPE))
        .map(str::trim)
        .filter(|kind| !kind.is_empty())
}

/// What a policy makes of an item.
///
/// # Errors
/// When the policy can't be read, or Guard can't apply it.
pub fn judge(name: &str, policy: &str, item: &Item) -> Result<Verdict, Unjudged> {
    let data = seen(item).to_string();
    let report = run_checks(
        ValidateInput { content: &data, file_name: &item.id },
        ValidateInput { content: policy, file_name: name },
        true,
    )
    .map_err(|error| Unjudged(format!("the policy `{name}` can't be applied: {error}")))?;
    if report.is_empty() {
        return Err(Unjudged(format!("the policy `{name}` holds no rule")));
    }
    let report: Value = serde_json::from_str(&report)
        .map_err(|error| Unjudged(format!("Guard's report on `{name}` can't be read: {error}")))?;
    let status = report.pointer("/container/FileCheck/status").and_then(Value::as_str);
    match status {
        Some("PASS") => Ok(Verdict::Compliant),
        Some("SKIP") => Ok(Verdict::not_applicable(format!("no rule of the policy `{name}` is about it"))),
        Some("FAIL") => Ok(Verdict::non_compliant(why(&report))),
        other => Err(Unjudged(format!("Guard says `{}` of `{name}`", other.unwrap_or("nothing")))),
    }
}

/// The item in the form that AWS Config gives policies.
fn seen(item: &Item) -> Value {
    json!({
        "resourceType": item.kind,
        "resourceId": item.id,
        "resourceName": item.name,
        "ARN": item.arn,
        "awsAccountId": item.account,
        "awsRegion": item.region,
        "configurationItemStatus": item.status,
        "configuration": item.configuration,
        "supplementaryConfiguration": item.supplementary,
        "tags": item.tags,
    })
}

/// The rules that failed, and what their author says of it.
fn why(report: &Value) -> String {
    let children = report.get("children").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let failed: Vec<_> = children
        .iter()
        .filter_map(|child| child.pointer("/container/RuleCheck"))
        .filter(|rule| rule.get("status").and_then(Value::as_str) == Some("FAIL"))
        .filter_map(|rule| rule.get("name")?.as_str())
        .collect();
    let mut messages = Vec::new();
    said(report, &mut messages);
    let messages = if messages.is_empty() { String::new() } else { format!(": {}", messages.join("; ")) };
    format!("{}{messages}", failed.join(", "))
}

/// Every message of a check's author, once, in the order of the report.
fn said(value: &Value, messages: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "custom_message" => {
                        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                        if !text.is_empty() && !messages.contains(&text) {
                            messages.push(text);
                        }
                    }
                    other => said(other, messages),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| said(item, messages)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
# resource-type: AWS::DynamoDB::Table
rule is_table when resourceType == "AWS::DynamoDB::Table" {
    configuration.tableStatus == "ACTIVE"
}
rule has_recovery when is_table {
    supplementaryConfiguration.ContinuousBackupsDescription.pointInTimeRecoveryDescription.pointInTimeRecoveryStatus == "ENABLED"
        <<turn on point-in-time recovery>>
}
"#;

    fn table(kind: &str, recovery: &str) -> Item {
        let description = json!({"pointInTimeRecoveryDescription": {"pointInTimeRecoveryStatus": recovery}});
        Item::read(&json!({
            "resourceType": kind, "resourceId": "t", "configuration": {"tableStatus": "ACTIVE"},
            "supplementaryConfiguration": {"ContinuousBackupsDescription": description.to_string()}
        }))
        .unwrap()
    }

    #[test]
    fn a_policy_passes_fails_or_has_nothing_to_say() {
        let verdict = |kind, recovery| judge("recovery", POLICY, &table(kind, recovery)).unwrap();
        assert_eq!(verdict("AWS::DynamoDB::Table", "ENABLED"), Verdict::Compliant);
        let failed = verdict("AWS::DynamoDB::Table", "DISABLED");
        assert_eq!(failed.compliance(), "NON_COMPLIANT");
        assert_eq!(failed.annotation().unwrap().as_str(), "has_recovery: turn on point-in-time recovery");
        assert_eq!(verdict("AWS::S3::Bucket", "DISABLED").compliance(), "NOT_APPLICABLE");
        assert_eq!(resource_type(POLICY), Some("AWS::DynamoDB::Table"));
    }

    #[test]
    fn a_policy_that_can_not_be_read_judges_nothing() {
        for policy in ["rule broken {", "", "# only a comment\n"] {
            let error = judge("broken", policy, &table("AWS::DynamoDB::Table", "ENABLED")).unwrap_err();
            assert!(error.0.contains("`broken`"), "{error}");
        }
    }
}
