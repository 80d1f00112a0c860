//! `plumb explain`: every guardrail's verdict, in order.

use std::{
    io::{Read as _, Write},
    path::Path,
};

use plumb_model::{Decision, Verdict};

use super::{Where, Which, connect::Connection, read_only::ReadOnly, remediation::find};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
};

pub(crate) async fn run(out: &mut dyn Write, at: &Where, which: &Which, json: bool) -> Result<(), Failure> {
    let event = event(&which.named)?;
    let connection = Connection::open(at).await?;
    if let Some(event) = event {
        let decisions = ReadOnly::new(&connection)?.decide(&event).await?;
        if json {
            return json_pretty(out, &decisions);
        }
        if decisions.is_empty() {
            writeln!(out, "no control listens to it; `plumb replay {}` says why", which.named)?;
        }
        for decision in &decisions {
            about(out, decision)?;
        }
        return Ok(());
    }
    let record = find(&connection, which).await?;
    if json {
        return json_pretty(out, &record);
    }
    writeln!(out, "{}: {} since {:.0}", record.key(), word(record.state), record.since)?;
    writeln!(out, "  {}", record.reason)?;
    writeln!(out, "  generation {}, {} failed attempts", record.generation, record.attempts)?;
    if let Some(execution) = &record.execution_id {
        writeln!(out, "  execution {execution}")?;
    }
    if let Some(due) = record.due_at {
        writeln!(out, "  looked at again at {due}")?;
    }
    if let Some(before) = &record.before {
        writeln!(out, "  the state before was captured ({} characters)", before.to_string().len())?;
    }
    writeln!(out, "\nWhen it was decided on:")?;
    verdicts(out, &record.verdicts)
}

/// The event in a file, if there is one of that name.
fn event(named: &str) -> Result<Option<String>, Failure> {
    if named == "-" {
        let mut text = String::new();
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
        return Ok(Some(text));
    }
    if !Path::new(named).is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(named);
    text.map(Some).map_err(|error| Failure::Usage(format!("`{named}`: {error}")))
}

fn about(out: &mut dyn Write, decision: &Decision) -> Result<(), Failure> {
    writeln!(out, "{} on {}: {}", decision.control, decision.resource, word(decision.outcome))?;
    writeln!(out, "  {}", decision.reason)?;
    verdicts(out, &decision.verdicts)?;
    if let Some(action) = &decision.action {
        writeln!(out, "  runbook {} version {}", action.document, action.document_version)?;
    }
    Ok(writeln!(out)?)
}

fn verdicts(out: &mut dyn Write, verdicts: &[Verdict]) -> Result<(), Failure> {
    for verdict in verdicts {
        let mark = if verdict.passed { "passes" } else { "STOPS " };
        writeln!(out, "  {mark}  {:<12}  {}", verdict.guardrail.name(), verdict.because)?;
    }
    Ok(())
}
