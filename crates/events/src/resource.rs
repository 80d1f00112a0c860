//! What other services call a resource, in AWS Config's words.

use serde_json::Value;

use crate::json::Look;

/// The six parts of an ARN, in whatever partition.
#[derive(Debug)]
pub(crate) struct Arn<'a> {
    partition: &'a str,
    service: &'a str,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next().filter(|resource| !resource.is_empty())?,
        })
    }

    /// What follows the resource's type: `sg-1` of `security-group/sg-1`; everything where there is no type.
    fn name(&self) -> &'a str {
        self.resource.split_once(['/', ':']).map_or(self.resource, |(_, name)| name)
    }
}

/// The types whose AWS Config resource id is the ARN itself.
const BY_ARN: &[&str] = &[
    "AWS::ACM::Certificate",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::AutoScaling::LaunchConfiguration",
    "AWS::AutoScaling::ScalingPolicy",
    "AWS::AutoScaling::ScheduledAction",
    "AWS::CloudFormation::Stack",
    "AWS::ECS::Service",
    "AWS::ElasticBeanstalk::Application",
    "AWS::ElasticBeanstalk::ApplicationVersion",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::SNS::Topic",
];

/// The AWS Config resource id of a resource of this CloudFormation type that something else calls `name`: an ARN, or
/// already the id.
///
/// RDS instances and clusters and IAM's users, roles, groups and policies have ids that no ARN holds; for those it is
/// the identifier from the ARN.
pub fn config_resource_id(kind: &str, name: &str) -> String {
    let name = name.trim();
    if kind == "AWS::::Account" {
        let account = Arn::parse(name).map_or(name, |arn| arn.account);
        return account.strip_prefix("AWS::::Account:").unwrap_or(account).to_owned();
    }
    let Some(arn) = Arn::parse(name) else { return name.to_owned() };
    if BY_ARN.contains(&kind) {
        return name.to_owned();
    }
    let first = |text: &str| text.split(['/', ':']).next().unwrap_or_default().to_owned();
    let last = |text: &str| text.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    match kind {
        // `bucket/key` when the ARN is an object's.
        "AWS::S3::Bucket" => first(arn.resource),
        // `table/name/index/…`, `function:name:alias`.
        "AWS::DynamoDB::Table" | "AWS::Lambda::Function" => first(arn.name()),
        // Users and roles may have a path, and a snapshot has its cluster before its name.
        "AWS::IAM::User"
        | "AWS::IAM::Role"
        | "AWS::IAM::Group"
        | "AWS::IAM::Policy"
        | "AWS::Redshift::ClusterSnapshot" => last(arn.resource),
        "AWS::Elasticsearch::Domain" => format!("{}/{}", arn.account, arn.name()),
        "AWS::SQS::Queue" => {
            let domain = if arn.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://sqs.{}.{domain}/{}/{}", arn.region, arn.account, arn.resource)
        }
        _ => arn.name().to_owned(),
    }
}

/// The id that AWS Config uses where only the finding's details have it.
pub(crate) fn from_details<'a>(kind: &str, details: &'a Value) -> Option<&'a str> {
    let pointers: &[&str] = match kind {
        "AWS::RDS::DBInstance" => &["/AwsRdsDbInstance/DbiResourceId"],
        "AWS::RDS::DBCluster" => &["/AwsRdsDbCluster/DbClusterResourceId"],
        "AWS::EC2::EIP" => &["/AwsEc2Eip/AllocationId"],
        "AWS::IAM::User" => &["/AwsIamUser/UserId"],
        "AWS::IAM::Role" => &["/AwsIamRole/RoleId"],
        "AWS::IAM::Group" => &["/AwsIamGroup/GroupId"],
        "AWS::IAM::Policy" => &["/AwsIamPolicy/PolicyId"],
        _ => &[],
    };
    pointers.iter().find_map(|pointer| details.text(pointer))
}

/// The services whose CloudFormation name differs from the finding format's. Longer names first where one begins
/// another.
const SERVICES: &[(&str, &str)] = &[
    ("CertificateManager", "ACM"),
    ("AmazonMq", "AmazonMQ"),
    ("ApiGatewayV2", "ApiGatewayV2"),
    ("ApiGateway", "ApiGateway"),
    ("AppSync", "AppSync"),
    ("Athena", "Athena"),
    ("AutoScaling", "AutoScaling"),
    ("Backup", "Backup"),
    ("CloudFormation", "CloudFormation"),
    ("CloudFront", "CloudFront"),
    ("CloudTrail", "CloudTrail"),
    ("CloudWatch", "CloudWatch"),
    ("CodeBuild", "CodeBuild"),
    ("Dms", "DMS"),
    ("DynamoDb", "DynamoDB"),
    ("Ec2", "EC2"),
    ("Ecr", "ECR"),
    ("Ecs", "ECS"),
    ("Efs", "EFS"),
    ("Eks", "EKS"),
    ("ElasticBeanstalk", "ElasticBeanstalk"),
    ("Elasticsearch", "Elasticsearch"),
    ("Elbv2", "ElasticLoadBalancingV2"),
    ("Elb", "ElasticLoadBalancing"),
    ("EventSchemas", "EventSchemas"),
    ("Events", "Events"),
    ("GuardDuty", "GuardDuty"),
    ("Iam", "IAM"),
    ("Kinesis", "Kinesis"),
    ("Kms", "KMS"),
    ("Lambda", "Lambda"),
    ("Msk", "MSK"),
    ("NetworkFirewall", "NetworkFirewall"),
    ("OpenSearchService", "OpenSearch"),
    ("Rds", "RDS"),
    ("Redshift", "Redshift"),
    ("Route53", "Route53"),
    ("S3", "S3"),
    ("SageMaker", "SageMaker"),
    ("SecretsManager", "SecretsManager"),
    ("Sns", "SNS"),
    ("Sqs", "SQS"),
    ("Ssm", "SSM"),
    ("StepFunction", "StepFunctions"),
    ("Wafv2", "WAFv2"),
    ("WafRegional", "WAFRegional"),
    ("Waf", "WAF"),
    ("Xray", "XRay"),
];

