//! To be written by its owner.

use std::sync::Arc;

use serde_json::Value;

use crate::service::{Answer, AwsError, Context, Request, Service};

/// The service, made before anything is started.
pub fn service(context: Context) -> Arc<dyn Service> {
    Arc::new(Unwritten(context))
}

struct Unwritten(Context);

impl Service for Unwritten {
    fn answers(&self, _operation: &str) -> bool {
        false
    }

    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>> {
        let account = self.0.account();
        Box::pin(async move {
            Err(AwsError::client("UnknownOperation", format!("`{}` in {account}", request.operation)))
        })
    }
}
