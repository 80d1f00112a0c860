//! `aws:executeStateMachine`: runs a state machine to its end.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
};

pub(super) struct ExecuteStateMachine;

const INPUTS: [(&str, &str); 2] = [("stateMachineArn", "stateMachineArn"), ("name", "name")];
const OUTPUTS: [&str; 8] =
    ["executionArn", "input", "name", "output", "startDate", "stateMachineArn", "status", "stopDate"];

impl Action for ExecuteStateMachine {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.all_there(&["stateMachineArn"])?;
            let mut parameters = call.picked(&INPUTS);
            match call.inputs.get("input") {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => {
                    parameters.insert("input".to_owned(), json!(text));
                }
                Some(value) => {
                    parameters.insert("input".to_owned(), json!(value.to_string()));
                }
            }
            let started = call.request("stepfunctions", "StartExecution", parameters).await?;
            let arn = started.get("executionArn").cloned().unwrap_or_default();
            let asked = Map::from_iter([("executionArn".to_owned(), arn)]);
            let payload = call
                .until("stepfunctions", "DescribeExecution", &asked, |seen| {
                    let text = |name: &str| seen.get(name).and_then(Value::as_str).unwrap_or_default();
                    match text("status") {
                        "SUCCEEDED" => Ok(Some(seen.clone())),
                        "RUNNING" | "PENDING_REDRIVE" => Ok(None),
                        other => {
                            let reason = format!(
                                "The state machine ended with the status {other}: {} {}",
                                text("error"),
                                text("cause")
                            );
                            Err(Failure::new(Doing::Polling, FailureType::Action, &reason))
                        }
                    }
                })
                .await?;
            let outputs: BTreeMap<String, Value> = OUTPUTS
                .iter()
                .map(|name| ((*name).to_owned(), payload.get(name).cloned().unwrap_or_else(|| json!(""))))
                .collect();
            Ok(Done { payload, outputs, ..Done::default() })
        })
    }
}