/// Words that CloudFormation writes otherwise, at the start of a resource's name.
const WORDS: &[(&str, &str)] =
    &[("Vpc", "VPC"), ("Vpn", "VPN"), ("Eip", "EIP"), ("Db", "DB"), ("WebAcl", "WebACL")];

/// The CloudFormation type of what the AWS Security Finding Format calls `AwsS3Bucket`, Inspector `AWS_EC2_INSTANCE`,
/// and OCSF either that or the CloudFormation type itself. A type that can't be derived stays as it is.
pub fn config_resource_type(kind: &str) -> String {
    match kind {
        "AwsAccount" | "AWS_ACCOUNT" => return "AWS::::Account".to_owned(),
        "AwsCertificateManagerCertificate" => return "AWS::ACM::Certificate".to_owned(),
        "AwsEcrContainerImage" | "AWS_ECR_CONTAINER_IMAGE" => return "AWS::ECR::ContainerImage".to_owned(),
        "AwsRdsEventSubscription" => return "AWS::RDS::EventSubscription".to_owned(),
        "AwsOpenSearchServiceDomain" => return "AWS::OpenSearch::Domain".to_owned(),
        "AWS_EC2_INSTANCE" => return "AWS::EC2::Instance".to_owned(),
        "AWS_LAMBDA_FUNCTION" => return "AWS::Lambda::Function".to_owned(),
        _ => {}
    }
    let derived = kind.strip_prefix("Aws").and_then(|rest| {
        let (service, name) =
            SERVICES.iter().find_map(|(theirs, ours)| Some((*ours, rest.strip_prefix(theirs)?)))?;
        let name = WORDS
            .iter()
            .find_map(|(theirs, ours)| Some(format!("{ours}{}", name.strip_prefix(theirs)?)))
            .unwrap_or_else(|| name.to_owned());
        (!name.is_empty()).then(|| format!("AWS::{service}::{name}"))
    });
    derived.unwrap_or_else(|| kind.to_owned())
}

/// The type of a resource of which only the ARN or the id is known.
pub(crate) fn guess_type(name: &str) -> Option<&'static str> {
    const BY_PREFIX: &[(&str, &str)] = &[
        ("i-", "AWS::EC2::Instance"),
        ("vol-", "AWS::EC2::Volume"),
        ("sg-", "AWS::EC2::SecurityGroup"),
        ("vpc-", "AWS::EC2::VPC"),
        ("subnet-", "AWS::EC2::Subnet"),
        ("eipalloc-", "AWS::EC2::EIP"),
        ("eni-", "AWS::EC2::NetworkInterface"),
        ("db-", "AWS::RDS::DBInstance"),
    ];
    const BY_ARN_TYPE: &[(&str, &str, &str)] = &[
        ("acm", "certificate", "AWS::ACM::Certificate"),
        ("cloudtrail", "trail", "AWS::CloudTrail::Trail"),
        ("dynamodb", "table", "AWS::DynamoDB::Table"),
        ("ec2", "instance", "AWS::EC2::Instance"),
        ("ec2", "security-group", "AWS::EC2::SecurityGroup"),
        ("ec2", "volume", "AWS::EC2::Volume"),
        ("ec2", "vpc", "AWS::EC2::VPC"),
        ("ec2", "elastic-ip", "AWS::EC2::EIP"),
        ("ec2", "eip-allocation", "AWS::EC2::EIP"),
        ("ecr", "repository", "AWS::ECR::Repository"),
        ("iam", "role", "AWS::IAM::Role"),
        ("iam", "user", "AWS::IAM::User"),
        ("kms", "key", "AWS::KMS::Key"),
        ("lambda", "function", "AWS::Lambda::Function"),
        ("rds", "db", "AWS::RDS::DBInstance"),
        ("rds", "cluster", "AWS::RDS::DBCluster"),
        ("s3", "", "AWS::S3::Bucket"),
        ("sns", "", "AWS::SNS::Topic"),
        ("sqs", "", "AWS::SQS::Queue"),
    ];
    match Arn::parse(name) {
        None => BY_PREFIX.iter().find_map(|(prefix, kind)| name.starts_with(prefix).then_some(*kind)),
        Some(arn) => {
            let first = arn.resource.split_once(['/', ':']).map_or("", |(kind, _)| kind);
            BY_ARN_TYPE
                .iter()
                .find(|(service, kind, _)| *service == arn.service && (kind.is_empty() || *kind == first))
                .map(|(_, _, kind)| *kind)
        }
    }
}
