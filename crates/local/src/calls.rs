//! Every call that came through the gateway.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

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
    /// What a DynamoDB transaction is made of, each kind once: `Put`, `Update`, `Delete`, `ConditionCheck`, `Get`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parts: BTreeSet<String>,
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

impl LoggedCall {
    fn names(&self) -> Vec<String> {
        let whole = format!("{}:{}", self.service, self.operation);
        if self.parts.is_empty() {
            return vec![whole];
        }
        self.parts.iter().map(|part| format!("{whole}/{part}")).collect()
    }
}

/// The calls since the start, oldest first; the oldest go when there are too many. Cheap to clone: all clones are one log.
#[derive(Debug, Clone, Default)]
pub struct CallLog(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    calls: Vec<LoggedCall>,
    /// By function, and never forgotten: there are only so many operations.
    operations: BTreeMap<String, BTreeSet<String>>,
}

const KEPT: usize = 100_000;

impl CallLog {
    /// The calls that `wanted` picks.
    pub fn select(&self, wanted: impl Fn(&LoggedCall) -> bool) -> Vec<LoggedCall> {
        self.lock().calls.iter().filter(|call| wanted(call)).cloned().collect()
    }

    /// The calls of one SSM Automation execution.
    pub fn of_execution(&self, execution: &str) -> Vec<LoggedCall> {
        self.select(|call| matches!(&call.caller, Caller::Execution { id, .. } if id == execution))
    }

    /// Every operation that a Lambda function has called since the start, such as `dynamodb:GetItem`; a transaction once for
    /// each of its parts, `dynamodb:TransactWriteItems/Put`. What the log has dropped counts too.
    pub fn operations_of(&self, function: &str) -> BTreeSet<String> {
        self.lock().operations.get(function).cloned().unwrap_or_default()
    }

    pub(crate) fn push(&self, call: LoggedCall) {
        let mut log = self.lock();
        if let Caller::Function { name } = &call.caller {
            log.operations.entry(name.clone()).or_default().extend(call.names());
        }
        if log.calls.len() >= KEPT {
            log.calls.drain(..KEPT / 2);
        }
        log.calls.push(call);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Log> {
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

    fn call(caller: Caller, operation: &str, parts: &[&str]) -> LoggedCall {
        LoggedCall {
            at: Timestamp::UNIX_EPOCH,
            caller,
            service: "dynamodb".to_owned(),
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            parts: parts.iter().map(|&part| part.to_owned()).collect(),
            mutating: !only_reads(operation),
            about: String::new(),
            status: 200,
            error: None,
            fault: None,
        }
    }

    #[test]
    fn what_a_function_called_is_known_when_the_log_has_dropped_it() {
        let log = CallLog::default();
        let track = || Caller::Function { name: "track".to_owned() };
        log.push(call(track(), "GetItem", &[]));
        log.push(call(track(), "TransactWriteItems", &["Put", "Update"]));
        for _ in 0..KEPT {
            log.push(call(Caller::Outside, "Scan", &[]));
        }
        assert!(log.select(|call| call.caller == track()).is_empty());
        let expected =
            ["dynamodb:GetItem", "dynamodb:TransactWriteItems/Put", "dynamodb:TransactWriteItems/Update"];
        assert!(log.operations_of("track").iter().eq(expected));
        assert!(log.operations_of("sweep").is_empty());
    }

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
