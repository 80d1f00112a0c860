//! `plumb history`: everything that happened to a resource.

use std::io::Write;

use plumb_aws::HistoryTable;

use super::{
    Where,
    connect::{Connection, failed},
};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
};

pub(crate) async fn run(out: &mut dyn Write, at: &Where, resource: &str, json: bool) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let history = HistoryTable::new(&connection.aws, connection.output("HistoryTable")?.to_owned());
    let entries = history.of(resource).await.map_err(|error| failed(&error))?;
    if json {
        return json_pretty(out, &entries);
    }
    if entries.is_empty() {
        return Err(Failure::Failed(format!(
            "nothing happened to `{resource}` that Plumb knows of; ids are AWS Config's, such as a bucket's name or `sg-…`"
        )));
    }
    for entry in entries {
        let step = &entry.transition;
        let from = step.from.map_or_else(|| "new".to_owned(), word);
        writeln!(out, "{:.0}  {}: {from} → {}", step.at, step.control, word(step.to))?;
        writeln!(out, "    {}", step.reason)?;
        if let Some(execution) = &step.execution_id {
            writeln!(out, "    execution {execution}")?;
        }
        for untold in &entry.untold {
            writeln!(out, "    could not be told: {untold}")?;
        }
    }
    Ok(())
}
