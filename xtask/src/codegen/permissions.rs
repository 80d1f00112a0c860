//! What a control's runbooks have to be allowed: derived from the documents by the engine, and what only a person knows.
//!
//! The engine reads which calls the documents make, and AWS's service reference says which actions and resources those are. What
//! stands in `control.yaml` is the rest, each with its reason: `iam_instead` takes the place of what is derived for an action,
//! `iam_extra` adds one that no call names.

use plumb_automation::{Document, iam::Policy};

use super::{
    definition::{Permission, Problem},
    tree::{Located, Node},
};

/// Services whose calls are answered in one Region for all.
const GLOBAL: [&str; 4] = ["cloudfront", "iam", "organizations", "route53"];

/// What a person adds to the derivation.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByHand {
    /// `iam_instead`.
    pub(crate) instead: Vec<Permission>,
    /// `iam_extra`.
    pub(crate) extra: Vec<Permission>,
}

/// The whole role, sorted by action. What is wrong with `by_hand` goes into `problems`.
pub(crate) fn derive(
    documents: &[Document],
    by_hand: &ByHand,
    file: &str,
    problems: &mut Vec<Problem>,
) -> Vec<Permission> {
    let derived = Policy::of(documents);
    let is_derived = |action: &str| derived.needs.iter().any(|need| need.action == action);
    let mut wrong = |permission: &Permission, what: String| {
        problems.push(Problem { file: file.to_owned(), line: permission.line, what });
    };
    for permission in &by_hand.instead {
        if !is_derived(&permission.action) {
            wrong(
                permission,
                format!(
                    "`{}` is not derived from the documents: it belongs to `iam_extra`, or nowhere",
                    permission.action
                ),
            );
        }
    }
    for permission in &by_hand.extra {
        if is_derived(&permission.action) {
            wrong(
                permission,
                format!(
                    "`{}` is derived from the documents: leave it out, or say what is different in `iam_instead`",
                    permission.action
                ),
            );
        }
    }
    for permission in by_hand.instead.iter().chain(&by_hand.extra).filter(|one| one.reason.is_none()) {
        wrong(permission, format!("`{}` is written by hand, so it needs a `reason`", permission.action));
    }
    let mut all = by_hand.extra.clone();
    for need in derived.needs {
        let mut instead = by_hand.instead.iter().filter(|one| one.action == need.action).cloned().peekable();
        if instead.peek().is_some() {
            all.extend(instead);
        } else {
            let conditions = conditions(&need.action, &need.resources);
            all.push(Permission {
                action: need.action,
                resources: need.resources,
                conditions,
                reason: need.scope,
                line: 1,
            });
        }
    }
    all.sort_by(|one, other| one.action.cmp(&other.action));
    all
}

/// What bounds an action whose resources do not: the Region where there is no resource, the account where the ARN has none.
fn conditions(action: &str, resources: &[String]) -> Option<Located> {
    let service = action.split(':').next().unwrap_or_default();
    let bound = if resources == ["*"] && !GLOBAL.contains(&service) {
        ("aws:RequestedRegion", "${AWS::Region}")
    } else if !resources.is_empty()
        && resources.iter().all(|arn| arn.starts_with("arn:${AWS::Partition}:s3:::"))
    {
        ("aws:ResourceAccount", "${AWS::AccountId}")
    } else {
        return None;
    };
    let located = |node| Located { line: 1, node };
    let key = located(Node::Map(vec![(bound.0.to_owned(), located(Node::Text(bound.1.to_owned())))]));
    Some(located(Node::Map(vec![("StringEquals".to_owned(), key)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "schemaVersion: '0.3'\nmainSteps:\n\
        - {name: A, action: 'aws:executeAwsApi', inputs: {Service: s3, Api: GetPublicAccessBlock, Bucket: b}}\n\
        - {name: B, action: 'aws:executeAwsApi', inputs: {Service: ec2, Api: DescribeVpcs}}\n\
        - {name: C, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: DescribeKey, KeyId: k}}\n";

    fn by_hand(action: &str, reason: Option<&str>) -> Permission {
        Permission {
            action: action.to_owned(),
            resources: vec!["arn:${AWS::Partition}:kms:::key/one".to_owned()],
            conditions: None,
            reason: reason.map(str::to_owned),
            line: 7,
        }
    }

    fn derived(by_hand: &ByHand) -> (Vec<Permission>, Vec<String>) {
        let mut problems = Vec::new();
        let documents = [Document::parse(DOCUMENT).unwrap()];
        let all = derive(&documents, by_hand, "control.yaml", &mut problems);
        (all, problems.into_iter().map(|problem| format!("{}: {}", problem.line, problem.what)).collect())
    }

    #[test]
    fn a_role_follows_from_the_documents_and_what_has_no_bounds_gets_some() {
        let (all, problems) = derived(&ByHand::default());
        assert_eq!(problems, [""; 0]);
        let bound = |action: &str| {
            let permission = all.iter().find(|one| one.action == action).unwrap();
            permission.conditions.as_ref().map(|conditions| conditions.entries()[0].1.entries()[0].0.clone())
        };
        assert_eq!(all.len(), 3);
        assert_eq!(bound("ec2:DescribeVpcs").as_deref(), Some("aws:RequestedRegion"));
        assert_eq!(bound("s3:GetBucketPublicAccessBlock").as_deref(), Some("aws:ResourceAccount"));
        assert_eq!(bound("kms:DescribeKey"), None);
    }

    #[test]
    fn what_is_written_by_hand_replaces_or_adds_and_says_why() {
        let (all, problems) = derived(&ByHand {
            instead: vec![by_hand("kms:DescribeKey", Some("one key"))],
            extra: vec![by_hand("iam:PassRole", Some("a role"))],
        });
        assert_eq!(problems, [""; 0]);
        assert_eq!(all.len(), 4);
        let key = all.iter().find(|one| one.action == "kms:DescribeKey").unwrap();
        assert_eq!(key.resources, ["arn:${AWS::Partition}:kms:::key/one"]);
    }

    #[test]
    fn what_does_not_belong_where_it_stands_is_refused_with_its_line() {
        let (_, problems) = derived(&ByHand {
            instead: vec![by_hand("kms:EnableKey", Some("?"))],
            extra: vec![by_hand("kms:DescribeKey", None)],
        });
        assert_eq!(problems.len(), 3, "{problems:?}");
        for what in [
            "7: `kms:EnableKey` is not derived",
            "7: `kms:DescribeKey` is derived",
            "7: `kms:DescribeKey` is written by hand",
        ] {
            assert!(problems.iter().any(|problem| problem.starts_with(what)), "{what}: {problems:?}");
        }
    }
}
