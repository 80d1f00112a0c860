//! AWS Config, as far as Plumb needs it: configuration items, rules, their evaluations and the events that tell of changes.
//!
//! Resources are recorded ([`items`], [`recording`]) and kept as items ([`history`]) soon after a call that changed
//! something in their service. Managed rules judge the emulated services by reading them ([`managed`]). A custom rule's
//! function is invoked with the items that have changed, when its time has come, and when somebody asks ([`invocation`]),
//! and puts its evaluations with the token that it was given. Everything that is recorded is recorded by one recorder,
//! `default`, which can't be changed; it begins in a Region when somebody puts a rule there or asks for an item.

mod aggregators;
mod custom;
mod diff;
mod discovery;
mod evaluation;
mod evaluator;
mod history;
mod invocation;
mod invoker;
mod item;
mod items;
mod managed;
mod notifications;
mod operations;
mod query;
mod reader;
mod recorder;
mod recording;
mod rule;
mod select;
mod store;
mod tokens;

use std::{borrow::Cow, sync::Arc};

use axum::http::{Method, Uri};
use serde_json::{Value, json};

use crate::{
    identify::query,
    service::{Answer, AwsError, Context, Request, Service},
};

/// The service, made before anything is started.
pub fn service(context: Context) -> Arc<dyn Service> {
    Arc::new(Config {
        aggregators: aggregators::Aggregators::default(),
        evaluator: evaluator::Evaluator::new(context),
    })
}

struct Config {
    aggregators: aggregators::Aggregators,
    evaluator: evaluator::Evaluator,
}

impl Service for Config {
    fn answers(&self, operation: &str) -> bool {
        operations::find(operation).is_some()
            || discovery::find(operation).is_some()
            || aggregators::answers(operation)
    }

    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            if aggregators::answers(&request.operation) {
                return self.aggregators.handle(&self.evaluator.context, request).await;
            }
            if let Some(operation) = discovery::find(&request.operation) {
                self.evaluator.begin_recording(&request.region).await;
                return operation(&self.evaluator.recording, request);
            }
            if request.operation == "PutConfigRule" {
                self.evaluator.check_function(request).await?;
            }
            let operation = operations::find(&request.operation).ok_or_else(|| {
                AwsError::client(
                    "UnknownOperationException",
                    format!("`{}` is not answered here", request.operation),
                )
            })?;
            operation(&self.evaluator, request)
        })
    }

    /// `POST /_plumb/schedule`, with `rule` and `region` if only those are meant.
    fn page(&self, method: &Method, uri: &Uri) -> Option<Value> {
        if method != Method::POST || uri.path() != "/_plumb/schedule" {
            return None;
        }
        let region =
            query(uri, "region").map_or_else(|| self.evaluator.context.region().to_owned(), Cow::into_owned);
        let names = self.evaluator.schedule_now(&region, query(uri, "rule").as_deref());
        Some(json!({"scheduled": names}))
    }

    fn regions(&self) -> Vec<String> {
        self.evaluator.store.regions()
    }

    fn started(&self) -> Answer<'_, ()> {
        self.evaluator.watch();
        Box::pin(async {})
    }
}
