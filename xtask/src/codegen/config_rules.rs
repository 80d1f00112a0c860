//! The AWS Config rules that detect: AWS's managed ones, and Plumb's and the users' own, which the function `evaluate` judges.

use super::{
    definition::{ConfigRule, CustomRule, CustomTrigger, Definition, Trigger},
    guard_policies::GuardPolicy,
    template::{logical, parameter, prefixed, template},
    yaml::{Yaml, list, map, reference, sub, text},
};

/// The resource that lets AWS Config invoke the function.
const PERMISSION: &str = "EvaluatePermission";

/// The condition under which the users' policies have AWS Config rules.
const WITH_GUARD: &str = "WithGuardPolicies";

/// `infra/generated/config-rules.yaml`.
pub(crate) fn generate(controls: &[Definition], policies: &[GuardPolicy]) -> String {
    let mut conditions: Vec<(String, Yaml)> = Vec::new();
    let mut resources = vec![(PERMISSION.to_owned(), permission())];
    let mut parameters = parameters();
    parameters.extend([
        ("EvaluateFunctionArn", parameter("The function that judges Plumb's own rules")),
        ("GuardPolicies", guard_policies()),
    ]);
    if !policies.is_empty() {
        let wanted = list([reference("GuardPolicies"), text("true")]);
        conditions.push((WITH_GUARD.to_owned(), map([("Fn::Equals", wanted)])));
    }
    for control in controls {
        let managed = control.config_rules.iter().find(|rule| rule.deploy);
        let resource = match (&control.custom_rule, managed) {
            (Some(custom), _) => custom_resource(control, custom),
            (None, Some(rule)) => resource(control, rule),
            (None, None) => continue,
        };
        conditions.push((wanted(control), is_wanted(control)));
        resources.push((format!("{}Rule", logical(&control.id)), resource));
    }
    for policy in policies {
        resources.push((format!("Guard{}Rule", logical(&policy.name)), guard_resource(policy)));
    }
    template(
        "Plumb: the AWS Config rules that detect",
        parameters,
        conditions.iter().map(|(name, condition)| (name.as_str(), condition.clone())).collect(),
        resources,
        vec![],
    )
}

/// A rule of AWS's own for a control, and the condition under which it is there.
pub(crate) struct Managed {
    pub(crate) logical_id: String,
    pub(crate) condition: String,
    pub(crate) wanted: Yaml,
    pub(crate) resource: Yaml,
}

/// The controls that a managed rule of AWS's detects, each with that rule: also where Plumb's own function would judge more
/// finely at home. `all` is the condition under which any are wanted.
pub(crate) fn managed(controls: &[Definition], all: &str) -> Vec<Managed> {
    let detected = controls.iter().filter_map(|control| {
        let rule = control.config_rules.iter().find(|rule| rule.deploy)?;
        let both = list([map([("Condition", text(all))]), is_wanted(control)]);
        Some(Managed {
            logical_id: format!("{}Rule", logical(&control.id)),
            condition: wanted(control),
            wanted: map([("Fn::And", both)]),
            resource: resource(control, rule),
        })
    });
    detected.collect()
}

/// The parameters that any of the rules' templates has.
pub(crate) fn parameters() -> Vec<(&'static str, Yaml)> {
    let frequency = map([
        ("Type", text("String")),
        ("Description", text("How often AWS Config evaluates the rules that no change triggers")),
        (
            "AllowedValues",
            list(["One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"].map(text)),
        ),
        ("Default", text("TwentyFour_Hours")),
    ]);
    vec![("Frequency", frequency), ("Without", without())]
}

fn without() -> Yaml {
    map([
        ("Type", text("String")),
        (
            "Description",
            text("Controls whose rule is not created: their ids, separated by commas, without spaces"),
        ),
        ("Default", text("")),
    ])
}

fn guard_policies() -> Yaml {
    map([
        ("Type", text("String")),
        (
            "Description",
            text(
                "Whether the policies in rules/ have AWS Config rules; the function has to be built with Guard",
            ),
        ),
        ("AllowedValues", list(["true", "false"].map(text))),
        ("Default", text("false")),
    ])
}

fn wanted(control: &Definition) -> String {
    format!("With{}", logical(&control.id))
}

