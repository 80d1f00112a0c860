//! The `track` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use lambda_runtime::Error;
use plumb_aws::{Automation, Aws, Config, DynamoLedger, Settings};
use plumb_lambda::{init, now, serve};
use plumb_track::Tracker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let table = Settings::required(settings.ledger_table.as_ref(), "PLUMB_LEDGER_TABLE")?;
    let aws = Aws::new(settings);
    let tracker = Tracker {
        ledger: DynamoLedger::new(&aws, table),
        automation: Automation(&aws),
        config: Config::new(&aws, deployment.account.clone(), deployment.region.clone()),
        deployment,
        now,
    };
    serve(async |body: &str| tracker.handle(body).await).await
}
