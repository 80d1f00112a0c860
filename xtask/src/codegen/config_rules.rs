//! The AWS Config rules that detect: AWS's managed ones, and Plumb's own, which the function `evaluate` judges.

use super::{
    definition::{ConfigRule, CustomRule, CustomTrigger, Definition, Trigger},
    template::{logical, parameter, prefixed, template},
    yaml::{Yaml, list, map, reference, sub, text},
};

/// The resource that lets AWS Config invoke the function.
const PERMISSION: &str = "EvaluatePermission";

/// `infra/generated/config-rules.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let frequency = map([
        ("Type", text("String")),
        ("Description", text("How often AWS Config evaluates the rules that no change triggers")),
        (
            "AllowedValues",
            list(["One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours", "TwentyFour_Hours"].map(text)),
        ),
        ("Default", text("TwentyFour_Hours")),
    ]);
    let mut conditions: Vec<(String, Yaml)> = Vec::new();
    let mut resources = vec![(PERMISSION.to_owned(), permission())];
    let parameters = vec![
        ("Frequency", frequency),
        ("Without", without()),
        ("EvaluateFunctionArn", parameter("The function that judges Plumb's own rules")),
    ];
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
    template(
        "Plumb: the AWS Config rules that detect",
        parameters,
        conditions.iter().map(|(name, condition)| (name.as_str(), condition.clone())).collect(),
        resources,
        vec![],
    )
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

fn custom_resource(control: &Definition, custom: &CustomRule) -> Yaml {
    let message = |kind: &str| {
        vec![("EventSource", text("aws.config")), ("MessageType", text(format!("{kind}Notification")))]
    };
    let changes = [message("ConfigurationItemChange"), message("OversizedConfigurationItemChange")];
    let mut schedule = message("Scheduled");
    schedule.push(("MaximumExecutionFrequency", reference("Frequency")));
    let details = match custom.trigger {
        CustomTrigger::Change => changes.to_vec(),
        CustomTrigger::Periodic => vec![schedule],
        CustomTrigger::Both => changes.into_iter().chain([schedule]).collect(),
    };
    let source = map([
        ("Owner", text("CUSTOM_LAMBDA")),
        ("SourceIdentifier", reference("EvaluateFunctionArn")),
        ("SourceDetails", list(details.into_iter().map(map))),
    ]);
    let rule = ("rule", text(&custom.rule));
    let parameters = custom.parameters.iter().map(|(name, value)| (name.as_str(), text(value)));
    let mut properties = vec![
        ("ConfigRuleName", prefixed(&control.id)),
        ("Description", text(&control.title)),
        ("Source", source),
        ("InputParameters", map([rule].into_iter().chain(parameters))),
    ];
    if custom.trigger != CustomTrigger::Periodic {
        properties.push(("Scope", scope(control)));
    }
    map([
        ("Type", text("AWS::Config::ConfigRule")),
        ("Condition", text(wanted(control))),
        ("DependsOn", text(PERMISSION)),
        ("Properties", map(properties)),
    ])
}

fn scope(control: &Definition) -> Yaml {
    map([("ComplianceResourceTypes", list([text(&control.resource_type)]))])
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
        Trigger::Change => ("Scope", scope(control)),
        Trigger::Periodic => ("MaximumExecutionFrequency", reference("Frequency")),
    });
    map([
        ("Type", text("AWS::Config::ConfigRule")),
        ("Condition", text(wanted(control))),
        ("Properties", map(properties)),
    ])
}
