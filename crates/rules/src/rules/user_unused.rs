//! IAM users that nobody has signed in as for a long time.

use serde_json::{Value, json};

use super::role_unused::is_shut;
use crate::{
    Case, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, api,
    case::{text, time},
};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(400),
    default: "90",
    docs: "how many whole days a user may be unused",
};

pub(super) const RULE: Rule = Rule {
    name: "user-unused",
    title: "IAM user has not been used for days",
    docs: "The last use is the latest of the last sign-in with the password and the last use of an access key; a user that was never used counts from \
           its creation. Active keys younger than the limit count as use. A user that has the policy `AWSDenyAll` can do nothing any more, which is what the control does.",
    resource_type: "AWS::IAM::User",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs,
    judge,
};

/// First the user and its keys, then each key's last use.
fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    let Some(name) = name(case).filter(|_| !is_shut(case.item)) else { return Vec::new() };
    let of_user = |name: &str| json!({"UserName": name});
    let mut needs = vec![
        ("user".to_owned(), Need::Read { api: &api::USER, parameters: of_user(name) }),
        ("keys".to_owned(), Need::Read { api: &api::ACCESS_KEYS, parameters: of_user(name) }),
    ];
    for key in case.facts.all("keys").iter().filter_map(|key| text(key, "AccessKeyId")) {
        let parameters = json!({"AccessKeyId": key});
        needs.push((format!("key {key}"), Need::Read { api: &api::ACCESS_KEY_LAST_USED, parameters }));
    }
    needs
}

fn name<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    case.item.text("userName").or(case.item.name.as_deref())
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    if is_shut(case.item) {
        return Ok(Verdict::Compliant);
    }
    name(case).ok_or_else(|| Unjudged("the configuration item has no `userName`".to_owned()))?;
    let Some(user) = case.fact("user")?.first() else {
        return Ok(Verdict::not_applicable("the user is gone"));
    };
    let keys = case.fact("keys")?;
    let mut times = vec![time(user, "PasswordLastUsed")];
    for key in keys {
        let id = text(key, "AccessKeyId").unwrap_or_default();
        times
            .push(case.fact(&format!("key {id}"))?.first().and_then(|key: &Value| time(key, "LastUsedDate")));
        if text(key, "Status") == Some("Active") {
            times.push(time(key, "CreateDate"));
        }
    }
    let created = time(user, "CreateDate").or_else(|| case.item.time("createDate"));
    let last = times
        .into_iter()
        .flatten()
        .chain(created)
        .max()
        .ok_or_else(|| Unjudged("IAM says neither when it was used nor when it was made".to_owned()))?;
    let (days, allowed) = (case.days_since(last), case.parameters.count(&DAYS));
    Ok(if days < allowed {
        Verdict::Compliant
    } else {
        let keys = keys.iter().filter(|key| text(key, "Status") == Some("Active")).count();
        Verdict::non_compliant(format!(
            "not used for {days} days, with {keys} active access keys; {allowed} are allowed"
        ))
    })
}
