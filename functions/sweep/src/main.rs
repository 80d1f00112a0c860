//! The `sweep` Lambda function: wiring only.

// The SDK's futures nest deeper than rustc looks when it lays out `main`.
#![recursion_limit = "256"]

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use plumb_aws::{Aws, Config, Settings, SqsQueue};
use plumb_lambda::{init, now};
use plumb_sweep::Sweeper;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let queue = Settings::required(settings.findings_queue_url.as_ref(), "PLUMB_FINDINGS_QUEUE_URL")?;
    let aws = Aws::new(settings);
    let sweeper = Sweeper {
        config: Config::new(&aws, deployment.account.clone(), deployment.region.clone()),
        queue: SqsQueue::new(&aws, queue),
        deployment,
        now,
    };
    let sweep = async |_: LambdaEvent<Value>| {
        let swept = sweeper.sweep().await;
        swept.map_err(|error| Diagnostic {
            error_type: format!("Plumb.{}", error.code()),
            error_message: error.to_string(),
        })
    };
    lambda_runtime::run(service_fn(sweep)).await
}
