//! Which IAM actions an API call needs: usually the one of its own name.

use std::collections::BTreeSet;

use plumb_automation::iam::actions_of;

use crate::calls::LoggedCall;

/// IAM actions that AWS checks for a member of another action's call: the action, the call, the member.
const ALONG: &[(&str, &str, &str, &str)] = &[
    ("acm:AddTagsToCertificate", "acm", "RequestCertificate", "Tags"),
    ("ec2:CreateTags", "ec2", "AllocateAddress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "AuthorizeSecurityGroupIngress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateFlowLogs", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateImage", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateLaunchTemplateVersion", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateSecurityGroup", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateSnapshot", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateVolume", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "RunInstances", "TagSpecifications"),
    ("elasticloadbalancing:AddTags", "elasticloadbalancing", "CreateLoadBalancer", "Tags"),
    ("iam:PassRole", "ec2", "AssociateIamInstanceProfile", "IamInstanceProfile"),
    ("iam:PassRole", "ec2", "CreateFlowLogs", "DeliverLogsPermissionArn"),
    ("iam:PassRole", "ec2", "RunInstances", "IamInstanceProfile"),
    ("iam:TagRole", "iam", "CreateRole", "Tags"),
    ("logs:TagResource", "logs", "CreateLogGroup", "tags"),
];

/// IAM actions that a service checks of its caller because it will do the same on the caller's behalf: the action, the
/// call, and what of the documents says that the call leads there. Application Auto Scaling's user guide lists its own
/// under "Permissions required for API actions on target services and CloudWatch", EC2 Auto Scaling's under "Control
/// launch template usage"; the service authorization reference those of `CloudHSM`.
const ON_BEHALF: &[(&str, &str, &str, &str)] = &[
    ("cloudwatch:DeleteAlarms", "application-autoscaling", "PutScalingPolicy", "put_scaling_policy"),
    ("cloudwatch:DescribeAlarms", "application-autoscaling", "PutScalingPolicy", "put_scaling_policy"),
    ("cloudwatch:PutMetricAlarm", "application-autoscaling", "PutScalingPolicy", "put_scaling_policy"),
    ("ec2:AuthorizeSecurityGroupEgress", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:AuthorizeSecurityGroupIngress", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:CreateNetworkInterface", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:CreateSecurityGroup", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:DeleteNetworkInterface", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:DescribeNetworkInterfaces", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:DescribeSecurityGroups", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:DescribeSubnets", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:RevokeSecurityGroupEgress", "cloudhsm", "CreateHsm", "CreateHsm"),
    ("ec2:DescribeSubnets", "cloudhsm", "ModifyCluster", "ModifyCluster"),
    ("ec2:RunInstances", "autoscaling", "UpdateAutoScalingGroup", "LaunchTemplate={"),
    ("iam:PassRole", "autoscaling", "UpdateAutoScalingGroup", "LaunchTemplate={"),
    (
        "dynamodb:UpdateTable",
        "application-autoscaling",
        "RegisterScalableTarget",
        "ServiceNamespace='dynamodb'",
    ),
    (
        "iam:CreateServiceLinkedRole",
        "application-autoscaling",
        "RegisterScalableTarget",
        "register_scalable_target",
    ),
    ("rds:AddTagsToResource", "application-autoscaling", "RegisterScalableTarget", "ServiceNamespace='rds'"),
    ("rds:CreateDBInstance", "application-autoscaling", "RegisterScalableTarget", "ServiceNamespace='rds'"),
    ("rds:DeleteDBInstance", "application-autoscaling", "RegisterScalableTarget", "ServiceNamespace='rds'"),
    (
        "rds:DescribeDBInstances",
        "application-autoscaling",
        "RegisterScalableTarget",
        "ServiceNamespace='rds'",
    ),
];

/// The IAM actions that calls needed, those along with another's included where the documents give the member.
pub(super) fn needed(calls: &[LoggedCall], documents: &[&str]) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> =
        calls.iter().flat_map(|call| actions_of(known(&call.service), &call.operation)).collect();
    let called =
        |service: &str, api: &str| calls.iter().any(|call| call.service == service && call.operation == api);
    for (along, service, api, member) in ALONG {
        if called(service, api) && documents.iter().any(|document| gives(document, member)) {
            needed.insert((*along).to_owned());
        }
    }
    for (on_behalf, service, api, said) in ON_BEHALF {
        if called(service, api) && documents.iter().any(|document| document.contains(said)) {
            needed.insert((*on_behalf).to_owned());
        }
    }
    needed
}

/// boto3's name of the service that signs with a name; CloudWatch alone signs with one that isn't IAM's either.
fn known(signing_name: &str) -> &str {
    if signing_name == "monitoring" { "cloudwatch" } else { signing_name }
}

/// Whether a document gives a member by this name: `Tags:` in YAML, `Tags=` or `'Tags':` in Python.
fn gives(document: &str, member: &str) -> bool {
    document.match_indices(member).any(|(at, _)| {
        let before = document.get(..at).and_then(|text| text.chars().next_back());
        let after = document.get(at + member.len()..).unwrap_or_default();
        let after = after.strip_prefix(['\'', '"']).unwrap_or(after);
        before.is_none_or(|letter| !letter.is_ascii_alphanumeric()) && after.starts_with([':', '='])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_given_by_its_whole_name() {
        assert!(gives("  Tags:\n", "Tags"));
        assert!(gives("iam.create_role(Tags=[])", "Tags"));
        assert!(gives("{'tags': {}}", "tags"));
        assert!(!gives("ResourceTags: x", "Tags"));
        assert!(!gives("Tagsy: x", "Tags"));
    }
}
