//! What a document needs to be allowed: its API calls, as far as reading it tells, and the IAM policy for them.

mod calls;
mod clients;
mod exceptions;
mod policy;
mod resources;
mod scripts;
mod table;

pub use calls::{ApiUse, calls};
pub(crate) use calls::{calls_of_step, unread_of_step};
pub use policy::{Need, Policy, Possible};

use crate::document::Document;

/// The API calls of a document's steps and scripts, sorted: boto3 service and operation in `PascalCase`. Operations in
/// scripts are spelt by a simple rule (`describe_db_instances` to `DescribeDbInstances`): compare them without regard to
/// case.
pub fn derived_actions(document: &Document) -> Vec<(String, String)> {
    scripts::once(calls(document).into_iter().map(|call| (call.service, call.api)).collect())
}

/// The IAM actions that an API call of boto3's names needs.
pub fn actions_of(service: &str, api: &str) -> Vec<String> {
    table::table().needed(service, api).into_iter().map(|needed| needed.action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(steps: &str) -> Document {
        Document::parse(&format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")).unwrap()
    }

    fn actions(policy: &Policy) -> Vec<&str> {
        policy.needs.iter().map(|need| need.action.as_str()).collect()
    }

    #[test]
    fn an_operation_is_listed_once() {
        let document = read(
            "
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: rds, Api: DescribeDBInstances}}
  - {name: B, action: 'aws:executeScript', inputs: {Script: \"r = boto3.client('rds')\\nr.describe_db_instances()\"}}
",
        );
        assert_eq!(derived_actions(&document), [("rds".to_owned(), "DescribeDBInstances".to_owned())]);
    }

    #[test]
    fn steps_scripts_and_actions_are_read() {
        let document = read(
            "
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
  - {name: E, action: 'aws:changeInstanceState', inputs: {InstanceIds: [i], DesiredState: stopped}}
",
        );
        let found: Vec<String> =
            derived_actions(&document).into_iter().map(|(service, api)| format!("{service}:{api}")).collect();
        assert_eq!(
            found,
            [
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstances",
                "ec2:DescribeVpcs",
                "ec2:StopInstances",
                "kms:GetKeyRotationStatus",
                "s3:GetBucketAcl"
            ]
        );
    }

    #[test]
    fn a_role_that_is_passed_and_tags_given_on_creation_need_actions_of_their_own() {
        let document = read(
            "
  - name: A
    action: aws:executeAwsApi
    inputs: {Service: ec2, Api: CreateFlowLogs, DeliverLogsPermissionArn: r, TagSpecifications: []}
  - {name: B, action: 'aws:executeAwsApi', inputs: {Service: logs, Api: CreateLogGroup, logGroupName: g, tags: {a: b}}}
  - {name: C, action: 'aws:executeAwsApi', inputs: {Service: iam, Api: CreateRole, RoleName: r, Tags: []}}
  - {name: D, action: 'aws:executeAwsApi', inputs: {Service: iam, Api: GetRole, RoleName: r}}
",
        );
        assert_eq!(
            actions(&Policy::of([&document])),
            [
                "ec2:CreateFlowLogs",
                "ec2:CreateTags",
                "iam:CreateRole",
                "iam:GetRole",
                "iam:PassRole",
                "iam:TagRole",
                "logs:CreateLogGroup",
                "logs:TagResource"
            ]
        );
    }

    #[test]
    fn actions_on_the_same_resources_share_a_statement_and_reasons_are_kept() {
        let document = read(
            "
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: EnableKeyRotation, KeyId: k}}
  - {name: B, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: DescribeKey, KeyId: k}}
  - {name: C, action: 'aws:executeAwsApi', inputs: {Service: ec2, Api: DescribeVpcs}}
  - {name: D, action: 'aws:executeAwsApi', inputs: {Service: sts, Api: GetCallerIdentity}}
  - {name: E, action: 'aws:executeAwsApi', inputs: {Service: nowhere, Api: DoIt}}
",
        );
        let policy = Policy::of([&document]);
        let statements = policy.document()["Statement"].as_array().unwrap().clone();
        assert_eq!(statements.len(), 2, "{statements:?}");
        assert_eq!(statements[1]["Action"], serde_json::json!(["kms:DescribeKey", "kms:EnableKeyRotation"]));
        assert_eq!(
            statements[1]["Resource"],
            serde_json::json!(["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"])
        );
        let vpcs = policy.needs.iter().find(|need| need.action == "ec2:DescribeVpcs").unwrap();
        assert!(vpcs.scope.as_deref().unwrap().contains("no resource level"));
        assert!(policy.notes.iter().any(|note| note.contains("nowhere:DoIt")), "{:?}", policy.notes);
    }
}
