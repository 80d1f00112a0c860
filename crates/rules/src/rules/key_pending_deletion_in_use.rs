//! KMS keys that are about to take somebody's data with them.

use serde_json::json;

use crate::{Case, Listing, Need, Rule, Unjudged, Verdict, api, case::text};

/// Where AWS Config's items name the key that encrypts them.
const WHERE_NAMED: [&str; 3] =
    ["configuration.kmsKeyId", "configuration.kmsMasterKeyId", "configuration.kmsKeyArn"];

pub(super) const RULE: Rule = Rule {
    name: "key-pending-deletion-in-use",
    title: "KMS key is pending deletion and still in use",
    docs: "A key is in use if it has a grant, or if a resource that AWS Config records says that it is encrypted with it. Nothing can be decrypted \
           after the deletion. That nobody is found does not prove that nobody uses it: objects in S3, for one, name their key \
           themselves. See <https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html>.",
    resource_type: "AWS::KMS::Key",
    listing: Listing::Recorded,
    parameters: &[],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if !is_pending(case) {
        return Vec::new();
    }
    let grants = Need::Read { api: &api::GRANTS, parameters: json!({"KeyId": case.item.id, "Limit": 100}) };
    let mut needs = vec![("grants".to_owned(), grants)];
    // An ARN holds no quote; one that does names nothing and must not become a part of the query.
    if let Some(arn) = arn(case).filter(|arn| !arn.contains(['\'', '"', '\\'])) {
        needs.extend(WHERE_NAMED.iter().map(|member| {
            (
                format!("by {member}"),
                Need::Query(format!("SELECT resourceType, resourceId WHERE {member} = '{arn}'")),
            )
        }));
    }
    needs
}

fn is_pending(case: &Case<'_>) -> bool {
    matches!(case.item.text("keyState"), Some("PendingDeletion" | "PendingReplicaDeletion"))
}

fn arn<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    case.item.text("arn").or(case.item.arn.as_deref())
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    case.item.required("keyState")?;
    if !is_pending(case) {
        return Ok(Verdict::Compliant);
    }
    arn(case).ok_or_else(|| Unjudged("the configuration item has no `arn`".to_owned()))?;
    let mut users: Vec<String> = Vec::new();
    for member in WHERE_NAMED {
        for row in case.fact(&format!("by {member}"))? {
            let kind = text(row, "resourceType").unwrap_or("a resource");
            users.push(format!("{kind} {}", text(row, "resourceId").unwrap_or_default()));
        }
    }
    let grants = case.fact("grants")?.len();
    if grants > 0 {
        users.push(format!("{grants} grants"));
    }
    users.dedup();
    Ok(if users.is_empty() {
        Verdict::Compliant
    } else {
        Verdict::non_compliant(format!("pending deletion, and used by {}", users.join(", ")))
    })
}
