//! What a proof found.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that has to be true of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which resource it was checked on: `violating`, a variant's name, `gone`, `permissions`.
    pub on: String,
    /// What has to be true.
    pub name: String,
    /// Whether it is.
    pub passed: bool,
    /// What was found; empty if it passed and there is nothing to add.
    pub detail: String,
}

/// Everything that a control's proof checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The control's id.
    pub control: String,
    /// The checks, in the order they were made.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether everything was true, and something was checked at all.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        writeln!(f, "{}: {} checks, {failed} failed", self.control, self.checks.len())?;
        let mut on = "";
        for check in &self.checks {
            if check.on != on {
                writeln!(f, "  {}", check.on)?;
                on = &check.on;
            }
            let mark = if check.passed { "ok  " } else { "FAIL" };
            let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
            writeln!(f, "    {mark} {}{detail}", check.name)?;
        }
        Ok(())
    }
}

/// Gathers checks on one resource.
pub(super) struct Checks<'a> {
    pub(super) on: &'a str,
    pub(super) into: &'a mut Vec<Check>,
}

impl Checks<'_> {
    /// Notes whether something is true; `found` is asked only if it isn't.
    pub(super) fn that(&mut self, name: &str, passed: bool, found: impl FnOnce() -> String) {
        let detail = if passed { String::new() } else { found() };
        self.into.push(Check { on: self.on.to_owned(), name: name.to_owned(), passed, detail });
    }
}
