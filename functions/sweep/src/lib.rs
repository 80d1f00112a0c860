//! What is really non-compliant, unfinished or expired, back to the queues.
//!
//! Events are lost, and findings that had to wait or were seen in dry-run don't come again by themselves. So on a schedule
//! the ledger is asked for records whose time has come, and AWS Config for resources that do not comply; each goes to the
//! queue of whoever works on it, a resource in the shape of the event that Config would send: the sweep enters the same
//! code as the event.
//!
//! A pass that runs out of time, or that AWS throttles, remembers where it was, and the next one goes on there.

use jiff::Timestamp;
use plumb_model::{
    Control, ControlId, Deployment, DueRequest, Looker, Remediation, ResourceRef, State, Waiver,
    remediation_key,
};
use plumb_ports::{
    Class, FindingsQueue, Ledger, NonCompliant, PolicySource, PortError,
    sweep::{Cursor, Known, SweepMemory},
    tell::{Digest, Line},
};
use serde_json::{Map, Value, json};

/// `SendMessageBatch` takes at most ten messages.
const BATCH: usize = 10;

/// Everything that `sweep` needs.
pub struct Sweeper<C, L, M, Q, P, D> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// AWS Config.
    pub config: C,
    /// The table of remediations.
    pub ledger: L,
    /// What the sweep remembers, and many records at once.
    pub memory: M,
    /// The findings queue.
    pub findings: Q,
    /// The status queue.
    pub status: Q,
    /// The policy.
    pub policy: P,
    /// The lines of the next digest.
    pub digest: D,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// Why a sweep failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A call to AWS failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A queue refused messages; the next sweep sends them again.
    #[error("the queues did not take {0} messages")]
    NotTaken(usize),
}

impl SweepError {
    /// A stable word for the error type that Lambda reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Port(error) => error.class.code(),
            Self::NotTaken(_) => "not-taken",
        }
    }
}

/// What a pass came to.
#[derive(Debug, Default)]
struct Swept {
    found: Map<String, Value>,
    /// Non-compliant, but someone is at work on it, it waits for its time, or Plumb keeps its hands off.
    known: usize,
    due: usize,
    refused: usize,
    waivers_ended: usize,
    /// Where the next pass goes on; none if this one came to its end.
    rest: Option<Cursor>,
}

