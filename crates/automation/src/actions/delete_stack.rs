//! `aws:deleteStack`: deletes a stack, and waits until it is gone.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::{Answer, ApiError},
};

pub(super) struct DeleteStack;

impl Action for DeleteStack {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::STACK_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let name = call.text("StackName")?;
            let id = match stack(&call, name).await? {
                Seen::There { id, .. } => id,
                // As with the API itself, what isn't there is deleted.
                Seen::Gone => return Ok(Done { payload: json!({}), ..Done::default() }),
            };
            call.request("cloudformation", "DeleteStack", call.inputs.clone()).await?;
            loop {
                match stack(&call, &id).await? {
                    Seen::Gone => break,
                    Seen::There { status, .. } if status == "DELETE_COMPLETE" => break,
                    Seen::There { status, .. } if status.ends_with("_FAILED") => {
                        let reason = format!("Stack {name} is {status}");
                        return Err(Failure::new(Doing::Polling, FailureType::Action, &reason).into());
                    }
                    Seen::There { .. } => call.ports.clock.sleep(choices::POLL_INTERVAL).await,
                }
            }
            Ok(Done { payload: json!({}), ..Done::default() })
        })
    }
}

enum Seen {
    There { id: String, status: String },
    Gone,
}

async fn stack(call: &Call<'_>, name: &str) -> Result<Seen, Failure> {
    let asked = Map::from_iter([("StackName".to_owned(), json!(name))]);
    match call.try_request("cloudformation", "DescribeStacks", asked).await {
        Ok(seen) => {
            let text = |member: &str| {
                let found = seen.pointer(&format!("/Stacks/0/{member}")).and_then(Value::as_str);
                found.unwrap_or_default().to_owned()
            };
            Ok(Seen::There { id: text("StackId"), status: text("StackStatus") })
        }
        Err(ApiError::Service { code, message, .. })
            if code == "ValidationError" && message.contains("does not exist") =>
        {
            Ok(Seen::Gone)
        }
        Err(error) => Err(Failure::api(&error)),
    }
}
