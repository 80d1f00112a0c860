//! `plumb status`: where everything stands.

use std::{collections::BTreeMap, io::Write};

use plumb_aws::operator;
use plumb_model::Remediation;
use serde_json::json;

use super::{
    Where,
    connect::{Connection, failed},
};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
    table,
};

/// The queues, by what they are called and by the output that names them.
pub(crate) const QUEUES: [(&str, &str); 6] = [
    ("findings waiting", "FindingsQueueUrl"),
    ("runbook results waiting", "StatusQueueUrl"),
    ("lines for the next digest", "DigestQueueUrl"),
    ("dead findings", "FindingsDeadLettersUrl"),
    ("dead runbook results", "StatusDeadLettersUrl"),
    ("transitions never told", "TellDeadLettersUrl"),
];

pub(crate) async fn run(
    out: &mut dyn Write,
    at: &Where,
    state: Option<&str>,
    control: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let table = connection.output("LedgerTable")?;
    let mut records =
        operator::records(&connection.aws, table, None).await.map_err(|error| failed(&error))?;
    records.retain(|record| control.is_none_or(|control| record.control.as_str() == control));
    records.sort_by_key(|record| (record.updated_at, record.key()));
    if let Some(state) = state {
        records.retain(|record| word(record.state) == state);
        return list(out, &records, json);
    }
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for record in &records {
        *counts.entry((record.control.to_string(), word(record.state))).or_default() += 1;
        *states.entry(word(record.state)).or_default() += 1;
    }
    let mut queues = Vec::new();
    for (name, output) in QUEUES {
        let depth =
            operator::depth(&connection.aws, connection.output(output)?).await.map_err(|e| failed(&e))?;
        queues.push((name, depth));
    }
    if json {
        let by_control: Vec<_> = counts
            .iter()
            .map(|((control, state), number)| json!({ "control": control, "state": state, "number": number }))
            .collect();
        let queues: BTreeMap<_, _> = queues.into_iter().collect();
        return json_pretty(
            out,
            &json!({
                "account": connection.deployment.account, "region": connection.deployment.region,
                "states": states, "by_control": by_control, "queues": queues,
            }),
        );
    }
    let place = (&connection.deployment.account, &connection.deployment.region);
    writeln!(out, "Account {}, {}: {} remediations\n", place.0, place.1, records.len())?;
    let heading = ["CONTROL", "STATE", "NUMBER"].map(str::to_owned);
    let rows = counts.into_iter().map(|((control, state), number)| [control, state, number.to_string()]);
    table::write(out, &std::iter::once(heading).chain(rows).collect::<Vec<_>>())?;
    writeln!(out)?;
    for (name, depth) in &queues {
        writeln!(out, "{depth:>6}  {name}")?;
    }
    let dead: u64 = queues.iter().filter(|(name, _)| name.starts_with("dead")).map(|(_, depth)| depth).sum();
    if dead > 0 {
        writeln!(out, "\nWhy there are dead letters, and what to do: plumb dlq list")?;
    }
    if states.contains_key("escalated") {
        writeln!(out, "\nWhat needs a person: plumb status --state escalated")?;
    }
    Ok(())
}

fn list(out: &mut dyn Write, records: &[Remediation], json: bool) -> Result<(), Failure> {
    if json {
        return json_pretty(out, &records);
    }
    if records.is_empty() {
        writeln!(out, "none")?;
    }
    for record in records {
        writeln!(out, "{}  {}  {}", record.updated_at, record.control, record.resource)?;
        writeln!(out, "    {}", record.reason)?;
    }
    Ok(())
}
