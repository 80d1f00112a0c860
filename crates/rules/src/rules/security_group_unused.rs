//! Security groups that nothing uses, until somebody does by mistake.

use serde_json::{Value, json};

use crate::{
    Case, Listing, Need, Rule, Unjudged, Verdict, api,
    case::{list, text},
};

pub(super) const RULE: Rule = Rule {
    name: "security-group-unused",
    title: "Security group is used by nothing",
    docs: "Whatever runs in a VPC has a network interface, so a group is used if one carries it. It is also used if a rule of another \
           group names it, or the latest or default version of a launch template. The groups named `default` can't be deleted and are \
           left alone.",
    resource_type: "AWS::EC2::SecurityGroup",
    listing: Listing::Recorded,
    parameters: &[],
    needs,
    judge,
};

fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if is_default(case) {
        return Vec::new();
    }
    // Everything at once: cheaper than three calls a group when all groups are judged.
    [
        ("interfaces", &api::NETWORK_INTERFACES, json!({"MaxResults": "1000"})),
        ("groups", &api::SECURITY_GROUPS, json!({"MaxResults": "1000"})),
        (
            "templates",
            &api::LAUNCH_TEMPLATE_VERSIONS,
            json!({"LaunchTemplateVersion": ["$Latest", "$Default"]}),
        ),
    ]
    .into_iter()
    .map(|(name, api, parameters)| (name.to_owned(), Need::Read { api, parameters }))
    .collect()
}

fn is_default(case: &Case<'_>) -> bool {
    case.item.text("groupName") == Some("default")
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    case.item.required("groupName")?;
    if is_default(case) {
        return Ok(Verdict::not_applicable("a VPC's default group can't be deleted"));
    }
    let id = case.item.id.as_str();
    let carries = |interface: &Value| {
        list(interface, "groupSet").iter().any(|group| text(group, "groupId") == Some(id))
    };
    let names = |group: &Value| {
        text(group, "groupId") != Some(id)
            && ["ipPermissions", "ipPermissionsEgress"]
                .iter()
                .flat_map(|rules| list(group, rules))
                .flat_map(|rule| list(rule, "groups"))
                .any(|other| text(other, "groupId") == Some(id))
    };
    let used = case.fact("interfaces")?.iter().any(carries)
        || case.fact("groups")?.iter().any(names)
        || case.fact("templates")?.iter().any(|template| starts_with_group(template, id));
    Ok(if used {
        Verdict::Compliant
    } else {
        Verdict::non_compliant("no network interface, rule of another group or launch template uses it")
    })
}

fn starts_with_group(template: &Value, id: &str) -> bool {
    let named = |at: &Value| list(at, "securityGroupIdSet").iter().any(|group| group.as_str() == Some(id));
    let data = template.get("launchTemplateData").unwrap_or(&Value::Null);
    named(data)
        || list(data, "networkInterfaceSet").iter().any(|interface| {
            list(interface, "groupSet")
                .iter()
                .any(|group| group.as_str() == Some(id) || text(group, "groupId") == Some(id))
        })
}
