//! What a person, or the sweep, asks for about one resource under one control: the `detail` of events with source `plumb`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    remediation::{Remediation, remediation_key},
    resource::{ControlId, ResourceRef},
};

/// The `source` in the envelope of every request.
pub const REQUEST_SOURCE: &str = "plumb";

/// To undo a remediation. On the findings queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The control whose fix is to be undone.
    pub control: ControlId,
    /// On which resource.
    pub resource: ResourceRef,
    /// Which attempt: [`crate::Remediation::generation`]. A request that arrives late is about none that came after it.
    pub generation: u64,
    /// Who asks.
    pub requested_by: String,
}

impl RollbackRequest {
    /// The envelope's `source`.
    pub const SOURCE: &'static str = REQUEST_SOURCE;
    /// The envelope's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "Plumb Rollback Requested";
}

/// To let Plumb touch again what it was to keep its hands off: a remediation that was rolled back, or escalated. On the
/// findings queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearRequest {
    /// The control.
    pub control: ControlId,
    /// The resource.
    pub resource: ResourceRef,
    /// Which attempt: [`crate::Remediation::generation`].
    pub generation: u64,
    /// Who asks.
    pub requested_by: String,
}

impl ClearRequest {
    /// The envelope's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "Plumb Clear Requested";
}

/// To look at a record again, because its time has come. On the findings queue if something may have to be started, on
/// the status queue if something was: [`crate::Remediation::looked_at_by`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueRequest {
    /// The control.
    pub control: ControlId,
    /// The resource.
    pub resource: ResourceRef,
}

impl DueRequest {
    /// The request to look at this record.
    pub fn of(record: &Remediation) -> Self {
        Self { control: record.control.clone(), resource: record.resource.clone() }
    }

    /// The event as it is put on a queue.
    pub fn event(&self, now: Timestamp) -> Value {
        json!({
            "version": "0",
            "id": format!("due-{}-{}", remediation_key(&self.control, &self.resource), now.as_millisecond()),
            "source": REQUEST_SOURCE,
            "detail-type": Self::DETAIL_TYPE,
            "account": self.resource.account,
            "region": self.resource.region,
            "time": now,
            "resources": [],
            "detail": self,
        })
    }

    /// The envelope's `detail-type`.
    pub const DETAIL_TYPE: &'static str = "Plumb Remediation Due";
}
