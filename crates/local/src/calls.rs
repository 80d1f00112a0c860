//! Every call that came through the gateway.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::service::Caller;

/// One call, after it was answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedCall {
    /// When it came in.
    pub at: Timestamp,
    /// Who made it.
    pub caller: Caller,
    /// The service as the SDKs name its endpoint, such as `s3`.
    pub service: String,
    /// The operation as the API names it, such as `PutPublicAccessBlock`.
    pub operation: String,
    /// The Region that was called.
    pub region: String,
    /// Whether it may change something, by its name.
    pub mutating: bool,
    /// What it was about, as far as its parameters say: `Bucket=x`.
    pub about: String,
    /// The HTTP status that was answered.
    pub status: u16,
    /// AWS's error code, if it was refused.
    pub error: Option<String>,
    /// What went wrong with it on purpose, if anything: see [`crate::faults`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// The calls since the start, oldest first; the oldest go when there are too many. Cheap to clone: all clones are one log.
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Vec<LoggedCall>>>);

const KEPT: usize = 100_000;

impl CallLog {
    /// The calls that `wanted` picks.
    pub fn select(&self, wanted: impl Fn(&LoggedCall) -> bool) -> Vec<LoggedCall> {
        self.lock().iter().filter(|call| wanted(call)).cloned().collect()
    }

    /// The calls of one SSM Automation execution.
    pub fn of_execution(&self, execution: &str) -> Vec<LoggedCall> {
        self.select(|call| matches!(&call.caller, Caller::Execution { id, .. } if id == execution))
    }

    pub(crate) fn push(&self, call: LoggedCall) {
        let mut log = self.lock();
        if log.len() >= KEPT {
            log.drain(..KEPT / 2);
        }
        log.push(call);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<LoggedCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an operation only reads, by its name.
pub fn only_reads(operation: &str) -> bool {
    const READS: [&str; 19] = [
        "Get",
        "List",
        "Describe",
        "Head",
        "BatchGet",
        "Scan",
        "Query",
        "Lookup",
        "Search",
        "Select",
        "Test",
        "Validate",
        "Preview",
        "Check",
        "Filter",
        "TransactGet",
        "Assume",
        "Decode",
        "Simulate",
    ];
    READS.iter().any(|prefix| operation.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_changing_are_told_by_the_name() {
        for name in ["GetObject", "ListBuckets", "DescribeVpcs", "HeadBucket", "BatchGetItem", "LookupEvents"]
        {
            assert!(only_reads(name), "{name}");
        }
        for name in
            ["PutObject", "DeleteTrail", "AuthorizeSecurityGroupIngress", "UpdateItem", "BatchWriteItem"]
        {
            assert!(!only_reads(name), "{name}");
        }
    }
}
