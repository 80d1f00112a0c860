//! The `sweep` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use plumb_aws::{Aws, Config, DeliveredPolicy, DigestQueue, DynamoLedger, Settings, SqsQueue, SweepTable};
use plumb_lambda::{init, now};
use plumb_sweep::Sweeper;
use serde_json::Value;

/// What is left of the function's time when the sweep stops and remembers where it was: longer than any one call takes.
const RESERVE: SignedDuration = SignedDuration::from_secs(45);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let required = |value: &Option<String>, name| Settings::required(value.as_ref(), name);
    let findings = required(&settings.findings_queue_url, "PLUMB_FINDINGS_QUEUE_URL")?;
    let status = required(&settings.status_queue_url, "PLUMB_STATUS_QUEUE_URL")?;
    let table = required(&settings.ledger_table, "PLUMB_LEDGER_TABLE")?;
    let profile = Settings::required(settings.policy_profile.as_ref(), "PLUMB_POLICY_PROFILE")?;
    let digest = required(&settings.tell.digest_queue_url, "PLUMB_DIGEST_QUEUE_URL")?;
    let aws = Aws::new(settings);
    let sweeper = Sweeper {
        config: Config(&aws),
        ledger: DynamoLedger::new(&aws, table.clone()),
        memory: SweepTable::new(&aws, table),
        findings: SqsQueue::new(&aws, findings),
        status: SqsQueue::new(&aws, status),
        policy: DeliveredPolicy::new(&aws, profile, |id| plumb_catalogue::control(id).is_some()),
        digest: DigestQueue::new(&aws, digest),
        deployment,
        now,
    };
    let sweep = async |event: LambdaEvent<Value>| {
        let swept = sweeper.sweep(until(&event)).await;
        swept.map_err(|error| Diagnostic {
            error_type: format!("Plumb.{}", error.code()),
            error_message: error.to_string(),
        })
    };
    lambda_runtime::run(service_fn(sweep)).await
}

/// When the sweep has to stop.
fn until(event: &LambdaEvent<Value>) -> Timestamp {
    let deadline = i64::try_from(event.context.deadline).ok();
    let deadline = deadline.and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let fallback = || now() + SignedDuration::from_secs(60);
    deadline.and_then(|deadline| deadline.checked_sub(RESERVE).ok()).unwrap_or_else(fallback)
}
