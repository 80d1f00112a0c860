//! The controls as Rust constants: nothing is parsed when a function starts.

use std::{
    error::Error,
    fmt::{Debug, Write as _},
    io::Write as _,
    process::{Command, Stdio},
};

use super::{
    HEADER,
    definition::{CustomRule, Definition},
};

/// `crates/catalogue/src/generated.rs`.
pub(crate) fn generate(controls: &[Definition]) -> Result<String, Box<dyn Error>> {
    let used = used_names(controls);
    let mut out = format!(
        "//! The controls: {HEADER}.\n\nuse plumb_model::{{{}}};\n\n\
         /// Every control, in the order of service and id.\npub(crate) static CONTROLS: &[Control] = &[\n",
        used.join(", ")
    );
    for control in controls {
        write_control(&mut out, control)?;
    }
    out.push_str("];\n");
    rustfmt(&out)
}

/// What the constants mention, so that no import is idle.
fn used_names(controls: &[Definition]) -> Vec<&'static str> {
    let mut names = vec!["Control"];
    let any = |has: fn(&Definition) -> bool| controls.iter().any(has);
    for (name, used) in [
        ("Arn", !controls.is_empty()),
        ("ApiCall", any(|control| !control.api_calls.is_empty())),
        ("ConfigRule", any(|control| !control.config_rules.is_empty())),
        ("CustomRule", any(|control| control.custom_rule.is_some())),
        ("RunbookParameter", any(|control| !control.parameters.is_empty())),
        ("Mode", !controls.is_empty()),
        ("Pillar", !controls.is_empty()),
        ("Reversibility", !controls.is_empty()),
        ("Severity", !controls.is_empty()),
    ] {
        if used {
            names.push(name);
        }
    }
    names.sort_unstable();
    names
}

fn write_control(out: &mut String, control: &Definition) -> std::fmt::Result {
    let enumerated = |kind: &str, value: &dyn Debug| format!("{kind}::{value:?}");
    writeln!(out, "Control {{")?;
    for (field, value) in [
        ("id", format!("{:?}", control.id)),
        ("service", format!("{:?}", control.service)),
        ("title", format!("{:?}", control.title)),
        ("why", format!("{:?}", control.why)),
        ("pillar", enumerated("Pillar", &control.pillar)),
        ("best_practices", format!("&{:?}", control.best_practices)),
        ("severity", enumerated("Severity", &control.severity)),
        ("resource_type", format!("{:?}", control.resource_type)),
        ("arn", enumerated("Arn", &control.arn)),
        ("config_rules", config_rules(control)),
        ("custom_rule", custom_rule(control)),
        ("security_hub", format!("&{:?}", control.security_hub)),
        ("api_calls", api_calls(control)),
        ("parameters", parameters(control)),
        ("safety", enumerated("Mode", &control.safety)),
        ("disruption", format!("{:?}", control.disruption)),
        ("cost", format!("{:?}", control.cost)),
        ("reversibility", enumerated("Reversibility", &control.reversibility)),
        ("reversibility_note", format!("{:?}", control.reversibility_note)),
    ] {
        writeln!(out, "{field}: {value},")?;
    }
    writeln!(out, "}},")
}

fn config_rules(control: &Definition) -> String {
    let rules = control.config_rules.iter().map(|rule| {
        let (identifier, name, deploy) = (&rule.identifier, &rule.name, rule.deploy);
        format!("ConfigRule {{ identifier: {identifier:?}, name: {name:?}, deploy: {deploy} }}")
    });
    format!("&[{}]", rules.collect::<Vec<_>>().join(", "))
}

fn custom_rule(control: &Definition) -> String {
    control.custom_rule.as_ref().map_or_else(
        || "None".to_owned(),
        |CustomRule { rule, parameters, .. }| {
            format!("Some(CustomRule {{ rule: {rule:?}, parameters: &{parameters:?} }})")
        },
    )
}

fn api_calls(control: &Definition) -> String {
    let calls = control.api_calls.iter().map(|call| {
        let (service, name, resource) = (&call.service, &call.name, &call.resource);
        format!("ApiCall {{ service: {service:?}, name: {name:?}, resource: {resource:?} }}")
    });
    format!("&[{}]", calls.collect::<Vec<_>>().join(", "))
}

fn parameters(control: &Definition) -> String {
    let parameters = control
        .parameters
        .iter()
        .map(|(name, value, _)| format!("RunbookParameter {{ name: {name:?}, value: {value:?} }}"));
    format!("&[{}]", parameters.collect::<Vec<_>>().join(", "))
}

/// The text as `cargo fmt` would leave it.
fn rustfmt(text: &str) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=110,use_small_heuristics=Max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("rustfmt has no input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err("rustfmt refused the catalogue".into())
    }
}
