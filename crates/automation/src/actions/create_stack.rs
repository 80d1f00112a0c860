//! `aws:createStack`: makes a stack, and waits until it is there.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
};

pub(super) struct CreateStack;

impl Action for CreateStack {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::STACK_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let name = call.text("StackName")?;
            if call.inputs.contains_key("TemplateBody") == call.inputs.contains_key("TemplateURL") {
                return Err(Failure::inputs("Exactly one of TemplateBody and TemplateURL is required").into());
            }
            let made = call.request("cloudformation", "CreateStack", call.inputs.clone()).await?;
            let id = made.get("StackId").and_then(Value::as_str).unwrap_or(name);
            let asked = Map::from_iter([("StackName".to_owned(), json!(id))]);
            let payload = call.until("cloudformation", "DescribeStacks", &asked, created).await?;
            let text = |member: &str| {
                payload.pointer(&format!("/Stacks/0/{member}")).and_then(Value::as_str).unwrap_or_default()
            };
            let outputs = ["StackId", "StackStatus", "StackStatusReason"]
                .map(|member| (member.to_owned(), json!(text(member))));
            Ok(Done { outputs: BTreeMap::from(outputs), payload, ..Done::default() })
        })
    }
}

fn created(seen: &Value) -> Result<Option<Value>, Failure> {
    let text = |member: &str| {
        seen.pointer(&format!("/Stacks/0/{member}")).and_then(Value::as_str).unwrap_or_default()
    };
    match text("StackStatus") {
        "CREATE_COMPLETE" => Ok(Some(seen.clone())),
        "CREATE_IN_PROGRESS" | "ROLLBACK_IN_PROGRESS" | "REVIEW_IN_PROGRESS" | "DELETE_IN_PROGRESS" => {
            Ok(None)
        }
        other => {
            let reason = format!("Stack {} is {other}: {}", text("StackName"), text("StackStatusReason"));
            Err(Failure::new(Doing::Polling, FailureType::Action, &reason))
        }
    }
}
