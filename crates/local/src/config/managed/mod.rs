//! The managed rules that the local AWS Config knows, one file each. They are written from AWS's rule documentation
//! and share nothing with Plumb's controls: in the tests they are the independent judge of what Plumb did.

mod cloud_trail_log_file_validation_enabled;
mod cmk_backing_key_rotation_enabled;
mod dynamodb_pitr_enabled;
mod ec2_ebs_encryption_by_default;
mod eip_attached;
mod incoming_ssh_disabled;
mod rds_instance_public_access_check;
mod restricted_incoming_traffic;
mod s3_bucket_level_public_access_prohibited;
mod s3_bucket_ssl_requests_only;
mod s3_buckets;
mod security_groups;
mod vpc_flow_logs_enabled;

use std::{collections::BTreeMap, future::Future, pin::Pin};

pub(super) use s3_buckets::buckets_here;

use super::{
    evaluation::{Compliance, Judgement},
    reader::{OrAbsent, ReadError, Reader},
};

/// A rule's `InputParameters`, each value as text.
pub(super) type Parameters = BTreeMap<String, String>;

type Judging<'a> = Pin<Box<dyn Future<Output = Result<Vec<Judgement>, ReadError>> + Send + 'a>>;

/// A managed rule: what it looks at and how it judges.
pub(super) struct ManagedRule {
    /// `SourceIdentifier`.
    pub(super) identifier: &'static str,
    /// The service whose changes call for a new evaluation, by its endpoint prefix.
    pub(super) service: &'static str,
    /// The parameters it takes.
    pub(super) parameters: &'static [&'static str],
    /// Judges every resource of its type in the reader's Region.
    pub(super) judge: for<'a> fn(&'a Reader<'_>, &'a Parameters) -> Judging<'a>,
}

const RULES: [&ManagedRule; 11] = [
    &cloud_trail_log_file_validation_enabled::RULE,
    &cmk_backing_key_rotation_enabled::RULE,
    &dynamodb_pitr_enabled::RULE,
    &ec2_ebs_encryption_by_default::RULE,
    &eip_attached::RULE,
    &incoming_ssh_disabled::RULE,
    &rds_instance_public_access_check::RULE,
    &restricted_incoming_traffic::RULE,
    &s3_bucket_level_public_access_prohibited::RULE,
    &s3_bucket_ssl_requests_only::RULE,
    &vpc_flow_logs_enabled::RULE,
];

/// The rule with this `SourceIdentifier`.
pub(super) fn find(identifier: &str) -> Option<&'static ManagedRule> {
    RULES.into_iter().find(|rule| rule.identifier == identifier)
}

/// `COMPLIANT` or `NON_COMPLIANT`.
fn compliant_if(holds: bool) -> Compliance {
    if holds { Compliance::Compliant } else { Compliance::NonCompliant }
}

/// The items of a comma-separated parameter.
fn csv<'a>(parameters: &'a Parameters, name: &str) -> impl Iterator<Item = &'a str> {
    parameters
        .get(name)
        .into_iter()
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}
