//! `remediate` as it is deployed, but for its hands: it decides under the live policy, ledger and surroundings, and what it
//! would write or start is only remembered, so that limits count up from one finding to the next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use plumb_aws::{Automation, DeliveredPolicy, DynamoLedger, PolicyProfile, Surroundings};
use plumb_model::{
    Action, Change, Count, Counter, Decision, Execution, Looker, PinnedDocument, Place, Remediation, Usage,
};
use plumb_ports::{Approvals, Ledger, Page, PortError, ReadAutomation, SendLater, StartAutomation, Written};
use plumb_remediate::Remediator;
use serde_json::Value;

use super::connect::Connection;
use crate::failure::Failure;

/// The deployed `remediate`, without hands.
pub(crate) struct ReadOnly<'a>(
    Remediator<Watched<DynamoLedger<'a>>, Eyes<'a>, DeliveredPolicy<'a>, Surroundings<'a>, NoHands>,
);

impl<'a> ReadOnly<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Self, Failure> {
        let aws = &connection.aws;
        let table = connection.output("LedgerTable")?.to_owned();
        let output = |name: &str| connection.output(name).map(str::to_owned);
        let profile = PolicyProfile {
            application: output("PolicyApplication")?,
            environment: output("PolicyEnvironment")?,
            profile: output("PolicyProfile")?,
        };
        Ok(Self(Remediator {
            deployment: connection.deployment.clone(),
            ledger: Watched { ledger: DynamoLedger::new(aws, table), pretended: Mutex::default() },
            automation: Eyes(Automation(aws)),
            policy: DeliveredPolicy::new(aws, profile, |id| plumb_catalogue::control(id).is_some()),
            surroundings: Surroundings(aws),
            later: NoHands,
            now: Timestamp::now,
        }))
    }

    /// What would be decided about an event now; nothing if no control listens to it.
    pub(crate) async fn decide(&self, event: &str) -> Result<Vec<Decision>, Failure> {
        let answer =
            Box::pin(self.0.handle(event)).await.map_err(|error| Failure::Failed(error.to_string()))?;
        let decisions = answer.get("decisions").cloned().unwrap_or(Value::Null);
        serde_json::from_value(decisions).map_err(|error| Failure::Failed(format!("the decision: {error}")))
    }
}

/// A ledger that is only read. What was to be written counts, but for this run alone.
struct Watched<L> {
    ledger: L,
    pretended: Mutex<Pretended>,
}

#[derive(Default)]
struct Pretended {
    written: BTreeSet<String>,
    taken: BTreeMap<String, u64>,
}

impl<L> Watched<L> {
    fn pretended(&self) -> MutexGuard<'_, Pretended> {
        self.pretended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L: Ledger + Sync> Ledger for Watched<L> {
    async fn write(&self, change: &Change) -> Result<Written, PortError> {
        let key = change.record.key();
        if self.pretended().written.contains(&key) {
            return Ok(Written::Yes);
        }
        let standing = self.ledger.get(&key).await?;
        let seen = |record: &Option<Remediation>| record.as_ref().map(|record| record.revision);
        if seen(&standing) != seen(&change.expected)
            && let Some(standing) = standing
        {
            return Ok(Written::Held(Box::new(standing)));
        }
        let taken: Vec<_> = change
            .counts
            .iter()
            .filter_map(|count| match count {
                Count::Take { counter, limit } => Some((counter.clone(), *limit)),
                Count::Give(_) | Count::NotStopped { .. } | Count::Ended { .. } | Count::Stop { .. } => None,
            })
            .collect();
        if !taken.is_empty() {
            let counters: Vec<_> = taken.iter().map(|(counter, _)| counter.clone()).collect();
            let usage = self.usage(&change.record, &counters, change.at).await?;
            let full = taken.iter().any(|(counter, limit)| {
                limit.is_some_and(|limit| usage.of(counter).saturating_add(1) > u64::from(limit))
            });
            if full || usage.stopped.is_some_and(|stopped| stopped.until > change.at) {
                return Ok(Written::Full);
            }
        }
        let mut pretended = self.pretended();
        for (counter, _) in taken {
            let number = pretended.taken.entry(counter.key()).or_default();
            *number = number.saturating_add(1);
        }
        pretended.written.insert(key);
        Ok(Written::Yes)
    }

    async fn by_execution(&self, execution_id: &str) -> Result<Option<Remediation>, PortError> {
        self.ledger.by_execution(execution_id).await
    }

    async fn get(&self, key: &str) -> Result<Option<Remediation>, PortError> {
        self.ledger.get(key).await
    }

    async fn usage(
        &self,
        record: &Remediation,
        counters: &[Counter],
        at: Timestamp,
    ) -> Result<Usage, PortError> {
        let mut usage = self.ledger.usage(record, counters, at).await?;
        let pretended = self.pretended();
        for counter in counters {
            let more = pretended.taken.get(&counter.key()).copied().unwrap_or(0);
            let number = usage.counters.entry(counter.key()).or_default();
            *number = number.saturating_add(more);
        }
        Ok(usage)
    }

    async fn due(&self, now: Timestamp, next: Option<String>) -> Result<Page, PortError> {
        self.ledger.due(now, next).await
    }
}

/// Looks at Systems Manager, and starts and stops nothing.
struct Eyes<'a>(Automation<'a>);

impl StartAutomation for Eyes<'_> {
    async fn start(&self, action: &Action) -> Result<String, PortError> {
        Ok(format!("would be started with token {}", action.client_token))
    }
}

impl ReadAutomation for Eyes<'_> {
    async fn execution(&self, place: &Place, execution_id: &str) -> Result<Execution, PortError> {
        self.0.execution(place, execution_id).await
    }
}

impl Approvals for Eyes<'_> {
    async fn document(&self, name: &str, version: &str) -> Result<Option<PinnedDocument>, PortError> {
        self.0.document(name, version).await
    }

    async fn withdraw(&self, _: &str) -> Result<(), PortError> {
        Ok(())
    }
}

/// Sends nothing.
struct NoHands;

impl SendLater for NoHands {
    async fn send_later(&self, _: Looker, _: &str, _: u32) -> Result<(), PortError> {
        Ok(())
    }
}
