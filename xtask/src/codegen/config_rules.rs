//! The AWS Config rules that detect.

use super::{
    definition::{ConfigRule, Definition, Trigger},
    template::{logical, prefixed, template},
    yaml::{Yaml, list, map, reference, text},
};

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
    let rules = controls
        .iter()
        .filter_map(|control| Some((control, control.config_rules.iter().find(|rule| rule.deploy)?)))
        .map(|(control, rule)| (format!("{}Rule", logical(&control.id)), resource(control, rule)));
    template(
        "Plumb: the AWS Config rules that detect",
        vec![("Frequency", frequency)],
        vec![],
        rules.collect(),
        vec![],
    )
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
        Trigger::Change => {
            ("Scope", map([("ComplianceResourceTypes", list([text(&control.resource_type)]))]))
        }
        Trigger::Periodic => ("MaximumExecutionFrequency", reference("Frequency")),
    });
    map([("Type", text("AWS::Config::ConfigRule")), ("Properties", map(properties))])
}
