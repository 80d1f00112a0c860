//! The API calls that a document makes, as far as reading it tells.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    document::{Document, Step},
    names::{pascal_case, snake_case},
};

/// The client methods that call no API.
const NOT_CALLS: [&str; 6] =
    ["can_paginate", "close", "exceptions", "generate_presigned_post", "generate_presigned_url", "meta"];

/// The API calls of a document, sorted: boto3 service and operation in `PascalCase`. Operations in scripts are spelt by a
/// simple rule (`describe_db_instances` to `DescribeDbInstances`): compare them without regard to case.
pub fn derived_actions(document: &Document) -> Vec<(String, String)> {
    let mut actions = BTreeSet::new();
    for step in document.all_steps() {
        match step.action.as_str() {
            "aws:executeAwsApi" | "aws:assertAwsResourceProperty" | "aws:waitForAwsResourceProperty" => {
                actions.extend(api_of(step));
            }
            "aws:executeScript" => {
                if let Some(script) = step.inputs.get("Script").and_then(Value::as_str) {
                    actions.extend(calls_of(script));
                }
            }
            _ => {}
        }
    }
    // One spelling an operation: `DescribeDBInstances` of a step sorts before `DescribeDbInstances` of a script.
    let mut seen = BTreeSet::new();
    actions.into_iter().filter(|(service, api)| seen.insert((service.clone(), snake_case(api)))).collect()
}

fn api_of(step: &Step) -> Option<(String, String)> {
    let text = |name: &str| step.inputs.get(name).and_then(Value::as_str).map(str::trim);
    Some((text("Service")?.to_ascii_lowercase(), pascal_case(text("Api")?)))
}

/// The calls `x.method(` of a script in which `x = boto3.client('service')` stands, wherever it stands, and
/// `boto3.client('service').method(`; paginators by the operation that they are made for.
fn calls_of(script: &str) -> BTreeSet<(String, String)> {
    let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut calls = BTreeSet::new();
    for (index, call) in script.match_indices("boto3.client(") {
        let (before, after) = script.split_at(index);
        let arguments = &after[call.len()..];
        let Some(service) = quoted(arguments) else { continue };
        if let Some(method) = after_arguments(arguments).trim_start().strip_prefix('.') {
            calls.extend(operation(method).map(|operation| (service.to_owned(), operation)));
            continue;
        }
        let name = before.trim_end().strip_suffix('=').map(|rest| last_name(rest.trim_end()));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            clients.entry(name).or_default().insert(service);
        }
    }
    for (name, services) in &clients {
        for (index, use_of) in script.match_indices(&format!("{name}.")) {
            let (before, after) = script.split_at(index);
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
                continue;
            }
            if let Some(operation) = operation(&after[use_of.len()..]) {
                calls.extend(services.iter().map(|service| ((*service).to_owned(), operation.clone())));
            }
        }
    }
    calls
}

/// The operation of a text that starts with `method(`.
fn operation(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (method, rest) = text.split_at(end);
    let arguments = rest.strip_prefix('(')?;
    match method {
        "" | "get_waiter" => None,
        "get_paginator" => quoted(arguments).map(pascal_case),
        method if NOT_CALLS.contains(&method) => None,
        method => Some(pascal_case(method)),
    }
}

/// What follows the parenthesis that closes an argument list.
fn after_arguments(arguments: &str) -> &str {
    let mut depth = 1_usize;
    for (index, letter) in arguments.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &arguments[index + 1..];
        }
    }
    ""
}

/// The text in the quotes that an argument list starts with, if it does.
fn quoted(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim_start();
    let arguments = arguments
        .strip_prefix("service_name")
        .map_or(arguments, |rest| rest.trim_start().strip_prefix('=').map_or(rest, str::trim_start));
    ['\'', '"'].iter().find_map(|quote| Some(arguments.strip_prefix(*quote)?.split_once(*quote)?.0))
}

/// The name that a text ends with.
fn last_name(text: &str) -> &str {
    let start = text
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(0, |index| index + text[index..].chars().next().map_or(1, char::len_utf8));
    &text[start..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(script: &str) -> Vec<String> {
        calls_of(script).into_iter().map(|(service, api)| format!("{service}:{api}")).collect()
    }

    #[test]
    fn calls_of_a_client_are_found() {
        let script = "
import boto3
def handler(events, context):
    s3 = boto3.client('s3')
    ec2 = boto3.client(\"ec2\", region_name='us-east-1')
    try:
        s3.get_bucket_policy(Bucket=events['b'])
    except s3.exceptions.NoSuchBucket:
        return my_s3.delete_bucket()
    for page in ec2.get_paginator('describe_vpcs').paginate():
        ec2 . foo()
    x.s3.put_object()
    s3.meta.events.register('x')
";
        assert_eq!(calls(script), ["ec2:DescribeVpcs", "s3:GetBucketPolicy"]);
    }

    #[test]
    fn a_call_of_a_client_without_a_name_is_found_and_names_no_client() {
        let script =
            "text = boto3.client('s3', config=f()).get_bucket_policy(Bucket=b)\ntext.encode('utf-8')\n";
        assert_eq!(calls(script), ["s3:GetBucketPolicy"]);
    }

    #[test]
    fn an_operation_is_listed_once() {
        let document = Document::parse(
            "
schemaVersion: '0.3'
mainSteps:
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: rds, Api: DescribeDBInstances}}
  - {name: B, action: 'aws:executeScript', inputs: {Script: \"r = boto3.client('rds')\\nr.describe_db_instances()\"}}
",
        )
        .unwrap();
        assert_eq!(derived_actions(&document), [("rds".to_owned(), "DescribeDBInstances".to_owned())]);
    }

    #[test]
    fn a_name_with_two_clients_counts_for_both() {
        let script = "c = boto3.client('a')\nc.get_x()\nc = boto3.client(service_name='b')\n";
        assert_eq!(calls(script), ["a:GetX", "b:GetX"]);
    }

    #[test]
    fn steps_and_scripts_are_read() {
        let document = Document::parse(
            "
schemaVersion: '0.3'
mainSteps:
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: S3, Api: get_bucket_acl}}
  - {name: B, action: 'aws:assertAwsResourceProperty', inputs: {Service: ec2, Api: DescribeVpcs, PropertySelector: $, DesiredValues: [x]}}
  - name: C
    action: aws:executeScript
    inputs:
      Runtime: python3.11
      Handler: h
      Script: |
        k = boto3.client('kms')
        def h(e, c): k.get_key_rotation_status(KeyId=e['k'])
  - {name: D, action: 'aws:sleep', inputs: {Duration: PT1S}}
",
        )
        .unwrap();
        let found: Vec<String> =
            derived_actions(&document).into_iter().map(|(service, api)| format!("{service}:{api}")).collect();
        assert_eq!(found, ["ec2:DescribeVpcs", "kms:GetKeyRotationStatus", "s3:GetBucketAcl"]);
    }

    proptest! {
        #[test]
        fn any_script_can_be_read(script in r#"(boto3.client\(|é|s3|'|"|=| |\.|\n|\(|x_y|get_paginator\(){0,40}"#) {
            let _ = calls_of(&script);
        }
    }
}
