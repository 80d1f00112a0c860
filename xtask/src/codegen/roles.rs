//! One role per control, which both of its documents assume: exactly the actions that they call.

use std::collections::BTreeSet;

use super::{
    definition::{Definition, Permission},
    template::{boundary, boundary_condition, logical, role_parameters, tags, template},
    tree::Located,
    yaml::{Yaml, list, map, reference, sub, text},
};

/// `infra/generated/roles.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    template(
        "Plumb: the roles that its runbooks assume, one per control",
        role_parameters(),
        vec![boundary_condition()],
        controls.iter().map(|control| (format!("{}Role", logical(&control.id)), role(control))).collect(),
        vec![],
    )
}

/// The planner computes the role's ARN, so its name is given. The Region is in it because IAM's names are the account's
/// and a stack is a Region's.
pub(crate) fn role(control: &Definition) -> Yaml {
    let policy = map([
        ("PolicyName", text("runbook")),
        ("PolicyDocument", map([("Version", text("2012-10-17")), ("Statement", statements(control))])),
    ]);
    map([
        ("Type", text("AWS::IAM::Role")),
        (
            "Properties",
            map([
                ("RoleName", sub(format!("${{Prefix}}-${{AWS::Region}}-{}", control.id))),
                ("Description", text(format!("Plumb's runbooks for {}: {}", control.id, control.title))),
                ("AssumeRolePolicyDocument", trust()),
                ("Path", reference("RolePath")),
                boundary(),
                ("Policies", list([policy])),
                ("Tags", tags(&control.id)),
            ]),
        ),
    ])
}

/// Only SSM, only for executions of this account and Region.
fn trust() -> Yaml {
    let execution = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:automation-execution/*";
    let condition = map([
        ("StringEquals", map([("aws:SourceAccount", reference("AWS::AccountId"))])),
        ("ArnLike", map([("aws:SourceArn", sub(execution))])),
    ]);
    let statement = map([
        ("Effect", text("Allow")),
        ("Principal", map([("Service", text("ssm.amazonaws.com"))])),
        ("Action", text("sts:AssumeRole")),
        ("Condition", condition),
    ]);
    map([("Version", text("2012-10-17")), ("Statement", list([statement]))])
}

/// One statement for all actions that share resources and conditions.
fn statements(control: &Definition) -> Yaml {
    let mut groups: Vec<(&Permission, BTreeSet<&str>)> = Vec::new();
    for permission in &control.iam {
        let same = |other: &Permission| {
            other.resources == permission.resources
                && other.conditions.as_ref().map(Yaml::from) == permission.conditions.as_ref().map(Yaml::from)
        };
        match groups.iter_mut().find(|(first, _)| same(first)) {
            Some((_, actions)) => {
                actions.insert(&permission.action);
            }
            None => groups.push((permission, BTreeSet::from([permission.action.as_str()]))),
        }
    }
    list(groups.into_iter().map(|(permission, actions)| statement(permission, &actions)))
}

fn statement(permission: &Permission, actions: &BTreeSet<&str>) -> Yaml {
    let mut entries = vec![
        ("Effect", text("Allow")),
        ("Action", list(actions.iter().copied().map(text))),
        ("Resource", list(permission.resources.iter().map(|resource| with_variables(resource)))),
    ];
    if let Some(conditions) = &permission.conditions {
        entries.push(("Condition", conditions_with_variables(conditions)));
    }
    map(entries)
}

fn with_variables(value: &str) -> Yaml {
    if value.contains("${") { sub(value) } else { text(value) }
}

fn conditions_with_variables(located: &Located) -> Yaml {
    match Yaml::from(located) {
        Yaml::Map(entries) => map(entries.into_iter().map(|(key, value)| (key, substitute(value)))),
        other => other,
    }
}

fn substitute(value: Yaml) -> Yaml {
    match value {
        Yaml::Text(value) => with_variables(&value),
        Yaml::List(items) => list(items.into_iter().map(substitute)),
        Yaml::Map(entries) => map(entries.into_iter().map(|(key, value)| (key, substitute(value)))),
        other => other,
    }
}
