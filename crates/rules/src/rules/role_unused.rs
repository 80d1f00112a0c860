//! IAM roles that nobody has assumed for a long time.

use serde_json::json;

use crate::{
    Case, Item, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, api,
    case::{text, time},
};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(400),
    default: "90",
    docs: "how many whole days a role may be unused. IAM keeps 400 days",
};

/// AWS's policy that denies everything, by which the control shuts a role or user.
const DENY: &str = "AWSDenyAll";

/// Whether a role or user can do nothing any more.
pub(super) fn is_shut(item: &Item) -> bool {
    item.list("attachedManagedPolicies").iter().any(|policy| text(policy, "policyName") == Some(DENY))
}

pub(super) const RULE: Rule = Rule {
    name: "role-unused",
    title: "IAM role has not been used for days",
    docs: "The last use is what IAM says in `RoleLastUsed`; a role that was never used counts from its creation. Service-linked roles belong to \
           AWS. A role with the policy `AWSDenyAll` can do nothing any more, which is what the control does. \
           See <https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html>.",
    resource_type: "AWS::IAM::Role",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    match (settled(case), name(case)) {
        (None, Some(name)) => {
            vec![("role".to_owned(), Need::Read { api: &api::ROLE, parameters: json!({"RoleName": name}) })]
        }
        _ => Vec::new(),
    }
}

fn name<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    case.item.text("roleName").or(case.item.name.as_deref())
}

/// What is clear from the item alone.
fn settled(case: &Case<'_>) -> Option<Verdict> {
    if case.item.text("path").is_some_and(|path| path.starts_with("/aws-service-role/")) {
        return Some(Verdict::not_applicable("a service-linked role belongs to AWS"));
    }
    is_shut(case.item).then_some(Verdict::Compliant)
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if let Some(verdict) = settled(case) {
        return Ok(verdict);
    }
    name(case).ok_or_else(|| Unjudged("the configuration item has no `roleName`".to_owned()))?;
    let Some(role) = case.fact("role")?.first() else {
        return Ok(Verdict::not_applicable("the role is gone"));
    };
    let used = time(role, "RoleLastUsed.LastUsedDate");
    let created = time(role, "CreateDate").or_else(|| case.item.time("createDate"));
    let last = used
        .or(created)
        .ok_or_else(|| Unjudged("IAM says neither when it was used nor when it was made".to_owned()))?;
    let (days, allowed) = (case.days_since(last), case.parameters.count(&DAYS));
    Ok(if days < allowed {
        Verdict::Compliant
    } else if used.is_some() {
        Verdict::non_compliant(format!("last used {days} days ago; {allowed} are allowed"))
    } else {
        Verdict::non_compliant(format!("not used since it was made {days} days ago; {allowed} are allowed"))
    })
}
