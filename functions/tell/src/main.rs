//! The `tell` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use plumb_aws::{Aws, DigestQueue, EventBus, FindingNotes, HistoryTable, OpsCenter, Settings, SnsTopic};
use plumb_lambda::{init, now};
use plumb_tell::{TellError, Teller};
use serde_json::{Value, json};

/// What is left of the function's time when the digest is sent with what was read by then.
const RESERVE: SignedDuration = SignedDuration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let required = |value: &Option<String>, name| Settings::required(value.as_ref(), name);
    let bus = required(&settings.tell.event_bus, "PLUMB_EVENT_BUS")?;
    let topic = required(&settings.tell.topic_arn, "PLUMB_TOPIC_ARN")?;
    let table = required(&settings.tell.history_table, "PLUMB_HISTORY_TABLE")?;
    let queue = required(&settings.tell.digest_queue_url, "PLUMB_DIGEST_QUEUE_URL")?;
    let deployment = settings.deployment.clone();
    let aws = Aws::new(settings);
    let teller = Teller {
        deployment,
        history: HistoryTable::new(&aws, table),
        bus: EventBus::new(&aws, bus),
        topic: SnsTopic::new(&aws, topic),
        ops_items: OpsCenter(&aws),
        notes: FindingNotes(&aws),
        digest: DigestQueue::new(&aws, queue),
        measured: plumb_lambda::measured,
        now,
    };
    let told = async |event: LambdaEvent<Value>| {
        let answer = match event.payload.get("Records").and_then(Value::as_array) {
            Some(records) => teller.records(records).await.map(|again| {
                let failures: Vec<_> = again.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
                json!({ "batchItemFailures": failures })
            }),
            None => teller.send_digest(until(&event)).await.map(|lines| json!({ "lines": lines })),
        };
        answer.map_err(|error: TellError| {
            tracing::error!(code = error.code(), "not told: {error}");
            Diagnostic { error_type: format!("Plumb.{}", error.code()), error_message: error.to_string() }
        })
    };
    lambda_runtime::run(service_fn(told)).await
}

/// When the digest has to be on its way.
fn until(event: &LambdaEvent<Value>) -> Timestamp {
    let deadline = i64::try_from(event.context.deadline).ok();
    let deadline = deadline.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let fallback = || now() + SignedDuration::from_secs(15);
    deadline.and_then(|deadline| deadline.checked_sub(RESERVE).ok()).unwrap_or_else(fallback)
}