impl<C, L, M, Q, P, D> Sweeper<C, L, M, Q, P, D>
where
    C: NonCompliant,
    L: Ledger,
    M: SweepMemory + Known,
    Q: FindingsQueue,
    P: PolicySource,
    D: Digest,
{
    /// Sends everything whose time has come and every non-compliant resource that a control listens to, until that is
    /// done or `until` has come; the answer counts.
    ///
    /// # Errors
    /// When AWS can't be asked, or a queue doesn't take everything.
    pub async fn sweep(&self, until: Timestamp) -> Result<Value, SweepError> {
        let began_at = (self.now)();
        let cursor = self.memory.cursor().await?;
        let resumed = cursor.is_some();
        let mut swept = Swept::default();
        self.due(&mut swept, until).await?;
        self.non_compliant(&mut swept, cursor.unwrap_or(Cursor { began_at, ..Cursor::default() }), until)
            .await?;
        self.memory.remember(swept.rest.as_ref()).await?;
        // Last, because nobody's resource depends on it. A policy that can't be read is the other functions' alarm.
        match self.policy.policy(began_at).await {
            Ok(policy) => swept.waivers_ended = self.ended(&policy.waivers, began_at).await?,
            Err(error) => tracing::warn!(code = error.code, "ended waivers are not reported: {error}"),
        }
        let Swept { found, known, due, refused, waivers_ended, rest } = swept;
        tracing::info!(known, due, refused, waivers_ended, resumed, finished = rest.is_none(), "swept");
        if refused > 0 {
            return Err(SweepError::NotTaken(refused));
        }
        Ok(json!({
            "found": found, "known": known, "due": due, "waivers_ended": waivers_ended, "resumed": resumed,
            "finished": rest.is_none(),
        }))
    }

    /// Records that someone has to come back to.
    async fn due(&self, swept: &mut Swept, until: Timestamp) -> Result<(), SweepError> {
        let (now, mut next) = ((self.now)(), None);
        while (self.now)() < until {
            let page = self.ledger.due(now, next).await?;
            swept.due += page.records.len();
            for (looker, queue) in [(Looker::Remediate, &self.findings), (Looker::Track, &self.status)] {
                let due = page.records.iter().filter(|record| record.looked_at_by() == looker);
                let bodies: Vec<_> =
                    due.map(|record| DueRequest::of(record).event(now).to_string()).collect();
                swept.refused += sent(queue, &bodies).await?;
            }
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Resources that AWS Config holds to be non-compliant, from where the last pass stopped.
    async fn non_compliant(
        &self,
        swept: &mut Swept,
        mut cursor: Cursor,
        until: Timestamp,
    ) -> Result<(), SweepError> {
        let all: Vec<_> = plumb_catalogue::controls()
            .iter()
            .flat_map(|control| rules(control, &self.deployment).into_iter().map(move |rule| (control, rule)))
            .collect();
        // A rule that is no longer looked at: from the beginning.
        let from = all.iter().position(|(_, rule)| Some(rule) == cursor.rule.as_ref()).unwrap_or(0);
        if from == 0 && cursor.rule.as_ref() != all.first().map(|(_, rule)| rule) {
            cursor.token = None;
        }
        for (control, rule) in all.into_iter().skip(from) {
            cursor.rule = Some(rule.clone());
            loop {
                if (self.now)() >= until {
                    swept.rest = Some(cursor);
                    return Ok(());
                }
                let page = self.config.non_compliant(&rule, cursor.token.clone()).await;
                let (resources, token) = match page {
                    Ok(page) => page,
                    // Throttled beyond what the SDK waits for: others want to ask Config, too.
                    Err(error) if error.class == Class::Retry => {
                        tracing::warn!(rule, code = error.code, "goes on with the next sweep: {error}");
                        swept.rest = Some(cursor);
                        return Ok(());
                    }
                    Err(error) => return Err(error.into()),
                };
                let found = self.send(control, &rule, resources, swept).await?;
                let count = swept.found.entry(control.id).or_insert_with(|| json!(0));
                *count = json!(count.as_u64().unwrap_or(0).saturating_add(found));
                cursor.token = token;
                if cursor.token.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Sends a page of resources, without those of which the ledger knows that nothing would come of it; their number,
    /// with those.
    async fn send(
        &self,
        control: &Control,
        rule: &str,
        resources: Vec<ResourceRef>,
        swept: &mut Swept,
    ) -> Result<u64, SweepError> {
        let now = (self.now)();
        let found = u64::try_from(resources.len()).unwrap_or(u64::MAX);
        let Ok(id) = ControlId::parse(control.id) else { return Ok(found) };
        let keys: Vec<_> = resources.iter().map(|resource| remediation_key(&id, resource)).collect();
        let mut known = std::collections::BTreeMap::new();
        for chunk in keys.chunks(100) {
            known.extend(self.memory.known(chunk).await?);
        }
        let mut bodies = Vec::new();
        for (key, resource) in keys.iter().zip(&resources) {
            if known.get(key).is_some_and(|record| nothing_would_come(record, now)) {
                swept.known += 1;
            } else {
                bodies.push(event(rule, resource, now).to_string());
            }
        }
        swept.refused += sent(&self.findings, &bodies).await?;
        Ok(found)
    }

    /// Has ended waivers reported, each once.
    async fn ended(&self, waivers: &[Waiver], now: Timestamp) -> Result<usize, SweepError> {
        let mut ended = Vec::new();
        for waiver in waivers.iter().filter(|waiver| waiver.expires <= now) {
            let covered = json!(waiver.selector).to_string();
            let what = format!("waiver#{covered}#{}", waiver.expires);
            if self.memory.first_time(&what, now).await? {
                tracing::warn!(owner = waiver.owner, covered, expired = %waiver.expires, "a waiver has ended");
                ended.push(Line::WaiverExpired {
                    owner: waiver.owner.clone(),
                    reason: waiver.reason.clone(),
                    covered,
                    expired: waiver.expires,
                });
            }
        }
        for chunk in ended.chunks(BATCH) {
            self.digest.add(chunk).await?;
        }
        Ok(ended.len())
    }
}

/// Sends messages; the number of those that were not taken.
async fn sent<Q: FindingsQueue>(queue: &Q, bodies: &[String]) -> Result<usize, SweepError> {
    let mut refused = 0;
    for batch in bodies.chunks(BATCH) {
        refused += queue.send(batch).await?;
    }
    Ok(refused)
}

/// Whether another finding about the record would only be turned away: someone is at work on it, its time has not come, or
/// Plumb keeps its hands off until a person clears it.
fn nothing_would_come(record: &Remediation, now: Timestamp) -> bool {
    match record.state {
        State::Planned
        | State::Running
        | State::Verifying
        | State::RollingBack
        | State::Escalated
        | State::RolledBack => true,
        // Where nobody was asked, the policy may name approvers by now.
        State::AwaitingApproval => record.approval.is_some(),
        // A mode or a waiver may be another one by now.
        State::Detected | State::Waived => false,
        State::Fixed | State::Unneeded | State::Failed | State::Declined => {
            record.due_at.is_some_and(|due| due > now)
        }
    }
}

/// The rules that may hold findings of a control: the one that the stack deploys, and the managed rules under the names
/// that AWS gives them.
pub fn rules(control: &Control, deployment: &Deployment) -> Vec<String> {
    let own = ControlId::parse(control.id).ok().map(|id| deployment.config_rule(&id));
    own.into_iter().chain(control.config_rules.iter().map(|rule| rule.name.to_owned())).collect()
}

/// The event that AWS Config would send, with the sweep as its source.
pub fn event(rule: &str, resource: &ResourceRef, now: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": format!("sweep-{}-{}-{}", rule, resource.id, now.as_second()),
        "detail-type": "Config Rules Compliance Change",
        "source": "plumb.sweep",
        "account": resource.account,
        "region": resource.region,
        "time": now,
        "resources": [],
        "detail": {
            "messageType": "ComplianceChangeNotification",
            "awsAccountId": resource.account,
            "awsRegion": resource.region,
            "configRuleName": rule,
            "resourceType": resource.kind,
            "resourceId": resource.id,
            "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": now },
        },
    })
}
