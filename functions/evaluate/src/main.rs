//! The `evaluate` Lambda function: wiring only.

mod policies;

use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use plumb_aws::{Aws, Evaluations, Reads, RestQueue, Settings};
use plumb_evaluate::{Evaluator, Refused, Unanswered};
use plumb_lambda::{Unfinished, answer, init, now};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = init()?;
    let deployment = settings.deployment.clone();
    let queue = Settings::required(settings.evaluations_queue_url.as_ref(), "PLUMB_EVALUATIONS_QUEUE_URL")?;
    let aws = Aws::new(settings);
    let evaluator = Evaluator {
        deployment,
        config: Evaluations(&aws),
        reads: Reads(&aws),
        queue: RestQueue { aws: &aws, url: queue },
        now,
        guard: policies::policy,
    };
    let evaluate = async |event: LambdaEvent<Value>| {
        let until = ends(event.context.deadline);
        // AWS Config invokes it directly; the rest of a long evaluation comes from the queue.
        let work = async |text: &str| {
            let event: Value =
                serde_json::from_str(text).map_err(|error| Unfinished::Rejected(error.to_string()))?;
            evaluator.handle(&event, until).await.map_err(unfinished)
        };
        answer(event.payload, &work, &()).await
    };
    lambda_runtime::run(service_fn(evaluate)).await
}

/// When this invocation ends, from the runtime's deadline in milliseconds since 1970.
fn ends(deadline: u64) -> Timestamp {
    let deadline = i64::try_from(deadline).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(deadline).unwrap_or_else(|_| now() + SignedDuration::from_secs(30))
}

fn unfinished(error: Unanswered) -> Unfinished {
    match error {
        Unanswered::Port(error) => Unfinished::Port(error),
        Unanswered::Refused(Refused(why)) => Unfinished::Rejected(why),
        Unanswered::NotTaken(_) => Unfinished::NotYet(error.to_string()),
    }
}
