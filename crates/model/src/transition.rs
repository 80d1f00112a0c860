//! A step in the life of a remediation, as it is told: on the event bus, in messages, in the history.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    control::{Pillar, Severity},
    decision::Verdict,
    finding::Source,
    remediation::{Remediation, State},
    resource::{ControlId, ResourceRef},
};

/// The namespace of the transitions' ids (a random UUID, fixed for ever).
const IDS: Uuid = Uuid::from_u128(0x2f0d_8a14_9c3e_4b8e_8f5a_61d7_55c0_b3a9);

/// The `detail` of an event with source `plumb` and detail-type `Plumb Remediation State Change`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The same for the same step, however often it is told: what to drop repeats by.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// Where the remediation stood before; absent for the first that is known of a resource under a control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<State>,
    /// Where it stands now.
    pub to: State,
    /// The control.
    pub control: ControlId,
    /// The control's title.
    pub title: String,
    /// How bad it is to leave the problem.
    pub severity: Severity,
    /// The pillar that the control serves first.
    pub pillar: Pillar,
    /// The resource.
    pub resource: ResourceRef,
    /// Counts the claims of this resource under this control.
    pub generation: u64,
    /// Failed attempts since it was last true.
    pub attempts: u32,
    /// Why it stands where it stands.
    pub reason: String,
    /// Who detected it.
    pub detected_by: Source,
    /// The SSM document that ran, runs or would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The SSM execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// Every guardrail's verdict when it was decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
}

/// What the transition's control says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The problem in one line.
    pub title: &'static str,
    /// How bad it is to leave it.
    pub severity: Severity,
    /// The pillar it serves first.
    pub pillar: Pillar,
}

impl Transition {
    /// The envelope's `source`.
    pub const SOURCE: &'static str = "plumb";
    /// The envelope's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "Plumb Remediation State Change";

    /// The step between two versions of a record; none if it stands where it stood.
    pub fn between(old: Option<&Remediation>, new: &Remediation, said: Said) -> Option<Self> {
        if old.is_some_and(|old| (old.state, old.generation) == (new.state, new.generation)) {
            return None;
        }
        let from = old.map(|old| old.state);
        let name = format!("{}#{}#{from:?}#{:?}#{}", new.key(), new.generation, new.state, new.updated_at);
        Some(Self {
            id: Uuid::new_v5(&IDS, name.as_bytes()),
            at: new.updated_at,
            from,
            to: new.state,
            control: new.control.clone(),
            title: said.title.to_owned(),
            severity: said.severity,
            pillar: said.pillar,
            resource: new.resource.clone(),
            generation: new.generation,
            attempts: new.attempts,
            reason: new.reason.clone(),
            detected_by: new.source.clone(),
            document: new.action.as_ref().map(|action| action.document.clone()),
            execution_id: new.execution_id.clone(),
            verdicts: new.verdicts.clone(),
        })
    }
}
