//! Which IAM actions an API call needs: usually the one of its own name.

use std::collections::BTreeSet;

use plumb_automation::iam::actions_of;

use crate::calls::LoggedCall;

/// IAM actions that AWS checks for a member of another action's call: the action, the call, the member.
const ALONG: &[(&str, &str, &str, &str)] = &[
    ("ec2:CreateTags", "ec2", "AllocateAddress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "AuthorizeSecurityGroupIngress", "TagSpecifications"),
    ("ec2:CreateTags", "ec2", "CreateFlowLogs", "TagSpecifications"),
    ("iam:PassRole", "ec2", "CreateFlowLogs", "DeliverLogsPermissionArn"),
    ("iam:TagRole", "iam", "CreateRole", "Tags"),
    ("logs:TagResource", "logs", "CreateLogGroup", "tags"),
];

/// The IAM actions that calls needed, those along with another's included where the documents give the member.
pub(super) fn needed(calls: &[LoggedCall], documents: &[&str]) -> BTreeSet<String> {
    let mut needed: BTreeSet<String> =
        calls.iter().flat_map(|call| actions_of(&call.service, &call.operation)).collect();
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
    fn a_member_is_given_by_its_whole_name() {
        assert!(gives("  Tags:\n", "Tags"));
        assert!(gives("iam.create_role(Tags=[])", "Tags"));
        assert!(gives("{'tags': {}}", "tags"));
        assert!(!gives("ResourceTags: x", "Tags"));
        assert!(!gives("Tagsy: x", "Tags"));
    }
}
