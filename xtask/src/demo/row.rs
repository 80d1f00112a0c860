//! One line of the table: a violating resource and what became of it.

use serde::Serialize;
use serde_json::Value;

use crate::account::text;

/// A violating resource and what became of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) control: String,
    pub(crate) resource: String,
    /// The ledger's key.
    #[serde(skip)]
    pub(crate) key: String,
    /// When the violation was there.
    #[serde(skip)]
    pub(crate) made_at: jiff::Timestamp,
    /// Seconds from then until AWS Config, or another detector, had seen it.
    pub(crate) detected_after: Option<f64>,
    /// The last guardrail's verdict in short: what was decided.
    pub(crate) decided: Option<String>,
    pub(crate) runbook: Option<String>,
    pub(crate) execution: Option<String>,
    /// Step names and statuses.
    pub(crate) steps: Vec<(String, String)>,
    pub(crate) state: Option<String>,
    pub(crate) reason: Option<String>,
    /// Seconds from the start of the runbook to the last change of the record.
    pub(crate) took: Option<f64>,
}

impl Row {
    /// The ledger's state.
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Whether it is in this state.
    pub(crate) fn is(&self, state: &str) -> bool {
        self.state() == Some(state)
    }

    /// In words, for an expectation that did not hold.
    pub(crate) fn describe(&self) -> String {
        let unknown = || "nothing recorded".to_owned();
        format!(
            "{}: {}",
            self.state.clone().unwrap_or_else(unknown),
            self.reason.clone().unwrap_or_else(unknown)
        )
    }

    /// Takes over what the ledger's record says.
    pub(crate) fn read(&mut self, record: &Value) {
        let at = |pointer: &str| text(record, pointer).and_then(|at| at.parse::<jiff::Timestamp>().ok());
        self.detected_after = self.detected_after.or_else(|| {
            at("/detected_at").map(|seen| seen.duration_since(self.made_at).as_secs_f64().max(0.0))
        });
        self.state = text(record, "/state");
        self.reason = text(record, "/reason");
        self.execution = text(record, "/execution_id");
        self.runbook = self.execution.as_ref().and_then(|_| text(record, "/action/document"));
        self.decided = Some(match self.state() {
            Some("detected") => "report only".to_owned(),
            Some("awaiting-approval") => "ask first".to_owned(),
            Some("rolling-back" | "rolled-back") => "undo".to_owned(),
            _ => "fix".to_owned(),
        });
        self.took = match (at("/started_at"), at("/updated_at")) {
            (Some(from), Some(to)) if self.execution.is_some() => Some(to.duration_since(from).as_secs_f64()),
            _ => None,
        };
        if self.execution.is_none() {
            self.steps.clear();
        }
    }

    /// Whether its runbook may still take steps.
    pub(crate) fn moves(&self) -> bool {
        self.execution.is_some()
            && (self.steps.is_empty() || matches!(self.state(), Some("running" | "rolling-back" | "planned")))
    }
}
