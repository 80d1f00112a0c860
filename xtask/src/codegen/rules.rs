//! What the types can't say about one control: names that have to agree, and the runbook contract.

use plumb_model::{Mode, Reversibility};

use super::{
    definition::{CustomTrigger, Definition, Permission, Problem, Trigger},
    tree::Located,
};

/// A role's name holds the prefix (8), the longest Region (15) and the id, joined by hyphens, in 64 characters.
const LONGEST_ID: usize = 64 - 8 - 15 - 2;
/// SSM's limit for a document.
const LARGEST_DOCUMENT: usize = 64 * 1024;
const VALUES: [&str; 3] = ["{{resource.id}}", "{{resource.account}}", "{{resource.region}}"];

/// Adds to `problems` whatever is wrong with the control.
pub(crate) fn check(control: &Definition, problems: &mut Vec<Problem>) {
    let mut found = Found { folder: &control.folder, file: "control.yaml", problems };
    names(control, &mut found);
    detection(control, &mut found);
    safety(control, &mut found);
    for permission in &control.iam {
        iam(permission, &mut found);
    }
    repeated_actions(control, &mut found);
    filled_parameters(control, &mut found);

    found.file = "remediate.yaml";
    document(&control.remediate, "Fix", &mut found);
    outputs(&control.remediate, &mut found);
    found.file = "rollback.yaml";
    document(&control.rollback, "Restore", &mut found);
    rollback_parameters(control, &mut found);
}

struct Found<'a> {
    folder: &'a str,
    file: &'static str,
    problems: &'a mut Vec<Problem>,
}

impl Found<'_> {
    fn wrong(&mut self, line: u64, what: impl Into<String>) {
        let file = format!("{}/{}", self.folder, self.file);
        self.problems.push(Problem { file, line, what: what.into() });
    }

    fn ensure(&mut self, holds: bool, line: u64, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong(line, otherwise());
        }
    }
}

fn names(control: &Definition, found: &mut Found<'_>) {
    found.ensure(control.id.len() <= LONGEST_ID, 1, || {
        format!("the id is longer than {LONGEST_ID} characters, so the name of its role would not fit")
    });
    found.ensure(is_resource_type(&control.resource_type), 1, || {
        format!("`{}` is not a CloudFormation type such as `AWS::S3::Bucket`", control.resource_type)
    });
    for practice in &control.best_practices {
        found.ensure(is_best_practice(practice), 1, || {
            format!("`{practice}` is not a best practice's id such as `SEC08-BP04`")
        });
    }
}

fn is_resource_type(text: &str) -> bool {
    if text == "AWS::::Account" {
        return true;
    }
    let parts: Vec<_> = text.split("::").collect();
    matches!(parts.as_slice(), ["AWS", service, kind]
        if service.chars().all(char::is_alphanumeric) && !kind.is_empty() && kind.chars().all(char::is_alphanumeric))
}

fn is_best_practice(text: &str) -> bool {
    let Some((question, practice)) = text.split_once("-BP") else { return false };
    let letters = question.trim_end_matches(|c: char| c.is_ascii_digit());
    letters.chars().all(|c| c.is_ascii_uppercase())
        && (2..=4).contains(&letters.len())
        && question.len() == letters.len() + 2
        && practice.len() == 2
        && practice.bytes().all(|byte| byte.is_ascii_digit())
}

