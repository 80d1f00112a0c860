//! `aws:runCommand`: what was declared for the document, for there are no instances to run it on.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
};

pub(super) struct RunCommand;

impl Action for RunCommand {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move { Ok(run(&call)?) })
    }
}

fn run(call: &Call<'_>) -> Result<Done, Failure> {
    let document = call.text("DocumentName")?;
    let has =
        |name: &str| call.inputs.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if !has("InstanceIds") && !has("Targets") {
        return Err(Failure::inputs("One of InstanceIds and Targets is required"));
    }
    if has("InstanceIds") && call.texts("InstanceIds")?.len() > choices::MAX_COMMAND_INSTANCES {
        return Err(Failure::inputs("A command may have 50 InstanceIds at most"));
    }
    let stub = call.ports.stubs.command(document).ok_or_else(|| {
        let reason = format!(
            "Commands are not run here, and none is declared for document {document}; declare its Status and Output"
        );
        Failure::new(Doing::Executing, FailureType::Action, &reason)
    })?;
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{}/command", call.id, call.attempt).as_bytes());
    let outputs: BTreeMap<String, Value> = [
        ("CommandId", json!(id.to_string())),
        ("Status", json!(stub.status)),
        ("ResponseCode", json!(stub.response_code.to_string())),
        ("Output", json!(stub.output)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if stub.status != "Success" {
        let reason = format!("Command {id} ended with the status {}: {}", stub.status, stub.output);
        return Err(Failure::new(Doing::Polling, FailureType::Action, &reason));
    }
    Ok(Done { payload: json!(outputs), outputs, ..Done::default() })
}
