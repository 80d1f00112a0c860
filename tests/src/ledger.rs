//! The ledger in memory, with DynamoDB's semantics: a write is one transaction, all or nothing, and says what stood in
//! its way. `tests/contract/ledger.rs` runs the same checks against it and against a real table.

use jiff::Timestamp;
use plumb_model::{Change, Count, Counter, Hour, Remediation, Stopped, Tally, Usage, breaker_key, tally_key};
use plumb_ports::{Class, Ledger, Page, PortError, Written};

use crate::Memory;

/// A counter's item: whatever of it was ever written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// What was taken and not given back.
    pub taken: i64,
    /// How attempts ended.
    pub ended: Tally,
    /// Until when a control is stopped, and why.
    pub stopped: Option<Stopped>,
}

/// Records of one page of a list.
const PAGE: usize = 2;

impl Ledger for &Memory {
    async fn write(&self, change: &Change) -> Result<Written, PortError> {
        let operation =
            if change.counts.is_empty() { "dynamodb:PutItem" } else { "dynamodb:TransactWriteItems" };
        let mut world = self.call(operation)?;
        let standing = world.records.get(&change.record.key());
        match (standing, &change.expected) {
            (None, None) => {}
            (Some(standing), Some(expected)) if standing.revision == expected.revision => {}
            // An earlier try of this very write; a transaction is told by its token instead.
            (Some(standing), _) if change.counts.is_empty() && *standing == change.record => {
                return Ok(Written::Yes);
            }
            (Some(standing), _) => return Ok(Written::Held(Box::new(standing.clone()))),
            (None, Some(_)) => {
                return Err(PortError {
                    operation,
                    code: "the expected record is gone".to_owned(),
                    class: Class::Retry,
                    source: None,
                });
            }
        }
        let mut counters = world.counters.clone();
        for count in &change.counts {
            let counted = counters.entry(count.key()).or_default();
            let holds = match count {
                Count::Take { limit, .. } => limit.is_none_or(|limit| counted.taken < i64::from(limit)),
                Count::NotStopped { now, .. } => {
                    counted.stopped.as_ref().is_none_or(|stopped| stopped.until <= *now)
                }
                Count::Ended { seen, .. } => seen.is_none_or(|seen| counted.ended.failed == seen),
                Count::Give(_) | Count::Stop { .. } => true,
            };
            if !holds {
                return Ok(Written::Full);
            }
            match count {
                Count::Take { .. } => counted.taken += 1,
                Count::Give(_) => counted.taken -= 1,
                Count::NotStopped { .. } => {}
                Count::Ended { failed: true, .. } => counted.ended.failed += 1,
                Count::Ended { failed: false, .. } => counted.ended.fixed += 1,
                Count::Stop { until, because, .. } => {
                    counted.stopped = Some(Stopped { until: *until, because: because.clone() });
                }
            }
        }
        world.counters = counters;
        world.records.insert(change.record.key(), change.record.clone());
        world.writes.push(change.record.clone());
        Ok(Written::Yes)
    }

    async fn by_execution(&self, execution_id: &str) -> Result<Option<Remediation>, PortError> {
        let world = self.call("dynamodb:Query")?;
        Ok(world
            .records
            .values()
            .find(|record| record.execution_id.as_deref() == Some(execution_id))
            .cloned())
    }

    async fn get(&self, key: &str) -> Result<Option<Remediation>, PortError> {
        Ok(self.call("dynamodb:GetItem")?.records.get(key).cloned())
    }

    async fn usage(
        &self,
        record: &Remediation,
        counters: &[Counter],
        at: Timestamp,
    ) -> Result<Usage, PortError> {
        let world = self.call("dynamodb:BatchGetItem")?;
        let of = |key: &str| world.counters.get(key).cloned().unwrap_or_default();
        let hour = Hour::of(at);
        Ok(Usage {
            counters: counters
                .iter()
                .map(|counter| (counter.key(), u64::try_from(of(&counter.key()).taken).unwrap_or(0)))
                .filter(|(_, taken)| *taken > 0)
                .collect(),
            stopped: of(&breaker_key(&record.control)).stopped,
            this_hour: of(&tally_key(&record.control, hour)).ended,
            last_hour: of(&tally_key(&record.control, hour.before())).ended,
        })
    }

    async fn due(&self, now: Timestamp, next: Option<String>) -> Result<Page, PortError> {
        let world = self.call("dynamodb:Query")?;
        let mut due: Vec<_> = world
            .records
            .values()
            .filter(|record| record.due_at.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        due.sort_by_key(|record| (record.due_at, record.key()));
        let from: usize = next.and_then(|token| token.parse().ok()).unwrap_or(0);
        let more = (from + PAGE < due.len()).then(|| (from + PAGE).to_string());
        Ok(Page { records: due.into_iter().skip(from).take(PAGE).collect(), next: more })
    }
}