fn detection(control: &Definition, found: &mut Found<'_>) {
    let deployed: Vec<_> = control.config_rules.iter().filter(|rule| rule.deploy).collect();
    if let [_, second, ..] = deployed.as_slice() {
        found.wrong(second.line, "more than one rule has `deploy: true`, but they would share one name");
    }
    for rule in &control.config_rules {
        found.ensure(
            rule.identifier.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
            rule.line,
            || format!("`{}` is not a managed rule's identifier", rule.identifier),
        );
        found.ensure(
            rule.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            rule.line,
            || format!("`{}` is not a managed rule's name", rule.name),
        );
        found.ensure(
            rule.trigger == Trigger::Periodic || control.resource_type != "AWS::::Account",
            rule.line,
            || "an account has no configuration item, so its rules are periodic".to_owned(),
        );
    }
    if let Some(custom) = &control.custom_rule {
        found.ensure(deployed.is_empty(), custom.line, || {
            "a managed rule has `deploy: true` as well, but it would share the custom rule's name; set it to false"
                .to_owned()
        });
        found.ensure(
            custom.rule.starts_with(|c: char| c.is_ascii_lowercase())
                && custom.rule.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            custom.line,
            || format!("`{}` is not a rule's name such as `volume-gp2`", custom.rule),
        );
        found.ensure(custom.parameters.iter().all(|(name, _)| name != "rule"), custom.line, || {
            "`rule` can't be a parameter: it is how the function knows which rule to judge by".to_owned()
        });
        found.ensure(
            custom.trigger == CustomTrigger::Periodic || control.resource_type != "AWS::::Account",
            custom.line,
            || "an account has no configuration item, so its rules are periodic".to_owned(),
        );
    }
    for call in &control.api_calls {
        found.ensure(call.service.ends_with(".amazonaws.com"), call.line, || {
            format!("`{}` is not an `eventSource` such as `s3.amazonaws.com`", call.service)
        });
        found.ensure(call.resource.is_empty() || call.resource.starts_with('/'), call.line, || {
            format!("`{}` is not a JSON Pointer; it starts with `/`", call.resource)
        });
    }
    let deaf = control.config_rules.is_empty()
        && control.custom_rule.is_none()
        && control.security_hub.is_empty()
        && control.api_calls.is_empty();
    found.ensure(!deaf, 1, || "nothing detects it; give it a Config rule at least".to_owned());
}

fn safety(control: &Definition, found: &mut Found<'_>) {
    found.ensure(control.reversibility != Reversibility::None || control.safety < Mode::Auto, 1, || {
        "a control that can't be undone never runs without approval: `safety` is `approve` at most".to_owned()
    });
    let exact = control.reversibility == Reversibility::Full;
    found.ensure(exact || !control.reversibility_note.is_empty(), 1, || {
        "`reversibility_note` has to say what rollback doesn't restore, unless `reversibility` is `full`"
            .to_owned()
    });
}

fn iam(permission: &Permission, found: &mut Found<'_>) {
    let (service, action) = permission.action.split_once(':').unwrap_or_default();
    let named = !service.is_empty()
        && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && action.starts_with(|c: char| c.is_ascii_uppercase())
        && action.chars().all(char::is_alphanumeric);
    found.ensure(named, permission.line, || {
        format!("`{}` is not one IAM action such as `s3:GetBucketPolicy`", permission.action)
    });
    for resource in &permission.resources {
        let scoped = resource.starts_with("arn:${AWS::Partition}:");
        found.ensure(scoped || resource == "*", permission.line, || {
            format!("`{resource}` has to start with `arn:${{AWS::Partition}}:`, so that it holds in every partition")
        });
        found.ensure(resource != "*" || permission.reason.is_some(), permission.line, || {
            format!("`{}` on `*` needs a `reason`: what is in the way of an ARN", permission.action)
        });
        for variable in variables(resource) {
            found.ensure(
                ["AWS::Partition", "AWS::AccountId", "AWS::Region", "Prefix"].contains(&variable),
                permission.line,
                || format!("`${{{variable}}}` is not known here; use AWS::Partition, AWS::AccountId, AWS::Region or Prefix"),
            );
        }
    }
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap_or_default())
}

fn repeated_actions(control: &Definition, found: &mut Found<'_>) {
    for (index, permission) in control.iam.iter().enumerate() {
        let earlier = control.iam.iter().take(index);
        let same =
            |other: &Permission| other.action == permission.action && other.resources == permission.resources;
        found.ensure(!earlier.clone().any(same), permission.line, || {
            format!("`{}` is listed twice for the same resources", permission.action)
        });
    }
}

