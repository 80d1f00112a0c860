//! An event and its decisions, for people.

use std::io::{self, Write};

use plumb_model::Decision;

use super::judge::Event;
use crate::output::word;

pub(super) fn write(out: &mut dyn Write, event: &Event) -> io::Result<()> {
    writeln!(out, "{}  {}", event.file, event.kind)?;
    for decision in &event.findings {
        write_decision(out, decision)?;
    }
    if let (Some(outcome), Some(reason)) = (event.outcome, &event.reason) {
        writeln!(out, "  {:8}{reason}", word(outcome))?;
    }
    for reason in &event.unheard {
        writeln!(out, "  {:8}{reason}", "ignore")?;
    }
    for what in &event.assumed {
        writeln!(out, "  {:8}{what}", "assumed")?;
    }
    Ok(())
}

fn write_decision(out: &mut dyn Write, decision: &Decision) -> io::Result<()> {
    writeln!(out, "  {:8}{} on {}", word(decision.outcome), decision.control, decision.resource)?;
    writeln!(out, "          {}", decision.reason)?;
    for verdict in &decision.verdicts {
        let mark = if verdict.passed { '+' } else { '-' };
        writeln!(out, "          {mark} {:12}{}", word(verdict.guardrail), verdict.because)?;
    }
    if let Some(action) = &decision.action {
        let parameters =
            action.parameters.iter().map(|(name, values)| format!("{name}={}", values.join(",")));
        writeln!(out, "          > {} {}", action.document, parameters.collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}