/// CloudFormation has no "contains": a list that is split at an id and joined again is the same only if it lacks the id.
fn is_wanted(control: &Definition) -> Yaml {
    let list_of_all = || sub(",${Without},");
    let split = map([("Fn::Split", list([text(format!(",{},", control.id)), list_of_all()]))]);
    let joined = map([("Fn::Join", list([text(""), split]))]);
    map([("Fn::Equals", list([joined, list_of_all()]))])
}

/// AWS Config of this account, and nobody else, may invoke the function.
fn permission() -> Yaml {
    map([
        ("Type", text("AWS::Lambda::Permission")),
        (
            "Properties",
            map([
                ("Action", text("lambda:InvokeFunction")),
                ("FunctionName", reference("EvaluateFunctionArn")),
                ("Principal", text("config.amazonaws.com")),
                ("SourceAccount", reference("AWS::AccountId")),
            ]),
        ),
    ])
}

/// How AWS Config invokes the function: with this message.
fn message(kind: &str) -> Vec<(&'static str, Yaml)> {
    vec![("EventSource", text("aws.config")), ("MessageType", text(format!("{kind}Notification")))]
}

fn changes() -> [Vec<(&'static str, Yaml)>; 2] {
    [message("ConfigurationItemChange"), message("OversizedConfigurationItemChange")]
}

fn judged_by_evaluate(details: impl IntoIterator<Item = Vec<(&'static str, Yaml)>>) -> Yaml {
    map([
        ("Owner", text("CUSTOM_LAMBDA")),
        ("SourceIdentifier", reference("EvaluateFunctionArn")),
        ("SourceDetails", list(details.into_iter().map(map))),
    ])
}

fn guard_resource(policy: &GuardPolicy) -> Yaml {
    let mut properties = vec![
        ("ConfigRuleName", prefixed(&format!("guard-{}", policy.name))),
        ("Description", text(format!("The policy rules/{}.guard", policy.name))),
        ("Source", judged_by_evaluate(changes())),
        ("InputParameters", map([("guard", text(&policy.name))])),
    ];
    if let Some(kind) = &policy.resource_type {
        properties.push(("Scope", scope(kind)));
    }
    map([
        ("Type", text("AWS::Config::ConfigRule")),
        ("Condition", text(WITH_GUARD)),
        ("DependsOn", text(PERMISSION)),
        ("Properties", map(properties)),
    ])
}

fn custom_resource(control: &Definition, custom: &CustomRule) -> Yaml {
    let mut schedule = message("Scheduled");
    schedule.push(("MaximumExecutionFrequency", reference("Frequency")));
    let details = match custom.trigger {
        CustomTrigger::Change => changes().to_vec(),
        CustomTrigger::Periodic => vec![schedule],
        CustomTrigger::Both => changes().into_iter().chain([schedule]).collect(),
    };
    let rule = ("rule", text(&custom.rule));
    let parameters = custom.parameters.iter().map(|(name, value)| (name.as_str(), text(value)));
    let mut properties = vec![
        ("ConfigRuleName", prefixed(&control.id)),
        ("Description", text(&control.title)),
        ("Source", judged_by_evaluate(details)),
        ("InputParameters", map([rule].into_iter().chain(parameters))),
    ];
    if custom.trigger != CustomTrigger::Periodic {
        properties.push(("Scope", scope(&control.resource_type)));
    }
    map([
        ("Type", text("AWS::Config::ConfigRule")),
        ("Condition", text(wanted(control))),
        ("DependsOn", text(PERMISSION)),
        ("Properties", map(properties)),
    ])
}

fn scope(resource_type: &str) -> Yaml {
    map([("ComplianceResourceTypes", list([text(resource_type)]))])
}

fn resource(control: &Definition, rule: &ConfigRule) -> Yaml {
    let source = map([("Owner", text("AWS")), ("SourceIdentifier", text(&rule.identifier))]);
    let mut properties = vec![
        ("ConfigRuleName", prefixed(&control.id)),
        ("Description", text(&control.title)),
        ("Source", source),
    ];
    if !rule.parameters.is_empty() {
        let parameters = rule.parameters.iter().map(|(name, value)| (name.as_str(), text(value)));
        properties.push(("InputParameters", map(parameters)));
    }
    properties.push(match rule.trigger {
        Trigger::Change => ("Scope", scope(&control.resource_type)),
        Trigger::Periodic => ("MaximumExecutionFrequency", reference("Frequency")),
    });
    map([
        ("Type", text("AWS::Config::ConfigRule")),
        ("Condition", text(wanted(control))),
        ("Properties", map(properties)),
    ])
}
