//! Which IAM actions an API call needs: usually the one of its own name.

use std::collections::BTreeSet;

use crate::calls::LoggedCall;

/// Service and API whose IAM action has another name.
const RENAMED: &[(&str, &str, &str)] = &[
    ("s3", "CompleteMultipartUpload", "s3:PutObject"),
    ("s3", "CreateMultipartUpload", "s3:PutObject"),
    ("s3", "DeleteBucketCors", "s3:PutBucketCORS"),
    ("s3", "DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3", "DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    ("s3", "DeleteBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    ("s3", "DeleteBucketReplication", "s3:PutReplicationConfiguration"),
    ("s3", "DeleteBucketTagging", "s3:PutBucketTagging"),
    ("s3", "DeleteObjects", "s3:DeleteObject"),
    ("s3", "DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("s3", "GetBucketCors", "s3:GetBucketCORS"),
    ("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3", "GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("s3", "GetBucketNotificationConfiguration", "s3:GetBucketNotification"),
    ("s3", "GetBucketReplication", "s3:GetReplicationConfiguration"),
    ("s3", "GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
    ("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3", "HeadBucket", "s3:ListBucket"),
    ("s3", "HeadObject", "s3:GetObject"),
    ("s3", "ListBuckets", "s3:ListAllMyBuckets"),
    ("s3", "ListObjects", "s3:ListBucket"),
    ("s3", "ListObjectsV2", "s3:ListBucket"),
    ("s3", "ListObjectVersions", "s3:ListBucketVersions"),
    ("s3", "PutBucketCors", "s3:PutBucketCORS"),
    ("s3", "PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3", "PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    ("s3", "PutBucketNotificationConfiguration", "s3:PutBucketNotification"),
    ("s3", "PutBucketReplication", "s3:PutReplicationConfiguration"),
    ("s3", "PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"),
    ("s3", "PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("s3", "UploadPart", "s3:PutObject"),
];

/// IAM actions that AWS checks for a member of another action's call: the action, the call, the member.
const ALONG: &[(&str, &str, &str, &str)] = &[
    ("ec2:CreateTags", "ec2", "AllocateAddress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "AuthorizeSecurityGroupIngress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateFlowLogs", "TagSpecifications"),
    ("iam:PassRole", "ec2", "CreateFlowLogs", "DeliverLogsPermissionArn"),
    ("iam:TagRole", "iam", "CreateRole", "Tags"),
    ("logs:TagResource", "logs", "CreateLogGroup", "tags"),
];

/// The IAM action of an API call's own.
pub(super) fn action(service: &str, api: &str) -> String {
    RENAMED
        .iter()
        .find(|(of, name, _)| *of == service && *name == api)
        .map_or_else(|| format!("{service}:{api}"), |(_, _, action)| (*action).to_owned())
}

/// The IAM actions that calls needed, those along with another's included where the documents give the member.
pub(super) fn needed(calls: &[LoggedCall], documents: &[&str]) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> =
        calls.iter().map(|call| action(&call.service, &call.operation)).collect();
    for (along, service, api, member) in ALONG {
        let called = calls.iter().any(|call| call.service == *service && call.operation == *api);
        if called && documents.iter().any(|document| gives(document, member)) {
            needed.insert((*along).to_owned());
        }
    }
    needed
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
    fn an_api_has_its_own_action_unless_it_is_known_by_another() {
        assert_eq!(action("s3", "DeletePublicAccessBlock"), "s3:PutBucketPublicAccessBlock");
        assert_eq!(action("s3", "GetBucketPolicy"), "s3:GetBucketPolicy");
        assert_eq!(action("kms", "EnableKeyRotation"), "kms:EnableKeyRotation");
    }

    #[test]
    fn a_member_is_given_by_its_whole_name() {
        assert!(gives("  Tags:\n", "Tags"));
        assert!(gives("iam.create_role(Tags=[])", "Tags"));
        assert!(gives("{'tags': {}}", "tags"));
        assert!(!gives("ResourceTags: x", "Tags"));
        assert!(!gives("Tagsy: x", "Tags"));
    }
}