fn filled_parameters(control: &Definition, found: &mut Found<'_>) {
    let declared = control.remediate.get("parameters").map(Located::entries).unwrap_or_default();
    for (name, value, line) in &control.parameters {
        found.ensure(declared.iter().any(|(known, _)| known == name), *line, || {
            format!("remediate.yaml has no parameter `{name}`")
        });
        found.ensure(!value.is_empty(), *line, || {
            format!(
                "`{name}` is empty, which SSM refuses; leave it out and give it a default in remediate.yaml"
            )
        });
        found.ensure(!value.contains("{{") || VALUES.contains(&value.as_str()), *line, || {
            format!("`{value}` is not known; a parameter is a constant or one of {}", VALUES.join(", "))
        });
    }
    for (name, parameter) in declared {
        let filled = control.parameters.iter().any(|(known, ..)| known == name);
        found.ensure(
            filled || name == "AutomationAssumeRole" || parameter.get("default").is_some(),
            1,
            || format!("`runbook.parameters` does not fill `{name}`, which has no default in remediate.yaml"),
        );
    }
}

/// The contract that both documents share: their head, their parameters and the spine of their steps.
fn document(document: &Located, change: &str, found: &mut Found<'_>) {
    let text = |key: &str| document.get(key).and_then(Located::text).unwrap_or_default();
    found.ensure(text("schemaVersion") == "0.3", document.line, || {
        "`schemaVersion` has to be '0.3'".to_owned()
    });
    found.ensure(!text("description").is_empty(), document.line, || "`description` is missing".to_owned());
    let role: String = text("assumeRole").split_whitespace().collect();
    found.ensure(role == "{{AutomationAssumeRole}}", document.line, || {
        "`assumeRole` has to be '{{ AutomationAssumeRole }}'".to_owned()
    });
    let parameters = document.get("parameters").map(Located::entries).unwrap_or_default();
    for (name, parameter) in parameters {
        // SSM takes a pattern for texts only; a Boolean needs no bounds.
        let bounds: &[&str] = match parameter.get("type").and_then(Located::text).unwrap_or_default() {
            "Boolean" => &[],
            "Integer" => &["allowedValues"],
            _ => &["allowedPattern"],
        };
        for key in ["type", "description"].iter().chain(bounds) {
            found.ensure(parameter.get(key).is_some(), parameter.line, || {
                format!("parameter `{name}` has no `{key}`")
            });
        }
    }
    let role =
        parameters.iter().find(|(name, _)| name == "AutomationAssumeRole").map(|(_, parameter)| parameter);
    found.ensure(
        role.is_some_and(|role| {
            role.get("default").is_none()
                && role.get("type").and_then(Located::text) == Some("AWS::IAM::Role::Arn")
        }),
        document.line,
        || {
            "parameter `AutomationAssumeRole` has to be of type AWS::IAM::Role::Arn, without a default"
                .to_owned()
        },
    );
    spine(document, change, found);
    let size = serde_json::to_string(&json(document)).map_or(0, |text| text.len());
    found.ensure(size <= LARGEST_DOCUMENT, document.line, || {
        format!("{size} bytes are more than SSM takes (64 KiB)")
    });
}

fn spine(document: &Located, change: &str, found: &mut Found<'_>) {
    let steps = document.get("mainSteps").map(Located::items).unwrap_or_default();
    let word =
        |step: &Located, key: &str| step.get(key).and_then(Located::text).unwrap_or_default().to_owned();
    let names: Vec<_> = steps.iter().map(|step| word(step, "name")).collect();
    let in_order = names.first().is_some_and(|name| name == "Inspect")
        && names.get(1).is_some_and(|name| name == "Decide")
        && names.iter().any(|name| name.starts_with(change))
        && names.last().is_some_and(|name| name == "Verify");
    found.ensure(in_order, document.get("mainSteps").map_or(document.line, |steps| steps.line), || {
        format!("the steps have to be Inspect, Decide, {change}…, Verify; they are {}", names.join(", "))
    });
    for step in steps.iter().filter(|step| word(step, "name") == "Decide") {
        found.ensure(word(step, "action") == "aws:branch", step.line, || {
            "`Decide` has to be an aws:branch".to_owned()
        });
    }
}

fn outputs(document: &Located, found: &mut Found<'_>) {
    let listed = document.get("outputs").map(Located::items).unwrap_or_default();
    for output in ["Inspect.Found", "Inspect.Compliant", "Inspect.Before"] {
        found.ensure(listed.iter().any(|item| item.text() == Some(output)), document.line, || {
            format!("`outputs` does not list {output}")
        });
    }
}

