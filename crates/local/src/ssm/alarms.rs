//! `AlarmConfiguration`: an alarm of CloudWatch that stops an execution.

use std::time::Duration;

use plumb_automation::{Stop, Stopper};
use serde_json::{Value, json};

use crate::{
    members::{items, text},
    service::{AwsError, Caller, Context, Request},
    worker::Call,
};

/// How long to rest between two looks at an alarm. AWS doesn't say.
const REST: Duration = Duration::from_secs(2);

/// The alarm that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    name: String,
    /// Whether an execution goes on while the alarm can't be looked at.
    ignore_failure: bool,
}

impl Alarm {
    /// Reads the request; nothing if it names none.
    pub(super) fn read(request: &Request) -> Result<Option<Self>, AwsError> {
        let Some(configuration) = request.body.get("AlarmConfiguration").filter(|given| !given.is_null())
        else {
            return Ok(None);
        };
        let names: Vec<&str> =
            items(configuration, "Alarms").filter_map(|alarm| text(alarm, "Name")).collect();
        let [name] = names.as_slice() else {
            let message = "`AlarmConfiguration` needs exactly one alarm with a `Name`";
            return Err(AwsError::client("ValidationException", message));
        };
        let ignore_failure =
            configuration.get("IgnorePollAlarmFailure").and_then(Value::as_bool) == Some(true);
        Ok(Some(Self { name: (*name).to_owned(), ignore_failure }))
    }

    /// As `GetAutomationExecution` shows it.
    pub(super) fn shown(&self) -> Value {
        json!({"IgnorePollAlarmFailure": self.ignore_failure, "Alarms": [{"Name": self.name}]})
    }

    /// Looks again and again; cancels the execution and returns once the alarm is on, or can't be looked at.
    pub(super) async fn watch(&self, context: &Context, region: &str, stopper: &Stopper) -> Value {
        loop {
            let state = self.state(context, region).await;
            let state = match state.as_deref() {
                Ok("ALARM") => Some("ALARM"),
                Err(_) if !self.ignore_failure => Some("UNKNOWN"),
                Ok(_) | Err(_) => None,
            };
            if let Some(state) = state {
                stopper.stop(Stop::Cancel);
                return json!([{"Name": self.name, "State": state}]);
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn state(&self, context: &Context, region: &str) -> Result<String, String> {
        let call = Call {
            region: Some(region.to_owned()),
            caller: Caller::Local,
            ..Call::outside("cloudwatch", "DescribeAlarms", json!({"AlarmNames": [self.name]}))
        };
        let found = context.worker().call(call).await.map_err(|error| error.to_string())?;
        let state = items(&found, "MetricAlarms")
            .chain(items(&found, "CompositeAlarms"))
            .find_map(|alarm| text(alarm, "StateValue"));
        state.map(str::to_owned).ok_or_else(|| format!("there is no alarm `{}`", self.name))
    }
}
