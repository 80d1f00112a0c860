//! `aws:assertAwsResourceProperty`: one look, which must show a desired value.

use std::time::Duration;

use serde_json::Value;

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    condition::is_desired,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::Answer,
    selector::{Selection, Selector},
};

pub(super) struct AssertProperty;

/// The inputs that are not the API's.
pub(super) const OWN: [&str; 2] = ["PropertySelector", "DesiredValues"];

impl Action for AssertProperty {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::API_CALL_TIMEOUT)
    }

    fn longest(&self) -> Option<Duration> {
        Some(choices::API_CALL_TIMEOUT)
    }

    fn makes_calls(&self) -> bool {
        true
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let expected = Expected::of(&call)?;
            let payload = call.api(&OWN).await?;
            let found = expected.find(&payload)?;
            if expected.is_met_by(&found) {
                return Ok(Done { payload, ..Done::default() });
            }
            let reason = format!(
                "Property value {} from the API output is not in the desired values {}",
                found,
                Value::Array(expected.values)
            );
            Err(Failure::new(Doing::Verifying, FailureType::Verification, &reason).into())
        })
    }
}

/// What a property should be.
pub(super) struct Expected {
    selector: Selector,
    values: Vec<Value>,
}

impl Expected {
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let selector = Selector::parse(call.text("PropertySelector")?)
            .map_err(|error| Failure::inputs(&error.to_string()))?;
        match call.inputs.get("DesiredValues") {
            Some(Value::Array(values)) if !values.is_empty() => Ok(Self { selector, values: values.clone() }),
            _ => Err(Failure::inputs("Required input DesiredValues is missing or not a list")),
        }
    }

    /// The property; null if the response has none.
    pub(super) fn find(&self, response: &Value) -> Result<Value, Failure> {
        match self.selector.select(response) {
            Ok(Selection::Nothing) => Ok(Value::Null),
            Ok(Selection::One(value)) => Ok(value),
            Ok(Selection::Many(values)) => Ok(Value::Array(values)),
            Err(error) => Err(Failure::new(Doing::Verifying, FailureType::Verification, &error.to_string())),
        }
    }

    pub(super) fn is_met_by(&self, found: &Value) -> bool {
        is_desired(found, &self.values)
    }
}
