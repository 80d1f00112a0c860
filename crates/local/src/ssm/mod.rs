//! Systems Manager, as far as runbooks need it: Automation documents and their executions. Parameters and everything
//! else of the service are an emulator's.
//!
//! Executions are real: the engine runs their steps against the emulated services. A `ClientToken` that is used again
//! with the same request gives the same execution again, and `IdempotentParameterMismatch` with another request; AWS
//! documents only the latter.

mod alarms;
mod calendars;
mod documents;
mod execution_operations;
mod executions;
mod fetched;
mod library;
mod notifications;
mod ops_items;
mod run;
mod settings;
mod signals;
mod stored;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use library::Library;

use crate::service::{Answer, AwsError, Context, Request, Service};

/// The service, made before anything is started; and its documents, which may be shared with other accounts.
pub(crate) fn service(context: Context) -> (Arc<dyn Service>, Library) {
    let (library, settings) = (library::Library::default(), settings::Settings::default());
    let runner = run::Runner::new(context.clone(), library.clone(), settings.clone());
    let known = library.clone();
    let service = Arc::new(Ssm {
        context,
        settings,
        library,
        runner,
        ops_items: ops_items::OpsItems::default(),
        calendars: calendars::Calendars::default(),
    });
    (service, known)
}

struct Ssm {
    context: Context,
    settings: settings::Settings,
    library: library::Library,
    runner: run::Runner,
    ops_items: ops_items::OpsItems,
    calendars: calendars::Calendars,
}

impl Service for Ssm {
    fn answers(&self, operation: &str) -> bool {
        operation == "GetCalendarState"
            || documents::find(operation).is_some()
            || execution_operations::find(operation).is_some()
            || ops_items::find(operation).is_some()
            || settings::find(operation).is_some()
    }

    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            if let Some(answer) = self.calendars.handle(request) {
                return answer;
            }
            let request = &fetched::fetched(&self.context, request).await?;
            if let Some(operation) = documents::find(&request.operation) {
                return operation(&self.library, request);
            }
            if let Some(operation) = ops_items::find(&request.operation) {
                return operation(&self.ops_items, request);
            }
            if let Some(operation) = settings::find(&request.operation) {
                return operation(&self.settings, request);
            }
            let operation = execution_operations::find(&request.operation).ok_or_else(|| {
                AwsError::client(
                    "UnknownOperationException",
                    format!("`{}` is not answered here", request.operation),
                )
            })?;
            operation(&self.runner, request)
        })
    }
}

fn page(
    name: &str,
    items: Vec<(String, Value)>,
    request: &Request,
    usual: usize,
    most: usize,
) -> Result<Value, AwsError> {
    let limit = match request.body.get("MaxResults").and_then(Value::as_u64) {
        None => usual,
        Some(asked) => {
            usize::try_from(asked).ok().filter(|asked| (1..=most).contains(asked)).ok_or_else(|| {
                AwsError::client("ValidationException", format!("`MaxResults` must be between 1 and {most}"))
            })?
        }
    };
    let token = crate::members::text(&request.body, "NextToken");
    crate::pages::page(name, items, limit, token)
        .map_err(|error| AwsError::client("InvalidNextToken", error.to_string()))
}

fn required<'a>(request: &'a Request, name: &str) -> Result<&'a str, AwsError> {
    crate::members::text(&request.body, name)
        .ok_or_else(|| AwsError::client("ValidationException", format!("`{name}` is missing")))
}

/// The partition of a Region.
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
