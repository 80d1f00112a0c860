//! When a fix is undone without anybody asking.

use serde::{Deserialize, Serialize};

/// When a fix is undone without anybody asking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackRules {
    /// Undo a fix that the detector does not confirm. Otherwise it counts as a failed attempt.
    pub on_failed_verification: bool,
}
