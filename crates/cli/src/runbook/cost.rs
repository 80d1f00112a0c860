//! `plumb runbook cost`.

use std::io::Write;

use plumb_automation::cost::{Assumptions, Cost, PRICES, Way};
use serde_json::json;

use super::documents;
use crate::{arguments::RunbookCost, failure::Failure, output::json_pretty, table};

pub(crate) fn run(out: &mut dyn Write, arguments: &RunbookCost, json: bool) -> Result<(), Failure> {
    let assumptions = Assumptions { script_seconds: arguments.script_seconds };
    let costs: Vec<(String, Cost)> = documents::parse(&arguments.documents)?
        .into_iter()
        .map(|(file, document)| (file, Cost::of(&document, assumptions)))
        .collect();
    if json {
        let documents: Vec<_> =
            costs.iter().map(|(file, cost)| json!({"file": file, "cost": cost})).collect();
        return json_pretty(
            out,
            &json!({"documents": documents, "assumptions": assumptions, "prices": PRICES}),
        );
    }
    for (file, cost) in &costs {
        writeln!(out, "{file}")?;
        let heading = ["step", "action", "at most", "each", "together"].map(str::to_owned);
        let rows = cost.steps.iter().map(|step| {
            #[expect(clippy::cast_precision_loss, reason = "prices need no more than 53 bits")]
            let together = step.dollars * step.times as f64;
            [
                step.name.clone(),
                step.action.clone(),
                format!("{}×", step.times),
                dollars(step.dollars),
                dollars(together),
            ]
        });
        table::write(out, &[heading].into_iter().chain(rows).collect::<Vec<_>>())?;
        writeln!(out, "shortest way: {}", way(cost.shortest))?;
        writeln!(out, "longest way: {}", way(cost.longest))?;
        if cost.repeats {
            writeln!(
                out,
                "steps may run again through a branch or a failure; the longest way counts them once"
            )?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "assumed: each script runs {} s (--script-seconds), a loop as often as it may, a step is tried once",
        arguments.script_seconds
    )?;
    writeln!(out, "prices: {PRICES}")?;
    Ok(())
}

fn way(way: Way) -> String {
    format!(
        "{} steps, {} of them scripts: {} a run, {} for 1,000 runs",
        way.steps,
        way.scripts,
        dollars(way.dollars),
        format_args!("${:.2}", way.dollars_per_1000_runs)
    )
}

/// With as many decimals as the prices have.
fn dollars(amount: f64) -> String {
    format!("${amount:.5}")
}
