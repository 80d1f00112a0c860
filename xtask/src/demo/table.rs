//! The table as a terminal shows it: redrawn in place, or, where nobody watches, one line a change.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use super::{expectation::Expectations, row::Row};

/// Draws the rows of an act.
pub(super) struct Table {
    live: bool,
    drawn: usize,
    shown: Vec<Row>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { live: io::stdout().is_terminal(), drawn: 0, shown: Vec::new() }
    }

    /// Shows what changed.
    pub(super) fn show(&mut self, rows: &[Row], seconds: f64) {
        let mut text = Vec::new();
        if self.live {
            if self.drawn > 0 {
                text.push(format!("\u{1b}[{}A\u{1b}[J", self.drawn));
            }
            text.push(whole(rows));
            self.drawn = rows.len() + 1;
        } else {
            for (at, row) in rows.iter().enumerate() {
                let same = |known: &Row| (known.state(), &known.steps) == (row.state(), &row.steps);
                if row.state.is_some() && !self.shown.get(at).is_some_and(same) {
                    text.push(format!("{seconds:>6.1} s  {}", change(row)));
                }
            }
        }
        self.shown = rows.to_vec();
        print(&text.concat());
    }

    /// Leaves the table as it stands.
    pub(super) fn close(&mut self, rows: &[Row]) {
        if !self.live {
            print(&format!("\n{}", whole(rows)));
        }
        self.drawn = 0;
    }
}

fn whole(rows: &[Row]) -> String {
    let header = format!(
        "{:<32} {:<28} {:>8}  {:<11} {:<26} {:<17} {:>6}\n",
        "control", "resource", "detected", "decided", "runbook's steps", "verified", "took"
    );
    std::iter::once(header).chain(rows.iter().map(line)).collect()
}

fn line(row: &Row) -> String {
    let seconds = |value: Option<f64>| value.map_or_else(|| "·".to_owned(), |value| format!("{value:.1} s"));
    format!(
        "{:<32} {:<28} {:>8}  {:<11} {:<26} {:<17} {:>6}\n",
        row.control,
        shortened(&row.resource, 28),
        seconds(row.detected_after),
        row.decided.as_deref().unwrap_or("·"),
        shortened(&progress(row), 26),
        row.state.as_deref().unwrap_or("·"),
        seconds(row.took)
    )
}

/// A mark for each step that was taken, and the name of the last.
fn progress(row: &Row) -> String {
    let taken: Vec<_> = row.steps.iter().filter(|(_, status)| status != "Pending").collect();
    let marks: String = taken.iter().map(|(_, status)| mark(status)).collect();
    taken.last().map_or_else(|| "·".to_owned(), |(name, _)| format!("{marks} {name}"))
}

/// What changed, where nobody sees the table: the steps by name.
fn change(row: &Row) -> String {
    let steps: Vec<_> = row
        .steps
        .iter()
        .filter(|(_, status)| status != "Pending")
        .map(|(name, status)| format!("{name} {}", mark(status)))
        .collect();
    format!("{:<32} {:<18} {}\n", row.control, row.state.as_deref().unwrap_or("·"), steps.join("  "))
}

fn mark(status: &str) -> char {
    match status {
        "Success" => '✓',
        "InProgress" | "Waiting" => '…',
        _ => '✗',
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The end of the demo: what did not hold, or that everything did.
pub(super) fn summary(expected: &Expectations, calls: &Value, seconds: f64) -> String {
    let mut text = Vec::new();
    for expectation in &expected.0 {
        let mark = if expectation.held { "✓" } else { "✗" };
        text.push(format!("{mark} {}", expectation.what));
        if !expectation.held {
            text.push(format!(" (instead: {})", expectation.instead));
        }
        text.push("\n".to_owned());
    }
    text.push("\nAWS calls by function\n".to_owned());
    for (function, operations) in calls.as_object().into_iter().flatten() {
        let counts = operations.as_object().into_iter().flatten();
        let counts: Vec<_> = counts.map(|(operation, count)| format!("{operation} {count}")).collect();
        text.push(format!("  {function}: {}\n", counts.join(", ")));
    }
    text.push(format!("the acts took {seconds:.0} s\n"));
    text.concat()
}

pub(super) fn print(text: &str) {
    let mut out = io::stdout();
    // A reader that has gone away is no failure of the demo.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
