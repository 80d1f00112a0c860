//! The ledger: the records of remediations, and what is counted beside them.

use std::future::Future;

use jiff::Timestamp;
use plumb_model::{Change, Counter, Remediation, ResourceRef, Usage};

use crate::{Class, PortError};

/// How often a failure is counted anew because another one was counted meanwhile.
const TRIES: usize = 8;

/// The answer to a conditional write.
#[derive(Debug)]
pub enum Written {
    /// All of it was written.
    Yes,
    /// Another record stands there than the one expected; nothing was written.
    Held(Box<Remediation>),
    /// A counter stands in the way: a limit is reached, the control is stopped, or another failure was counted; nothing
    /// was written.
    Full,
}

/// Some records, and where to go on.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Remediation>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// The DynamoDB table of remediations. Every write is conditional.
pub trait Ledger {
    /// Writes the change's record if the one that stands there is the one expected (none, or the same revision), and counts
    /// what it counts if no limit is exceeded by that: all of it or nothing. Of several writers that expect the same,
    /// exactly one succeeds.
    fn write(&self, change: &Change) -> impl Future<Output = Result<Written, PortError>> + Send;

    /// The record of an SSM execution.
    fn by_execution(
        &self,
        execution_id: &str,
    ) -> impl Future<Output = Result<Option<Remediation>, PortError>> + Send;

    /// The record of a resource under a control, by [`plumb_model::remediation_key`].
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Remediation>, PortError>> + Send;

    /// These counters, the breaker of a change's control, and how that control's remediations ended in its hour and the
    /// one before.
    fn usage(
        &self,
        record: &Remediation,
        counters: &[Counter],
        at: Timestamp,
    ) -> impl Future<Output = Result<Usage, PortError>> + Send;

    /// Records whose time has come, the longest waiting first.
    fn due(
        &self,
        now: Timestamp,
        next: Option<String>,
    ) -> impl Future<Output = Result<Page, PortError>> + Send;

    /// Writes a change that may count a failure: reads how others ended first, because this failure may be the one that
    /// stops the control.
    fn settle(&self, change: Change) -> impl Future<Output = Result<Written, PortError>> + Send
    where
        Self: Sync,
    {
        async move {
            if !change.needs_tally() {
                return self.write(&change).await;
            }
            for _ in 0..TRIES {
                let usage = self.usage(&change.record, &[], change.at).await?;
                let limits = change.record.terms.limits.breaker.clone();
                match self.write(&change.clone().with_tally(&usage, &limits)).await? {
                    Written::Full => {}
                    written => return Ok(written),
                }
            }
            Err(PortError {
                operation: "dynamodb:TransactWriteItems",
                code: "the failures kept changing".to_owned(),
                class: Class::Retry,
                source: None,
            })
        }
    }
}

/// The counters that limit the start of a resource's runbook.
pub fn counters_of(resource: &ResourceRef, control: &plumb_model::ControlId, at: Timestamp) -> [Counter; 4] {
    let hour = plumb_model::Hour::of(at);
    [
        Counter::ControlHour(control.clone(), hour),
        Counter::AccountHour(resource.account.clone(), hour),
        Counter::AllHour(hour),
        Counter::Running(resource.account.clone(), resource.region.clone()),
    ]
}
