//! A person's request to undo a remediation.

use serde::{Deserialize, Serialize};

use crate::resource::{ControlId, ResourceRef};

/// The `detail` of an event with source `plumb` and detail-type `Plumb Rollback Requested`, put on the findings queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The control whose fix is to be undone.
    pub control: ControlId,
    /// On which resource.
    pub resource: ResourceRef,
    /// Who asks.
    pub requested_by: String,
}

impl RollbackRequest {
    /// The envelope's `source`.
    pub const SOURCE: &'static str = "plumb";
    /// The envelope's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "Plumb Rollback Requested";
}
