//! `plumb replay`: what Plumb would do about events, without touching AWS.

mod files;
mod judge;
mod report;

use std::{collections::BTreeMap, io::Write};

use jiff::Timestamp;

use crate::{
    arguments::Replay,
    failure::Failure,
    output::{json_line, word},
    table,
};

pub(crate) fn run(
    out: &mut dyn Write,
    arguments: &Replay,
    now: Timestamp,
    json: bool,
) -> Result<(), Failure> {
    let judge = judge::Judge::new(arguments, now)?;
    let mut tally: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut unreadable = Vec::new();
    for file in files::find(&arguments.events, &mut unreadable) {
        let bytes = match files::read(&file) {
            Ok(bytes) => bytes,
            Err(error) => {
                unreadable.push(format!("`{}`: {error}", file.display()));
                continue;
            }
        };
        let name = file.display().to_string();
        for reading in plumb_events::read(&bytes) {
            let event = judge.event(&name, reading);
            for outcome in event.outcomes() {
                *tally.entry((event.kind.clone(), word(outcome))).or_default() += 1;
            }
            if json {
                json_line(out, &event)?;
            } else {
                report::write(out, &event)?;
            }
        }
    }
    if !json && tally.values().sum::<usize>() > 1 {
        let heading = ["KIND", "OUTCOME", "NUMBER"].map(str::to_owned);
        let rows = tally.into_iter().map(|((kind, outcome), number)| [kind, outcome, number.to_string()]);
        writeln!(out)?;
        table::write(out, &std::iter::once(heading).chain(rows).collect::<Vec<_>>())?;
    }
    if unreadable.is_empty() {
        Ok(())
    } else {
        Err(Failure::Usage(format!("can't read {}", unreadable.join(", "))))
    }
}
