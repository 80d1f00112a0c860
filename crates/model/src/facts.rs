//! What is read about a resource's surroundings when a policy depends on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A resource's tags, by key.
pub type Tags = BTreeMap<String, String>;

/// The state of an [SSM Change Calendar](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCalendarState.html).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// `OPEN`: changes may be made.
    pub open: bool,
    /// When that changes next, if the calendar says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