fn rollback_parameters(control: &Definition, found: &mut Found<'_>) {
    let declared = control.rollback.get("parameters").map(Located::entries).unwrap_or_default();
    let has = |name: &str| declared.iter().any(|(known, _)| known == name);
    found.ensure(has("Before"), control.rollback.line, || "it has no parameter `Before`".to_owned());
    for (name, value, _) in &control.parameters {
        found.ensure(has(name) || !value.contains("{{"), control.rollback.line, || {
            format!("it has no parameter `{name}`, which names the resource in remediate.yaml")
        });
    }
    for (name, parameter) in declared {
        let given = name == "Before"
            || name == "AutomationAssumeRole"
            || parameter.get("default").is_some()
            || control.parameters.iter().any(|(known, value, _)| known == name && value.contains("{{"));
        found.ensure(given, parameter.line, || format!("nothing fills its parameter `{name}`"));
    }
}

/// The document as JSON, which is how CloudFormation hands it to SSM.
fn json(located: &Located) -> serde_json::Value {
    use super::tree::Node;
    match &located.node {
        Node::Null => serde_json::Value::Null,
        Node::Bool(value) => (*value).into(),
        Node::Integer(value) => (*value).into(),
        Node::Float(value) => (*value).into(),
        Node::Text(value) => value.as_str().into(),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::codegen::{registry, tree::Node};

    /// What is wrong with a real control after a change to it.
    fn problems_after(change: impl FnOnce(&mut Definition)) -> Vec<String> {
        let controls = registry::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))).unwrap();
        let mut control = controls.into_iter().find(|control| control.id == "bucket-public-access").unwrap();
        change(&mut control);
        let mut problems = Vec::new();
        check(&control, &mut problems);
        problems.into_iter().map(|problem| problem.what).collect()
    }

    #[test]
    fn a_control_that_keeps_the_rules_has_no_problem() {
        assert_eq!(problems_after(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn a_star_without_a_reason_is_refused() {
        let problems = problems_after(|control| {
            for permission in &mut control.iam {
                permission.resources = vec!["*".to_owned()];
                permission.reason = None;
            }
        });
        assert!(problems.iter().all(|what| what.contains("needs a `reason`")), "{problems:?}");
        assert!(!problems.is_empty());
    }

    #[test]
    fn a_runbook_that_checks_nothing_in_the_end_is_refused() {
        let problems = problems_after(|control| {
            let Node::Map(entries) = &mut control.remediate.node else { panic!("no map") };
            let (_, steps) = entries.iter_mut().find(|(key, _)| key == "mainSteps").unwrap();
            let Node::List(steps) = &mut steps.node else { panic!("no list") };
            steps.pop();
        });
        assert!(
            matches!(problems.as_slice(), [one] if one.contains("Inspect, Decide, Fix…, Verify")),
            "{problems:?}"
        );
    }

    #[test]
    fn a_parameter_that_nothing_fills_is_refused() {
        let problems = problems_after(|control| control.parameters.clear());
        assert!(problems.iter().any(|what| what.contains("does not fill `BucketName`")), "{problems:?}");
    }

    #[test]
    fn a_change_that_cannot_be_undone_never_runs_by_itself() {
        let problems = problems_after(|control| {
            control.reversibility = Reversibility::None;
            control.reversibility_note = "nothing".to_owned();
        });
        assert!(matches!(problems.as_slice(), [one] if one.contains("`approve` at most")), "{problems:?}");
    }

    #[test]
    fn best_practices_and_types_have_their_form() {
        assert!(["SEC08-BP04", "REL09-BP01", "COST04-BP03", "OPS11-BP01"].into_iter().all(is_best_practice));
        assert!(!["SEC8-BP04", "SEC08", "sec08-BP04", "SEC08-BP4"].into_iter().any(is_best_practice));
        assert!(is_resource_type("AWS::S3::Bucket") && is_resource_type("AWS::::Account"));
        assert!(!is_resource_type("S3::Bucket") && !is_resource_type("AWS::S3"));
    }
}
