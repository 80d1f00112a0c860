//! What is really non-compliant, back to the queue.
//!
//! Events are lost, and findings that were deferred or seen in dry-run don't come again by themselves. So on a schedule
//! AWS Config is asked which resources do not comply, and each goes to the findings queue in the shape of the event
//! that Config would send: the sweep enters the same code as the event.

use jiff::Timestamp;
use plumb_model::{Control, ControlId, Deployment, ResourceRef};
use plumb_ports::{FindingsQueue, NonCompliant, PortError};
use serde_json::{Value, json};

/// `SendMessageBatch` takes at most ten messages.
const BATCH: usize = 10;

/// Everything that `sweep` needs.
pub struct Sweeper<C, Q> {
    /// Where this stack is.
    pub deployment: Deployment,
    /// AWS Config.
    pub config: C,
    /// The findings queue.
    pub queue: Q,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// Some messages were not taken.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A call to AWS failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The queue refused messages; the next sweep sends them again.
    #[error("the findings queue did not take {0} messages")]
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

impl<C: NonCompliant, Q: FindingsQueue> Sweeper<C, Q> {
    /// Sends every non-compliant resource that a control listens to; the answer counts them by control.
    ///
    /// # Errors
    /// When AWS Config can't be asked, or the queue doesn't take everything.
    pub async fn sweep(&self) -> Result<Value, SweepError> {
        let mut counts = serde_json::Map::new();
        let mut refused = 0;
        for control in plumb_catalogue::controls() {
            let mut found = 0_usize;
            for rule in rules(control, &self.deployment) {
                let mut next = None;
                loop {
                    let (resources, token) = self.config.non_compliant(&rule, next).await?;
                    let bodies: Vec<_> = resources
                        .iter()
                        .map(|resource| event(&rule, resource, (self.now)()).to_string())
                        .collect();
                    for batch in bodies.chunks(BATCH) {
                        refused += self.queue.send(batch).await?;
                    }
                    found += resources.len();
                    next = token;
                    if next.is_none() {
                        break;
                    }
                }
            }
            tracing::info!(control = control.id, found, "swept");
            counts.insert(control.id.to_owned(), json!(found));
        }
        if refused > 0 { Err(SweepError::NotTaken(refused)) } else { Ok(json!({ "found": counts })) }
    }
}

/// The rules that may hold findings of a control: the one that the stack deploys, and the managed rules under the names
/// that AWS gives them.
fn rules(control: &Control, deployment: &Deployment) -> Vec<String> {
    let own = ControlId::parse(control.id).ok().map(|id| deployment.config_rule(&id));
    own.into_iter().chain(control.config_rules.iter().map(|rule| rule.name.to_owned())).collect()
}

/// The event that AWS Config would send, with the sweep as its source.
fn event(rule: &str, resource: &ResourceRef, now: Timestamp) -> Value {
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
