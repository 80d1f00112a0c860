//! How the ARN of a control's resource is known, by which its tags are read.

use plumb_model::Arn;

/// By resource type, where AWS Config's `resourceId` is what the ARN ends in; from the
/// [Service Authorization Reference](https://docs.aws.amazon.com/service-authorization/latest/reference/).
const PATTERNS: &[(&str, &str)] = &[
    (
        "AWS::ApiGateway::RestApi",
        "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/{{resource.id}}",
    ),
    (
        "AWS::CloudHSMV2::Cluster",
        "arn:${AWS::Partition}:cloudhsm:${AWS::Region}:${AWS::AccountId}:cluster/{{resource.id}}",
    ),
    (
        "AWS::CloudTrail::Trail",
        "arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/{{resource.id}}",
    ),
    (
        "AWS::DynamoDB::Table",
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/{{resource.id}}",
    ),
    (
        "AWS::EC2::EIP",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:elastic-ip/{{resource.id}}",
    ),
    (
        "AWS::EC2::FlowLog",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/{{resource.id}}",
    ),
    ("AWS::EC2::Image", "arn:${AWS::Partition}:ec2:${AWS::Region}::image/{{resource.id}}"),
    (
        "AWS::EC2::Instance",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/{{resource.id}}",
    ),
    (
        "AWS::EC2::LaunchTemplate",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:launch-template/{{resource.id}}",
    ),
    (
        "AWS::EC2::NatGateway",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:natgateway/{{resource.id}}",
    ),
    (
        "AWS::EC2::NetworkInterface",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/{{resource.id}}",
    ),
    (
        "AWS::EC2::SecurityGroup",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group/{{resource.id}}",
    ),
    ("AWS::EC2::Snapshot", "arn:${AWS::Partition}:ec2:${AWS::Region}::snapshot/{{resource.id}}"),
    ("AWS::EC2::Subnet", "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/{{resource.id}}"),
    ("AWS::EC2::VPC", "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/{{resource.id}}"),
    ("AWS::EC2::Volume", "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:volume/{{resource.id}}"),
    (
        "AWS::ECR::Repository",
        "arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/{{resource.id}}",
    ),
    ("AWS::KMS::Key", "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/{{resource.id}}"),
    (
        "AWS::Lambda::Function",
        "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:{{resource.id}}",
    ),
    (
        "AWS::Logs::LogGroup",
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:{{resource.id}}",
    ),
    ("AWS::S3::Bucket", "arn:${AWS::Partition}:s3:::{{resource.id}}"),
    // Their id is the ARN.
    ("AWS::ACM::Certificate", "{{resource.id}}"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "{{resource.id}}"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "{{resource.id}}"),
    ("AWS::SNS::Topic", "{{resource.id}}"),
    ("AWS::SecretsManager::Secret", "{{resource.id}}"),
];

/// Types whose ARN has another name in it than their `resourceId`.
const RECORDED: &[&str] = &[
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EFS::FileSystem",
    "AWS::ElastiCache::CacheCluster",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::Redshift::Cluster",
    "AWS::SQS::Queue",
];

/// What `arn` in `control.yaml` says, or what is known of the type without it.
pub(super) fn read(given: Option<&str>, resource_type: &str) -> Result<Arn, String> {
    match given {
        Some("recorded") => Ok(Arn::Recorded),
        Some("none") => Ok(Arn::None),
        // The process ends soon after; the catalogue's texts are static.
        Some(pattern) if pattern.contains("{{resource.id}}") => Ok(Arn::Pattern(pattern.to_owned().leak())),
        Some(other) => Err(format!(
            "`arn` is `{other}`; give a pattern with {{{{resource.id}}}}, `recorded` (AWS Config knows it) or `none`"
        )),
        None => known(resource_type).ok_or_else(|| {
            format!(
                "the ARN of a {resource_type} is not known, so its tags can't be read; add `arn`: a pattern with \
                 {{{{resource.id}}}}, `recorded` (AWS Config knows it) or `none` (it takes no tags)"
            )
        }),
    }
}

fn known(resource_type: &str) -> Option<Arn> {
    if resource_type == "AWS::::Account" {
        return Some(Arn::None);
    }
    if RECORDED.contains(&resource_type) {
        return Some(Arn::Recorded);
    }
    PATTERNS.iter().find(|(kind, _)| *kind == resource_type).map(|(_, pattern)| Arn::Pattern(pattern))
}
