//! The policy's delivery by AWS AppConfig, with the published schema as its validator.

use std::error::Error;

use serde_json::{Value, json};

use super::{
    template::{boundary, boundary_condition, parameter, role_parameters, template},
    yaml::{Yaml, list, map, reference, sub, text},
};

const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

/// AppConfig's validator reads [JSON Schema 4](https://docs.aws.amazon.com/appconfig/latest/userguide/appconfig-creating-configuration-and-profile-validators.html),
/// of which the published schema is one but for its name.
fn validator() -> Result<String, Box<dyn Error>> {
    let mut schema: Value = serde_json::from_str(SCHEMA)?;
    plain(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    }
    Ok(serde_json::to_string_pretty(&schema)?)
}

/// Without what only tells people something.
fn plain(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else { return };
    for name in ["description", "examples", "default", "title"] {
        map.remove(name);
    }
    for (name, value) in map.iter_mut() {
        match name.as_str() {
            "properties" | "definitions" => {
                value.as_object_mut().into_iter().flat_map(|fields| fields.values_mut()).for_each(plain);
            }
            "items" | "additionalProperties" => plain(value),
            _ => {}
        }
    }
}

/// `infra/generated/policy.yaml`.
pub(crate) fn generate() -> Result<String, Box<dyn Error>> {
    let id = |what: &str| map([("Value", reference(what))]);
    Ok(template(
        "Plumb: the policy, delivered by AWS AppConfig",
        [
            vec![
                ("Policy", parameter("What Plumb may do, as JSON")),
                ("AlarmArn", parameter("ARN of the alarm that rolls a policy back")),
            ],
            role_parameters(),
        ]
        .concat(),
        vec![boundary_condition()],
        resources(validator()?).into_iter().map(|(name, resource)| (name.to_owned(), resource)).collect(),
        vec![
            ("Application", id("Application")),
            ("Environment", id("Environment")),
            ("Profile", id("Profile")),
            ("Gradual", id("Gradual")),
            ("AtOnce", id("AtOnce")),
        ],
    ))
}

fn resources(validator: String) -> Vec<(&'static str, Yaml)> {
    let application = || ("ApplicationId", reference("Application"));
    let profile = || ("ConfigurationProfileId", reference("Profile"));
    let monitor = map([("AlarmArn", reference("AlarmArn")), ("AlarmRoleArn", get("AlarmRole.Arn"))]);
    vec![
        (
            "Application",
            resource(
                "AWS::AppConfig::Application",
                vec![("Name", reference("Prefix")), ("Description", text("What Plumb may do"))],
            ),
        ),
        (
            "Environment",
            resource(
                "AWS::AppConfig::Environment",
                vec![
                    application(),
                    ("Name", text("live")),
                    ("Description", text("What the functions go by")),
                    ("Monitors", list([monitor])),
                ],
            ),
        ),
        (
            "Profile",
            resource(
                "AWS::AppConfig::ConfigurationProfile",
                vec![
                    application(),
                    ("Name", text("policy")),
                    ("Description", text("The policy, as JSON; docs/policy.md")),
                    ("LocationUri", text("hosted")),
                    ("Type", text("AWS.Freeform")),
                    (
                        "Validators",
                        list([map([("Type", text("JSON_SCHEMA")), ("Content", text(validator))])]),
                    ),
                ],
            ),
        ),
        (
            "Gradual",
            strategy(
                "gradual",
                "Over ten minutes, then half an hour in which an alarm rolls it back",
                (10, 20, 30),
            ),
        ),
        ("AtOnce", strategy("at-once", "To everybody at once: for the emergency stop", (0, 100, 0))),
        (
            "Version",
            map([
                ("Type", text("AWS::AppConfig::HostedConfigurationVersion")),
                // What a roll-back returns to.
                ("UpdateReplacePolicy", text("Retain")),
                ("DeletionPolicy", text("Delete")),
                (
                    "Properties",
                    map([
                        application(),
                        profile(),
                        ("Content", reference("Policy")),
                        ("ContentType", text("application/json")),
                        ("Description", text("From the stack's parameter Policy")),
                    ]),
                ),
            ]),
        ),
        (
            "Deployment",
            resource(
                "AWS::AppConfig::Deployment",
                vec![
                    application(),
                    ("EnvironmentId", reference("Environment")),
                    profile(),
                    ("ConfigurationVersion", reference("Version")),
                    ("DeploymentStrategyId", reference("Gradual")),
                ],
            ),
        ),
        ("AlarmRole", alarm_role()),
    ]
}

fn resource(kind: &str, properties: Vec<(&'static str, Yaml)>) -> Yaml {
    map([("Type", text(kind)), ("Properties", map(properties))])
}

/// How long it takes to reach everybody, in which steps, and how long an alarm can still roll it back.
fn strategy(name: &str, description: &str, (minutes, percent, bake): (i64, i64, i64)) -> Yaml {
    resource(
        "AWS::AppConfig::DeploymentStrategy",
        vec![
            ("Name", sub(format!("${{Prefix}}-{name}"))),
            ("Description", text(description)),
            ("DeploymentDurationInMinutes", Yaml::Integer(minutes)),
            ("GrowthType", text("LINEAR")),
            ("GrowthFactor", Yaml::Integer(percent)),
            ("FinalBakeTimeInMinutes", Yaml::Integer(bake)),
            ("ReplicateTo", text("NONE")),
        ],
    )
}

/// AppConfig looks at the alarm as this role.
fn alarm_role() -> Yaml {
    let statement = |body: Vec<(&'static str, Yaml)>| {
        map([("Version", text("2012-10-17")), ("Statement", list([map(body)]))])
    };
    map([
        ("Type", text("AWS::IAM::Role")),
        (
            "Properties",
            map([
                ("Description", text("AppConfig's look at the alarm that rolls a policy back")),
                (
                    "AssumeRolePolicyDocument",
                    statement(vec![
                        ("Effect", text("Allow")),
                        ("Principal", map([("Service", text("appconfig.amazonaws.com"))])),
                        ("Action", text("sts:AssumeRole")),
                        (
                            "Condition",
                            map([(
                                "StringEquals",
                                map([("aws:SourceAccount", reference("AWS::AccountId"))]),
                            )]),
                        ),
                    ]),
                ),
                ("Path", reference("RolePath")),
                boundary(),
                (
                    "Policies",
                    list([map([
                        ("PolicyName", text("alarm")),
                        (
                            "PolicyDocument",
                            // DescribeAlarms has no resource level.
                            statement(vec![
                                ("Effect", text("Allow")),
                                ("Action", text("cloudwatch:DescribeAlarms")),
                                ("Resource", text("*")),
                            ]),
                        ),
                    ])]),
                ),
            ]),
        ),
    ])
}

fn get(attribute: &str) -> Yaml {
    map([("Fn::GetAtt", list(attribute.split('.').map(text)))])
}
