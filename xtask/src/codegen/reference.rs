//! The reference page.

use std::fmt::Write as _;

use plumb_model::{Mode, Pillar, Reversibility};
use serde::Serialize;

use super::{
    HEADER,
    definition::{CustomTrigger, Definition, Trigger},
};

/// `docs/controls.md`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let mut out = format!(
        "<!-- {HEADER} -->\n# Controls\n\nWhat Plumb looks for and how far it may go, {} controls. *Allows* is the most that a policy \
         may allow: `auto` fixes at once, `approve` asks first, `notify` reports.\n\n\
         | control | the problem | pillar | severity | allows | undone by rollback |\n|---|---|---|---|---|---|\n",
        controls.len()
    );
    for control in controls {
        let Definition { id, title, pillar, severity, safety, reversibility, .. } = control;
        let row = [
            format!("[{id}](#{id})"),
            cell(title),
            word(pillar),
            word(severity),
            format!("`{}`", word(safety)),
            undone(*reversibility).to_owned(),
        ];
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    for control in controls {
        out.push_str(&section(control));
    }
    out
}

fn section(control: &Definition) -> String {
    let Definition { id, title, why, folder, resource_type, .. } = control;
    let mut out = format!("\n## {id}\n\n**{title}** (`{resource_type}`). {why}\n\n");
    let rows = [
        ("Serves", format!("{}; {}", pillar(control.pillar), control.best_practices.join(", "))),
        ("Severity", word(&control.severity)),
        ("Detected by", detected_by(control)),
        ("A policy may allow", allows(control.safety).to_owned()),
        ("Disruption", cell(&control.disruption)),
        ("Cost", cell(&control.cost)),
        ("Rollback", rollback(control)),
        ("Its role may", permissions(control)),
        ("Files", format!("[{folder}](../{folder})")),
    ];
    out.push_str("| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    out
}

fn detected_by(control: &Definition) -> String {
    let mut ways = Vec::new();
    for rule in &control.config_rules {
        let when = match rule.trigger {
            Trigger::Change => "on change",
            Trigger::Periodic => "periodically",
        };
        let deployed = if rule.deploy { "deployed by Plumb" } else { "listened to where it exists" };
        ways.push(format!("AWS Config `{}` ({when}, {deployed})", rule.name));
    }
    if let Some(custom) = &control.custom_rule {
        let when = match custom.trigger {
            CustomTrigger::Change => "on change",
            CustomTrigger::Periodic => "periodically",
            CustomTrigger::Both => "on change and periodically",
        };
        let rule = &custom.rule;
        ways.push(format!("Plumb's own rule [`{rule}`](rules.md#{rule}) ({when}, deployed by Plumb)"));
    }
    if !control.security_hub.is_empty() {
        ways.push(format!("Security Hub {}", control.security_hub.join(", ")));
    }
    for call in &control.api_calls {
        ways.push(format!("CloudTrail `{}:{}`", call.service.trim_end_matches(".amazonaws.com"), call.name));
    }
    ways.join("<br>")
}

fn rollback(control: &Definition) -> String {
    let note = cell(&control.reversibility_note);
    match control.reversibility {
        Reversibility::Full if note.is_empty() => "restores exactly the state before".to_owned(),
        Reversibility::Full => format!("restores exactly the state before. {note}"),
        Reversibility::Partial => format!("restores some of the state before: {note}"),
        Reversibility::None => format!("not possible: {note}"),
    }
}

fn permissions(control: &Definition) -> String {
    let mut lines = Vec::new();
    for permission in &control.iam {
        let resources: Vec<_> = permission.resources.iter().map(|resource| format!("`{resource}`")).collect();
        let reason =
            permission.reason.as_deref().map(|reason| format!(" ({})", cell(reason))).unwrap_or_default();
        lines.push(format!("`{}` on {}{reason}", permission.action, resources.join(", ")));
    }
    lines.join("<br>")
}

fn pillar(pillar: Pillar) -> &'static str {
    match pillar {
        Pillar::OperationalExcellence => "operational excellence",
        Pillar::Security => "security",
        Pillar::Reliability => "reliability",
        Pillar::PerformanceEfficiency => "performance efficiency",
        Pillar::CostOptimization => "cost optimization",
        Pillar::Sustainability => "sustainability",
    }
}

fn allows(safety: Mode) -> &'static str {
    match safety {
        Mode::Off => "nothing",
        Mode::Notify => "`notify`: it is only reported",
        Mode::Approve => "`approve`: a person approves each change",
        Mode::Auto => "`auto`: it is fixed at once",
    }
}

fn undone(reversibility: Reversibility) -> &'static str {
    match reversibility {
        Reversibility::Full => "fully",
        Reversibility::Partial => "partly",
        Reversibility::None => "no",
    }
}

/// The word that the YAML uses.
fn word(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A text that is safe in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
