//! The `remediate` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use lambda_runtime::Error;
use plumb_aws::{
    Automation, Aws, DeliveredPolicy, DynamoLedger, LookAgain, MessageNotes, Settings, Surroundings,
};
use plumb_lambda::{Notes, init, now, serve};
use plumb_remediate::Remediator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let table = Settings::required(settings.ledger_table.as_ref(), "PLUMB_LEDGER_TABLE")?;
    let profile = Settings::required(settings.policy_profile.as_ref(), "PLUMB_POLICY_PROFILE")?;
    let findings = Settings::required(settings.findings_queue_url.as_ref(), "PLUMB_FINDINGS_QUEUE_URL")?;
    let status = Settings::required(settings.status_queue_url.as_ref(), "PLUMB_STATUS_QUEUE_URL")?;
    let aws = Aws::new(settings);
    let remediator = Remediator {
        deployment,
        ledger: DynamoLedger::new(&aws, table.clone()),
        automation: Automation(&aws),
        policy: DeliveredPolicy::new(&aws, profile, |id| plumb_catalogue::control(id).is_some()),
        surroundings: Surroundings(&aws),
        later: LookAgain::new(&aws, findings, status),
        now,
    };
    let notes = Notes { table: MessageNotes::new(&aws, table), function: "remediate" };
    // On the heap: the future of a whole message is some 20 KB.
    serve(async |body: &str| Box::pin(remediator.handle(body)).await, notes).await
}
