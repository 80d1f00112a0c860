//! The policy in SSM Parameter Store.

use jiff::{SignedDuration, Timestamp};
use plumb_model::Policy;
use plumb_ports::{Class, PolicySource, PortError};
use tokio::sync::Mutex;

use crate::{
    clients::Aws,
    errors::{failed, incomplete},
};

/// How long a policy that was read counts. Short, because `mode: off` is the emergency stop.
const FRESH: SignedDuration = SignedDuration::from_secs(10);

const OPERATION: &str = "ssm:GetParameter";

/// A policy held as YAML in an SSM parameter. Fails closed: one that can't be read, parsed or checked is an error.
pub struct ParameterPolicy<'a> {
    aws: &'a Aws,
    parameter: String,
    known_control: fn(&str) -> bool,
    cached: Mutex<Option<(Timestamp, Policy)>>,
}

impl<'a> ParameterPolicy<'a> {
    /// The policy in this parameter; `known_control` tells a control's id from a typing error.
    pub fn new(aws: &'a Aws, parameter: String, known_control: fn(&str) -> bool) -> Self {
        Self { aws, parameter, known_control, cached: Mutex::new(None) }
    }

    async fn read(&self) -> Result<Policy, PortError> {
        let answer = self
            .aws
            .ssm()
            .get_parameter()
            .name(&self.parameter)
            .send()
            .await
            .map_err(|error| failed(OPERATION, error))?;
        let text = answer.parameter.and_then(|parameter| parameter.value);
        let text = text.ok_or_else(|| incomplete(OPERATION, "value"))?;
        let policy: Policy =
            serde_saphyr::from_str(&text).map_err(|error| unusable(error.to_string().into()))?;
        policy.check(self.known_control).map_err(|error| unusable(Box::new(error)))?;
        Ok(policy)
    }
}

impl PolicySource for ParameterPolicy<'_> {
    async fn policy(&self, now: Timestamp) -> Result<Policy, PortError> {
        let mut cached = self.cached.lock().await;
        if let Some((read_at, policy)) = cached.as_ref()
            && now.duration_since(*read_at) < FRESH
        {
            return Ok(policy.clone());
        }
        let policy = self.read().await?;
        *cached = Some((now, policy.clone()));
        Ok(policy)
    }
}

fn unusable(source: Box<dyn std::error::Error + Send + Sync>) -> PortError {
    PortError {
        operation: OPERATION,
        code: "unusable policy".to_owned(),
        class: Class::Permanent,
        source: Some(source),
    }
}
