//! What the demo expects, and whether it held.

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Expectation {
    pub(super) what: String,
    pub(super) held: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) instead: String,
}

/// Everything expected so far, in order.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Expectations(pub(super) Vec<Expectation>);

impl Expectations {
    /// Notes whether something held, and what was the case instead.
    pub(super) fn that(&mut self, what: impl Into<String>, held: bool, instead: impl FnOnce() -> String) {
        let instead = if held { String::new() } else { instead() };
        self.0.push(Expectation { what: what.into(), held, instead });
    }

    /// Whether all held, and there were any.
    pub(super) fn held(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|expectation| expectation.held)
    }

    /// One line.
    pub(super) fn closing(&self) -> String {
        let held = self.0.iter().filter(|expectation| expectation.held).count();
        format!("{held} of {} expectations held", self.0.len())
    }
}
