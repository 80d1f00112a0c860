//! EC2 instances that people can only log in to with a key, because Session Manager does not reach them.

use serde_json::json;

use crate::{Case, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, api, case::text};

const FORBID_KEY_PAIR: Parameter = Parameter {
    name: "forbidKeyPair",
    kind: Kind::Flag,
    default: "false",
    docs: "whether a key pair makes an instance non-compliant even where Session Manager reaches it. A key pair can't be taken \
           from an instance; only a new instance is without one",
};

const GRACE_HOURS: Parameter = Parameter {
    name: "graceHours",
    kind: Kind::Count(720),
    default: "1",
    docs: "how many hours after its launch a running instance with a profile has to report to Session Manager",
};

pub(super) const RULE: Rule = Rule {
    name: "instance-without-session-manager",
    title: "EC2 instance is out of Session Manager's reach",
    docs: "An instance is within reach if Systems Manager lists it as online, whatever gives it the permission (an instance \
           profile or Default Host Management Configuration). A stopped instance can't be online: it is judged by its profile alone. The \
           annotation says whether there is a key pair. \
           See <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-prerequisites.html>.",
    resource_type: "AWS::EC2::Instance",
    listing: Listing::Recorded,
    parameters: &[&FORBID_KEY_PAIR, &GRACE_HOURS],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if case.item.text("state.name") != Some("running") {
        return Vec::new();
    }
    // All of them in one read, rather than one read for each instance of a periodic evaluation.
    vec![(
        "managed".to_owned(),
        Need::Read { api: &api::MANAGED_INSTANCES, parameters: json!({"MaxResults": 50}) },
    )]
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let item = case.item;
    let key = item.text("keyName").map_or_else(String::new, |key| format!("; it has the key pair `{key}`"));
    let has_profile = item.get("iamInstanceProfile").is_some();
    let within_reach = match item.required("state.name")? {
        "running" => {
            let online = case.fact("managed")?.iter().any(|instance| {
                text(instance, "InstanceId") == Some(item.id.as_str())
                    && text(instance, "PingStatus") == Some("Online")
            });
            let hours = item.time("launchTime").map_or(u32::MAX, |launched| {
                u32::try_from(case.now.as_second().saturating_sub(launched.as_second()) / 3600).unwrap_or(0)
            });
            online || (has_profile && hours < case.parameters.count(&GRACE_HOURS))
        }
        "stopped" | "stopping" => has_profile,
        "pending" => return Ok(Verdict::not_applicable("the instance is starting")),
        _ => return Ok(Verdict::not_applicable("the instance is terminated")),
    };
    if !within_reach {
        let why = if has_profile {
            "it has an instance profile, but is not online in Systems Manager"
        } else {
            "it has no instance profile and is not online in Systems Manager"
        };
        return Ok(Verdict::non_compliant(format!("{why}{key}")));
    }
    Ok(if case.parameters.flag(&FORBID_KEY_PAIR) && !key.is_empty() {
        Verdict::non_compliant(format!("Session Manager reaches it{key}"))
    } else {
        Verdict::Compliant
    })
}
