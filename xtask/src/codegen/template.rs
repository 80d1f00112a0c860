//! What the generated CloudFormation templates share.

use super::{
    HEADER,
    yaml::{Yaml, list, map, reference, sub, text},
};

/// A template's text. `parameters` are beside `Prefix`, which each template has.
pub(crate) fn template(
    description: &str,
    parameters: Vec<(&str, Yaml)>,
    conditions: Vec<(&str, Yaml)>,
    resources: Vec<(String, Yaml)>,
    outputs: Vec<(&str, Yaml)>,
) -> String {
    let mut all = vec![("Prefix", prefix())];
    all.extend(parameters);
    let mut entries = vec![
        ("AWSTemplateFormatVersion", text("2010-09-09")),
        ("Description", text(description)),
        ("Parameters", map(all)),
    ];
    if !conditions.is_empty() {
        entries.push(("Conditions", map(conditions)));
    }
    entries.push(("Resources", map(resources)));
    if !outputs.is_empty() {
        entries.push(("Outputs", map(outputs)));
    }
    format!("# {HEADER}\n{}", map(entries).write())
}

fn prefix() -> Yaml {
    map([
        ("Type", text("String")),
        ("Description", text("Begins the name of everything that Plumb creates")),
        ("AllowedPattern", text("[a-z]([a-z0-9-]{0,6}[a-z0-9])?")),
    ])
}

/// A string parameter.
pub(crate) fn parameter(description: &str) -> Yaml {
    map([("Type", text("String")), ("Description", text(description))])
}

/// The parameters of a template that makes roles: their permissions boundary and their path.
pub(crate) fn role_parameters() -> Vec<(&'static str, Yaml)> {
    let defaulting = |description: &str, default: &str| {
        map([("Type", text("String")), ("Description", text(description)), ("Default", text(default))])
    };
    vec![
        (
            "PermissionsBoundary",
            defaulting("ARN of a permissions boundary for every role; empty for none", ""),
        ),
        ("RolePath", defaulting("IAM path of every role", "/")),
    ]
}

/// The condition on which [`boundary`] depends.
pub(crate) fn boundary_condition() -> (&'static str, Yaml) {
    let none = map([("Fn::Equals", list([reference("PermissionsBoundary"), text("")]))]);
    ("HasPermissionsBoundary", map([("Fn::Not", list([none]))]))
}

/// The permissions boundary of a role, if the stack has one.
pub(crate) fn boundary() -> (&'static str, Yaml) {
    let either =
        list([text("HasPermissionsBoundary"), reference("PermissionsBoundary"), reference("AWS::NoValue")]);
    ("PermissionsBoundary", map([("Fn::If", either)]))
}

/// `bucket-public-access` to `BucketPublicAccess`: a logical id.
pub(crate) fn logical(name: &str) -> String {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// The tags that say which control a resource serves.
pub(crate) fn tags(control: &str) -> Yaml {
    let tag = |key: &str, value: Yaml| map([("Key", text(key)), ("Value", value)]);
    list([tag("plumb:prefix", reference("Prefix")), tag("plumb:control", text(control))])
}

/// `<prefix>-<rest>`.
pub(crate) fn prefixed(rest: &str) -> Yaml {
    sub(format!("${{Prefix}}-{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_id_is_the_name_in_pascal_case() {
        assert_eq!(logical("ec2/ebs-default-encryption-off"), "Ec2EbsDefaultEncryptionOff");
    }
}
