//! The `track` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use lambda_runtime::Error;
use plumb_aws::{Automation, Aws, Config, DynamoLedger, LookAgain, MessageNotes, Settings};
use plumb_lambda::{Notes, init, now, serve};
use plumb_track::Tracker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let table = Settings::required(settings.ledger_table.as_ref(), "PLUMB_LEDGER_TABLE")?;
    let findings = Settings::required(settings.findings_queue_url.as_ref(), "PLUMB_FINDINGS_QUEUE_URL")?;
    let status = Settings::required(settings.status_queue_url.as_ref(), "PLUMB_STATUS_QUEUE_URL")?;
    let aws = Aws::new(settings);
    let tracker = Tracker {
        ledger: DynamoLedger::new(&aws, table.clone()),
        automation: Automation(&aws),
        config: Config(&aws),
        later: LookAgain::new(&aws, findings, status),
        deployment,
        now,
    };
    let notes = Notes { table: MessageNotes::new(&aws, table), function: "track" };
    // On the heap: the future of a whole message is some 20 KB.
    serve(async |body: &str| Box::pin(tracker.handle(body)).await, notes).await
}
