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
            text.push(header());
            for row in rows {
                text.push(line(row));
            }
            self.drawn = rows.len() + 1;
        } else {
            for (at, row) in rows.iter().enumerate() {
                let known = self.shown.get(at);
                if known.is_none_or(|known| (known.state(), &known.steps) != (row.state(), &row.steps))
                    && row.state.is_some()
                {
                    text.push(format!("{seconds:>6.1} s  {}", line(row)));
                }
            }
        }
        self.shown = rows.to_vec();
        print(&text.concat());
    }

    /// Leaves the table as it stands.
    pub(super) fn close(&mut self, rows: &[Row]) {
        if !self.live {
            let mut text = vec![header()];
            for row in rows {
                text.push(line(row));
            }
            print(&text.concat());
        }
        self.drawn = 0;
    }
}

fn header() -> String {
    format!(
        "{:<32}  {:<34}  {:>8}  {:<11}  {:<40}  {:<17}  {:>6}\n",
        "control", "resource", "detected", "decided", "runbook's steps", "verified", "took"
    )
}

fn line(row: &Row) -> String {
    let seconds = |value: Option<f64>| value.map_or_else(|| "·".to_owned(), |value| format!("{value:.1} s"));
    let steps: Vec<_> = row
        .steps
        .iter()
        .filter(|(_, status)| status != "Pending")
        .map(|(name, status)| match status.as_str() {
            "Success" => format!("{name} ✓"),
            "InProgress" => format!("{name} …"),
            _ => format!("{name} ✗"),
        })
        .collect();
    let steps = if steps.is_empty() { "·".to_owned() } else { steps.join("  ") };
    format!(
        "{:<32}  {:<34}  {:>8}  {:<11}  {:<40}  {:<17}  {:>6}\n",
        row.control,
        shortened(&row.resource, 34),
        seconds(row.detected_after),
        row.decided.as_deref().unwrap_or("·"),
        shortened(&steps, 40),
        row.state.as_deref().unwrap_or("·"),
        seconds(row.took)
    )
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
    text.push(format!("\nAWS calls by function: {calls}\n"));
    text.push(format!("the acts took {seconds:.0} s\n"));
    text.concat()
}

pub(super) fn print(text: &str) {
    let mut out = io::stdout();
    // A reader that has gone away is no failure of the demo.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
