//! `aws:runInstances`: launches instances, and waits until they run.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished, change_instance_state::list};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
};

pub(super) struct RunInstances;

/// The inputs that the API has under another name, or inside another member.
const OWN: [(&str, &str); 2] = [("MinInstanceCount", "MinCount"), ("MaxInstanceCount", "MaxCount")];
const PROFILE: [(&str, &str); 2] = [("IamInstanceProfileArn", "Arn"), ("IamInstanceProfileName", "Name")];

impl Action for RunInstances {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::WAIT_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            call.all_there(&["ImageId"])?;
            let answer = call.request("ec2", "RunInstances", parameters(&call)).await?;
            let ids: Vec<Value> = list(&answer, "Instances")
                .filter_map(|instance| instance.get("InstanceId"))
                .cloned()
                .collect();
            let asked = Map::from_iter([("InstanceIds".to_owned(), json!(ids))]);
            let states =
                call.until("ec2", "DescribeInstances", &asked, |seen| running(seen, ids.len())).await?;
            let outputs = BTreeMap::from([
                ("InstanceIds".to_owned(), Value::Array(ids)),
                ("InstanceStates".to_owned(), json!(states)),
            ]);
            Ok(Done { payload: answer, outputs, ..Done::default() })
        })
    }
}

fn parameters(call: &Call<'_>) -> Map<String, Value> {
    let own = |name: &str| OWN.iter().chain(&PROFILE).any(|(input, _)| *input == name);
    let mut parameters: Map<String, Value> =
        call.inputs.iter().filter(|(name, _)| !own(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
    parameters.entry("InstanceType").or_insert_with(|| json!("m1.small"));
    parameters.insert("MinCount".to_owned(), json!(1));
    parameters.insert("MaxCount".to_owned(), json!(1));
    parameters.extend(call.picked(&OWN));
    let profile = call.picked(&PROFILE);
    if !profile.is_empty() {
        parameters.insert("IamInstanceProfile".to_owned(), Value::Object(profile));
    }
    parameters
}

/// The states, once all instances run.
fn running(seen: &Value, count: usize) -> Result<Option<Vec<String>>, Failure> {
    let states: Vec<String> = list(seen, "Reservations")
        .flat_map(|reservation| list(reservation, "Instances"))
        .filter_map(|instance| instance.pointer("/State/Name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    if let Some(state) = states.iter().find(|state| !matches!(state.as_str(), "pending" | "running")) {
        let reason = format!("An instance is {state} instead of running");
        return Err(Failure::new(Doing::Polling, FailureType::Action, &reason));
    }
    Ok((states.len() == count && states.iter().all(|state| state == "running")).then_some(states))
}
