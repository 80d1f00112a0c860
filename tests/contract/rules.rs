//! Plumb's own Config rules, against the controls that name them and the role that their function runs under.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::{collections::BTreeSet, fs};

use plumb_rules::{APIS, Parameters, RULES};
use serde_json::Value;

fn template() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap()
}

/// Whatever looks like an IAM action in the role of `evaluate`.
fn allowed() -> BTreeSet<String> {
    let template = template();
    let (_, role) = template.split_once("\n  EvaluateRole:\n").unwrap();
    let (role, _) = role.split_once("\n  # ----").unwrap();
    role.split(|c: char| !(c.is_ascii_alphanumeric() || "-:".contains(c)))
        .filter(|word| {
            word.split_once(':').is_some_and(|(service, action)| {
                !service.is_empty()
                    && service
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                    && action.starts_with(|first: char| first.is_ascii_uppercase())
                    && action.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_role_allows_exactly_what_rules_look_up_and_what_the_function_says() {
    let own = [
        "config:PutEvaluations",
        "config:SelectResourceConfig",
        "config:GetResourceConfigHistory",
        "config:GetComplianceDetailsByConfigRule",
        // By EC2 on the role's behalf, for a launch template's `resolve:ssm:` image.
        "ssm:GetParameters",
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ];
    let needed: BTreeSet<_> = APIS.iter().map(|api| api.action).chain(own).map(str::to_owned).collect();
    assert_eq!(allowed(), needed);
}

#[test]
fn a_control_names_a_rule_for_its_resource_type_with_parameters_that_the_rule_takes() {
    for control in plumb_catalogue::controls() {
        let Some(custom) = control.custom_rule else { continue };
        let rule =
            plumb_rules::rule(custom.rule).unwrap_or_else(|| panic!("{}: {}", control.id, custom.rule));
        assert_eq!(rule.resource_type, control.resource_type, "{}", control.id);
        let given = custom.parameters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        if let Err(why) = Parameters::read(rule.parameters, &given.collect()) {
            panic!("{}: {why}", control.id);
        }
    }
}

#[test]
fn aws_config_of_this_account_alone_may_invoke_the_function() {
    let rules =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/generated/config-rules.yaml"))
            .unwrap();
    let permission = "Principal: config.amazonaws.com\n      SourceAccount:\n        Ref: AWS::AccountId\n";
    assert_eq!(rules.matches("AWS::Lambda::Permission").count(), 1);
    assert!(rules.contains(permission), "{rules}");
}

#[test]
fn every_rule_is_documented() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md")).unwrap();
    for rule in RULES {
        assert!(page.contains(&format!("\n## {}\n", rule.name)), "{}", rule.name);
    }
}
