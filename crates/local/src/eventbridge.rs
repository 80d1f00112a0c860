//! Service events: handed to EventBridge in AWS's own name, in order, without holding the service up.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};
use uuid::Uuid;

use crate::service::Context;

/// An event that a service published, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// When it was handed over.
    pub at: Timestamp,
    /// The event as a target receives it.
    pub event: Value,
    /// Why EventBridge did not take it; nothing if it did.
    pub error: Option<String>,
}

/// The events that services published since the start, oldest first; the oldest go when there are too many. Cheap to
/// clone: all clones are one log.
#[derive(Debug, Clone, Default)]
pub struct EventLog(Arc<Mutex<Vec<Published>>>);

const KEPT: usize = 20_000;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

impl EventLog {
    /// The events that `wanted` picks.
    pub fn select(&self, wanted: impl Fn(&Published) -> bool) -> Vec<Published> {
        self.lock().iter().filter(|published| wanted(published)).cloned().collect()
    }

    pub(crate) fn push(&self, published: Published) {
        let mut log = self.lock();
        if log.len() >= KEPT {
            log.drain(..KEPT / 2);
        }
        log.push(published);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Published>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A service's way to publish. Best effort, as AWS's is: an event that can't be delivered is logged and lost.
#[derive(Debug)]
pub(crate) struct Publisher {
    context: Context,
    queue: OnceLock<UnboundedSender<Value>>,
}

impl Publisher {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, queue: OnceLock::new() }
    }

    /// Queues an event made by [`event`]. Must be called within the runtime.
    pub(crate) fn publish(&self, event: Value) {
        let queue = self.queue.get_or_init(|| {
            let (sender, receiver) = unbounded_channel();
            tokio::spawn(deliver(self.context.clone(), receiver));
            sender
        });
        if queue.send(event).is_err() {
            tracing::warn!("an event is lost: the delivery has ended");
        }
    }
}

async fn deliver(context: Context, mut queue: UnboundedReceiver<Value>) {
    while let Some(event) = queue.recv().await {
        let error = match timeout(PATIENCE, context.deliver(&event)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("EventBridge did not answer within {PATIENCE:?}")),
        };
        if let Some(error) = &error {
            let kind = event.get("detail-type").and_then(Value::as_str).unwrap_or_default();
            tracing::warn!(kind, error, "an event is lost");
        }
        context.events().push(Published { at: Timestamp::now(), event, error });
    }
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// `aws.ssm`, `aws.config`.
    pub(crate) source: &'a str,
    /// The account.
    pub(crate) account: &'a str,
    /// The Region.
    pub(crate) region: &'a str,
}

/// An event in the envelope that targets receive.
pub(crate) fn event(
    origin: Origin<'_>,
    detail_type: &str,
    at: Timestamp,
    resources: &[String],
    detail: Value,
) -> Value {
    let mut envelope = json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": detail_type,
        "source": origin.source,
        "account": origin.account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": origin.region,
        "resources": resources,
    });
    if let Value::Object(members) = &mut envelope {
        members.insert("detail".to_owned(), detail);
    }
    envelope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_envelope_that_targets_receive() {
        let origin = Origin { source: "aws.config", account: "123456789012", region: "us-east-1" };
        let at: Timestamp = "2024-11-29T19:43:35.678Z".parse().unwrap();
        let mut event = event(origin, "Config Rules Compliance Change", at, &[], json!({"a": 1}));
        let id = event.as_object_mut().unwrap().remove("id").unwrap();
        assert!(Uuid::parse_str(id.as_str().unwrap()).is_ok());
        assert_eq!(
            event,
            json!({
                "version": "0", "detail-type": "Config Rules Compliance Change", "source": "aws.config",
                "account": "123456789012", "time": "2024-11-29T19:43:35Z", "region": "us-east-1", "resources": [],
                "detail": {"a": 1},
            })
        );
    }

    #[test]
    fn the_log_forgets_the_oldest_first() {
        let log = EventLog::default();
        for number in 0..=KEPT {
            log.push(Published { at: Timestamp::UNIX_EPOCH, event: json!(number), error: None });
        }
        let kept = log.select(|_| true);
        assert_eq!(kept.len(), KEPT / 2 + 1);
        assert_eq!(kept.last().map(|published| published.event.clone()), Some(json!(KEPT)));
    }
}
