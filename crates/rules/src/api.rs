//! Every read that a rule may ask for. The role of `evaluate` allows exactly these.

use plumb_ports::{Api, Protocol};

/// Every read, in the order of their actions.
pub const APIS: &[&Api] = &[
    &SCALABLE_TARGETS,
    &SCALING_POLICIES,
    &LAUNCH_CONFIGURATIONS,
    &HSM_CLUSTERS,
    &METRIC_STATISTICS,
    &IMAGES,
    &LAUNCH_TEMPLATE_VERSIONS,
    &NETWORK_INTERFACES,
    &SECURITY_GROUPS,
    &SNAPSHOTS,
    &TARGET_GROUPS,
    &TARGET_HEALTH,
    &ACCESS_KEY_LAST_USED,
    &ROLE,
    &USER,
    &ACCESS_KEYS,
    &GRANTS,
    &LOG_GROUPS,
    &MANAGED_INSTANCES,
];

const EC2: Protocol = Protocol::Query { version: "2016-11-15" };
const IAM: Protocol = Protocol::Query { version: "2010-05-08" };
const ELB: Protocol = Protocol::Query { version: "2015-12-01" };
const SCALING: Protocol = Protocol::Json { target: "AnyScaleFrontendService" };
/// EC2's, Application Auto Scaling's and most others' names of the page token.
const NEXT: Option<(&str, &str)> = Some(("NextToken", "NextToken"));
const NEXT_EC2: Option<(&str, &str)> = Some(("NextToken", "nextToken"));

pub(crate) const SCALABLE_TARGETS: Api = Api {
    service: "application-autoscaling",
    operation: "DescribeScalableTargets",
    action: "application-autoscaling:DescribeScalableTargets",
    protocol: SCALING,
    records: "ScalableTargets",
    token: NEXT,
    keep: &["ResourceId", "ScalableDimension"],
};

pub(crate) const SCALING_POLICIES: Api = Api {
    operation: "DescribeScalingPolicies",
    action: "application-autoscaling:DescribeScalingPolicies",
    records: "ScalingPolicies",
    ..SCALABLE_TARGETS
};

pub(crate) const LAUNCH_CONFIGURATIONS: Api = Api {
    service: "autoscaling",
    operation: "DescribeLaunchConfigurations",
    action: "autoscaling:DescribeLaunchConfigurations",
    protocol: Protocol::Query { version: "2011-01-01" },
    records: "DescribeLaunchConfigurationsResult.LaunchConfigurations",
    token: Some(("NextToken", "DescribeLaunchConfigurationsResult.NextToken")),
    keep: &["LaunchConfigurationName", "ImageId"],
};

pub(crate) const HSM_CLUSTERS: Api = Api {
    service: "cloudhsmv2",
    operation: "DescribeClusters",
    action: "cloudhsm:DescribeClusters",
    protocol: Protocol::Json { target: "BaldrApiService" },
    records: "Clusters",
    token: NEXT,
    keep: &["ClusterId", "State", "Hsms", "BackupRetentionPolicy", "CreateTimestamp", "TagList"],
};

pub(crate) const METRIC_STATISTICS: Api = Api {
    service: "monitoring",
    operation: "GetMetricStatistics",
    action: "cloudwatch:GetMetricStatistics",
    protocol: Protocol::Query { version: "2010-08-01" },
    records: "GetMetricStatisticsResult.Datapoints",
    token: None,
    keep: &[],
};

pub(crate) const IMAGES: Api = Api {
    service: "ec2",
    operation: "DescribeImages",
    action: "ec2:DescribeImages",
    protocol: EC2,
    records: "imagesSet",
    token: NEXT_EC2,
    keep: &[
        "imageId",
        "creationDate",
        "deprecationTime",
        "imageOwnerId",
        "imageOwnerAlias",
        "blockDeviceMapping",
    ],
};

pub(crate) const LAUNCH_TEMPLATE_VERSIONS: Api = Api {
    operation: "DescribeLaunchTemplateVersions",
    action: "ec2:DescribeLaunchTemplateVersions",
    records: "launchTemplateVersionSet",
    keep: &["launchTemplateId", "versionNumber", "launchTemplateData"],
    ..IMAGES
};

