//! `aws:invokeLambdaFunction`: calls a function.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    parameters::text,
    ports::Answer,
};

pub(super) struct InvokeLambda;

const INPUTS: [(&str, &str); 5] = [
    ("FunctionName", "FunctionName"),
    ("Qualifier", "Qualifier"),
    ("InvocationType", "InvocationType"),
    ("LogType", "LogType"),
    ("ClientContext", "ClientContext"),
];

impl Action for InvokeLambda {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::LAMBDA_TIMEOUT)
    }

    fn longest(&self) -> Option<Duration> {
        Some(choices::LAMBDA_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.all_there(&["FunctionName"])?;
            let mut parameters = call.picked(&INPUTS);
            if let Some(payload) = payload(call.inputs) {
                parameters.insert("Payload".to_owned(), Value::String(payload));
            }
            let answer = call.request("lambda", "Invoke", parameters).await?;
            let size = answer.get("Payload").and_then(Value::as_str).map_or(0, str::len);
            if size > choices::MAX_LAMBDA_PAYLOAD_BYTES {
                let reason = format!("The function returned {size} bytes; the most is 200 KB");
                return Err(Failure::new(Doing::Executing, FailureType::Action, &reason).into());
            }
            Ok(done(&answer))
        })
    }
}

/// `InputPayload` is JSON and wins over `Payload`, which is text.
fn payload(inputs: &Map<String, Value>) -> Option<String> {
    let given = |name: &str| inputs.get(name).filter(|value| !value.is_null());
    match (given("InputPayload"), given("Payload")) {
        (Some(value), _) => Some(value.to_string()),
        (None, Some(value)) => Some(text(value)),
        (None, None) => None,
    }
}

fn done(answer: &Value) -> Done {
    let member = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = member("Payload");
    let outputs: BTreeMap<String, Value> = [
        (
            "StatusCode",
            answer.get("StatusCode").map_or(Value::String(String::new()), |code| json!(code.to_string())),
        ),
        ("FunctionError", json!(member("FunctionError"))),
        ("LogResult", json!(member("LogResult"))),
        ("Payload", json!(body)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    // The guide selects `$.Payload` of the answer in one place, and a member of what the function returned in another.
    let mut members = match serde_json::from_str(&body) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    for name in ["StatusCode", "FunctionError", "LogResult", "ExecutedVersion"] {
        if let Some(value) = answer.get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    members.insert("Payload".to_owned(), json!(body));
    Done { payload: Value::Object(members), outputs, ..Done::default() }
}
