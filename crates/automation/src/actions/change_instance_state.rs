//! `aws:changeInstanceState`: starts, stops or terminates instances, and waits until they are.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{choices, failure::Failure, ports::Answer};

pub(super) struct ChangeInstanceState;

impl Action for ChangeInstanceState {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::WAIT_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let wanted = Wanted::of(&call)?;
            let ids = call.texts("InstanceIds")?;
            if !call.flag("CheckStateOnly")? {
                let mut parameters = call.picked(wanted.options());
                parameters.insert("InstanceIds".to_owned(), json!(ids));
                call.request("ec2", wanted.api(), parameters).await?;
            }
            let asked = Map::from_iter([("InstanceIds".to_owned(), json!(ids))]);
            let payload = call
                .until("ec2", "DescribeInstances", &asked, |seen| {
                    Ok(in_state(seen, ids.len(), wanted).then(|| seen.clone()))
                })
                .await?;
            if matches!(wanted, Wanted::Running) {
                call.until("ec2", "DescribeInstanceStatus", &asked, |seen| {
                    Ok(checks_are_ok(seen, ids.len()).then_some(()))
                })
                .await?;
            }
            Ok(Done { payload, ..Done::default() })
        })
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    Running,
    Stopped,
    Terminated,
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        match call.text("DesiredState")? {
            "running" => Ok(Self::Running),
            "stopped" => Ok(Self::Stopped),
            "terminated" => Ok(Self::Terminated),
            other => Err(Failure::inputs(&format!(
                "DesiredState is {other}; it may be running, stopped or terminated"
            ))),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Terminated => "terminated",
        }
    }

    fn api(self) -> &'static str {
        match self {
            Self::Running => "StartInstances",
            Self::Stopped => "StopInstances",
            Self::Terminated => "TerminateInstances",
        }
    }

    /// The inputs that the API takes beside the instances.
    fn options(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Running => &[("AdditionalInfo", "AdditionalInfo")],
            Self::Stopped => &[("Force", "Force")],
            Self::Terminated => &[],
        }
    }
}

fn in_state(seen: &Value, count: usize, wanted: Wanted) -> bool {
    let states: Vec<&str> = list(seen, "Reservations")
        .flat_map(|reservation| list(reservation, "Instances"))
        .filter_map(|instance| instance.pointer("/State/Name").and_then(Value::as_str))
        .collect();
    states.len() == count && states.iter().all(|state| *state == wanted.as_str())
}

fn checks_are_ok(seen: &Value, count: usize) -> bool {
    let ok = |status: &Value, check: &str| {
        status.get(check).and_then(|check| check.get("Status")).and_then(Value::as_str) == Some("ok")
    };
    let fine = |status: &&Value| ok(status, "InstanceStatus") && ok(status, "SystemStatus");
    list(seen, "InstanceStatuses").filter(fine).count() == count
}

pub(super) fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
