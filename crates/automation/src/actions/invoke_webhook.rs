//! `aws:invokeWebhook`: what was declared for the integration.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Action, Call, Done, Unfinished};
use crate::{
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
};

pub(super) struct InvokeWebhook;

impl Action for InvokeWebhook {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move { Ok(invoke(&call)?) })
    }
}

fn invoke(call: &Call<'_>) -> Result<Done, Failure> {
    let integration = call.text("IntegrationName")?;
    let failed = |reason: &str| Failure::new(Doing::Executing, FailureType::Action, reason);
    let stub = call.ports.stubs.webhook(integration).ok_or_else(|| {
        failed(&format!(
            "Webhooks are not called here, and none is declared for integration {integration}; declare its ResponseCode and Response"
        ))
    })?;
    if !(200..300).contains(&stub.response_code) {
        return Err(failed(&format!("The webhook answered {}: {}", stub.response_code, stub.response)));
    }
    let outputs = BTreeMap::from([
        ("Response".to_owned(), json!(stub.response)),
        ("ResponseCode".to_owned(), json!(stub.response_code.to_string())),
    ]);
    Ok(Done { payload: json!(outputs), outputs, ..Done::default() })
}
