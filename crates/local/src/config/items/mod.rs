//! The resource types that the local AWS Config records, and how each is read: by the service's own API, into the
//! shape that AWS Config gives the type. A type that AWS Config doesn't record isn't here (snapshots, images, log groups,
//! `CloudHSM` clusters, scalable targets), and rules on such a type are periodic ones here as on AWS.

mod autoscaling;
mod compute;
mod databases;
mod identity;
mod load_balancing;
mod network;
mod security;
mod shape;
mod storage;

use std::{future::Future, pin::Pin};

use super::{
    item::Found,
    reader::{ReadError, Reader},
};

type Reading<'a> = Pin<Box<dyn Future<Output = Result<Vec<Found>, ReadError>> + Send + 'a>>;

/// A type of resources that is recorded.
pub(super) struct RecordedType {
    /// Such as `AWS::EC2::Volume`.
    pub(super) kind: &'static str,
    /// The services whose calls may change such a resource, by their endpoint prefix.
    pub(super) services: &'static [&'static str],
    /// Reads all there are in the reader's Region.
    pub(super) read: for<'a> fn(&'a Reader<'_>) -> Reading<'a>,
    /// Of one Region only, though the service is everywhere: IAM, recorded in the account's first Region.
    pub(super) global: bool,
}

/// One line a type.
macro_rules! recorded {
    ($(($kind:literal, [$($service:literal),+], $read:path $(, $global:ident)?),)+) => {
        /// Every type, by name.
        pub(super) const TYPES: &[RecordedType] = &[$(RecordedType {
            kind: $kind,
            services: &[$($service),+],
            read: |reader| Box::pin($read(reader)),
            global: recorded!(@ $($global)?),
        }),+];
    };
    (@ global) => { true };
    (@) => { false };
}

recorded![
    ("AWS::ACM::Certificate", ["acm"], security::certificates),
    ("AWS::AutoScaling::AutoScalingGroup", ["autoscaling"], autoscaling::groups),
    ("AWS::CloudTrail::Trail", ["cloudtrail"], security::trails),
    ("AWS::DynamoDB::Table", ["dynamodb"], databases::tables),
    ("AWS::EC2::EIP", ["ec2"], network::addresses),
    ("AWS::EC2::FlowLog", ["ec2"], network::flow_logs),
    ("AWS::EC2::Instance", ["ec2", "autoscaling"], compute::instances),
    ("AWS::EC2::LaunchTemplate", ["ec2"], compute::launch_templates),
    ("AWS::EC2::NetworkInterface", ["ec2", "autoscaling", "elasticloadbalancing"], network::interfaces),
    ("AWS::EC2::SecurityGroup", ["ec2", "autoscaling", "elasticloadbalancing"], network::security_groups),
    ("AWS::EC2::Subnet", ["ec2"], network::subnets),
    ("AWS::EC2::VPC", ["ec2"], network::vpcs),
    ("AWS::EC2::Volume", ["ec2", "autoscaling"], compute::volumes),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", ["elasticloadbalancing"], load_balancing::balancers),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", ["elasticloadbalancing"], load_balancing::target_groups),
    ("AWS::IAM::Role", ["iam"], identity::roles, global),
    ("AWS::IAM::User", ["iam"], identity::users, global),
    ("AWS::KMS::Key", ["kms"], security::keys),
    ("AWS::Lambda::Function", ["lambda"], compute::functions),
    ("AWS::RDS::DBCluster", ["rds"], databases::clusters),
    ("AWS::RDS::DBInstance", ["rds"], databases::instances),
    ("AWS::S3::Bucket", ["s3"], storage::buckets),
];

/// The type of that name.
pub(super) fn find(kind: &str) -> Option<&'static RecordedType> {
    TYPES.iter().find(|recorded| recorded.kind == kind)
}