pub(crate) const NETWORK_INTERFACES: Api = Api {
    operation: "DescribeNetworkInterfaces",
    action: "ec2:DescribeNetworkInterfaces",
    records: "networkInterfaceSet",
    keep: &["networkInterfaceId", "groupSet"],
    ..IMAGES
};

pub(crate) const SECURITY_GROUPS: Api = Api {
    operation: "DescribeSecurityGroups",
    action: "ec2:DescribeSecurityGroups",
    records: "securityGroupInfo",
    keep: &["groupId", "ipPermissions", "ipPermissionsEgress"],
    ..IMAGES
};

pub(crate) const SNAPSHOTS: Api = Api {
    operation: "DescribeSnapshots",
    action: "ec2:DescribeSnapshots",
    records: "snapshotSet",
    keep: &["snapshotId", "startTime", "status", "storageTier", "tagSet"],
    ..IMAGES
};

pub(crate) const TARGET_GROUPS: Api = Api {
    service: "elasticloadbalancing",
    operation: "DescribeTargetGroups",
    action: "elasticloadbalancing:DescribeTargetGroups",
    protocol: ELB,
    records: "DescribeTargetGroupsResult.TargetGroups",
    token: Some(("Marker", "DescribeTargetGroupsResult.NextMarker")),
    keep: &["TargetGroupArn"],
};

pub(crate) const TARGET_HEALTH: Api = Api {
    operation: "DescribeTargetHealth",
    action: "elasticloadbalancing:DescribeTargetHealth",
    records: "DescribeTargetHealthResult.TargetHealthDescriptions",
    token: None,
    keep: &["TargetHealth"],
    ..TARGET_GROUPS
};

pub(crate) const ACCESS_KEY_LAST_USED: Api = Api {
    service: "iam",
    operation: "GetAccessKeyLastUsed",
    action: "iam:GetAccessKeyLastUsed",
    protocol: IAM,
    records: "GetAccessKeyLastUsedResult.AccessKeyLastUsed",
    token: None,
    keep: &["LastUsedDate"],
};

pub(crate) const ROLE: Api = Api {
    operation: "GetRole",
    action: "iam:GetRole",
    records: "GetRoleResult.Role",
    keep: &["CreateDate", "RoleLastUsed"],
    ..ACCESS_KEY_LAST_USED
};

pub(crate) const USER: Api = Api {
    operation: "GetUser",
    action: "iam:GetUser",
    records: "GetUserResult.User",
    keep: &["CreateDate", "PasswordLastUsed"],
    ..ACCESS_KEY_LAST_USED
};

pub(crate) const ACCESS_KEYS: Api = Api {
    operation: "ListAccessKeys",
    action: "iam:ListAccessKeys",
    records: "ListAccessKeysResult.AccessKeyMetadata",
    token: Some(("Marker", "ListAccessKeysResult.Marker")),
    keep: &["AccessKeyId", "Status", "CreateDate"],
    ..ACCESS_KEY_LAST_USED
};

pub(crate) const GRANTS: Api = Api {
    service: "kms",
    operation: "ListGrants",
    action: "kms:ListGrants",
    protocol: Protocol::Json { target: "TrentService" },
    records: "Grants",
    token: Some(("Marker", "NextMarker")),
    keep: &["GrantId", "GranteePrincipal", "IssuingAccount"],
};

pub(crate) const LOG_GROUPS: Api = Api {
    service: "logs",
    operation: "DescribeLogGroups",
    action: "logs:DescribeLogGroups",
    protocol: Protocol::Json { target: "Logs_20140328" },
    records: "logGroups",
    token: Some(("nextToken", "nextToken")),
    keep: &["logGroupName", "retentionInDays", "logGroupClass", "arn", "creationTime"],
};

pub(crate) const MANAGED_INSTANCES: Api = Api {
    service: "ssm",
    operation: "DescribeInstanceInformation",
    action: "ssm:DescribeInstanceInformation",
    protocol: Protocol::Json { target: "AmazonSSM" },
    records: "InstanceInformationList",
    token: NEXT,
    keep: &["InstanceId", "PingStatus"],
};
