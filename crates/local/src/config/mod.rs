//! AWS Config, as far as Plumb needs it: rules, their evaluations and the events that tell of changes.
//!
//! Managed rules judge the emulated services by reading them ([`managed`]); all are evaluated when they are put, soon
//! after a call that changed something in their service, and on `StartConfigRulesEvaluation`. A custom rule is kept and
//! answers with what `PutEvaluations` told it: its `ResultToken` is the rule's name, for no function is invoked.
//! Everything that is recorded is recorded by one recorder, `default`, which can't be changed.

mod evaluation;
mod evaluator;
mod managed;
mod notifications;
mod operations;
mod reader;
mod recorder;
mod rule;
mod store;

use std::sync::Arc;

use serde_json::Value;

use crate::service::{Answer, AwsError, Context, Request, Service};

/// The service, made before anything is started.
pub fn service(context: Context) -> Arc<dyn Service> {
    Arc::new(Config { evaluator: evaluator::Evaluator::new(context) })
}

struct Config {
    evaluator: evaluator::Evaluator,
}

impl Service for Config {
    fn answers(&self, operation: &str) -> bool {
        operations::find(operation).is_some()
    }

    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            let operation = operations::find(&request.operation).ok_or_else(|| {
                AwsError::client(
                    "UnknownOperationException",
                    format!("`{}` is not answered here", request.operation),
                )
            })?;
            operation(&self.evaluator, request)
        })
    }

    fn started(&self) -> Answer<'_, ()> {
        self.evaluator.watch();
        Box::pin(async {})
    }
}
