//! `plumb controls`.

use std::io::Write;

use plumb_model::Control;

use crate::{
    failure::Failure,
    output::{json_pretty, word},
    table,
};

/// `plumb controls list`.
pub(crate) fn list(out: &mut dyn Write, json: bool) -> Result<(), Failure> {
    let controls = plumb_catalogue::controls();
    if json {
        return json_pretty(out, &controls);
    }
    let heading = ["CONTROL", "SERVICE", "SEVERITY", "AT MOST", "UNDONE", "TITLE"].map(str::to_owned);
    let rows = controls.iter().map(|control| {
        [
            control.id.to_owned(),
            control.service.to_owned(),
            word(control.severity),
            word(control.safety),
            word(control.reversibility),
            control.title.to_owned(),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    Ok(table::write(out, &rows)?)
}

/// `plumb controls show`.
pub(crate) fn show(out: &mut dyn Write, id: &str, json: bool) -> Result<(), Failure> {
    let control = plumb_catalogue::control(id).ok_or_else(|| {
        Failure::Usage(format!("there is no control `{id}`; `plumb controls list` shows those there are"))
    })?;
    if json {
        return json_pretty(out, control);
    }
    writeln!(out, "{}\n{}\n\n{}\n", control.id, control.title, control.why.trim())?;
    let rows: Vec<_> = facts(control).into_iter().filter(|[_, fact]| !fact.is_empty()).collect();
    Ok(table::write(out, &rows)?)
}

fn facts(control: &Control) -> Vec<[String; 2]> {
    let rules = control.config_rules.iter().map(|rule| {
        let deployed = if rule.deploy { " (deployed)" } else { "" };
        format!("{}{deployed}", rule.name)
    });
    let calls = control.api_calls.iter().map(|call| format!("{}:{}", call.service, call.name));
    let parameters =
        control.parameters.iter().map(|parameter| format!("{} = {}", parameter.name, parameter.value));
    let note = if control.reversibility_note.is_empty() { "" } else { ": " };
    [
        ("resource", control.resource_type.to_owned()),
        ("severity", word(control.severity)),
        ("pillar", word(control.pillar)),
        ("best practices", control.best_practices.join(", ")),
        ("Config rules", rules.collect::<Vec<_>>().join(", ")),
        ("Security Hub", control.security_hub.join(", ")),
        ("API calls", calls.collect::<Vec<_>>().join(", ")),
        ("runbook", parameters.collect::<Vec<_>>().join(", ")),
        ("at most", word(control.safety)),
        ("disruption", control.disruption.to_owned()),
        ("cost", control.cost.to_owned()),
        ("undone", format!("{}{note}{}", word(control.reversibility), control.reversibility_note)),
    ]
    .map(|(name, fact)| [name.to_owned(), fact.trim().replace('\n', " ")])
    .into()
}
