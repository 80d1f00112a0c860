//! The policy, delivered by AWS AppConfig.

use jiff::{SignedDuration, Timestamp};
use plumb_model::Policy;
use plumb_ports::{Class, PolicySource, PortError};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{clients::Aws, errors::incomplete, settings::PolicyProfile, signed::encoded};

/// How long a policy that was read counts: the shortest interval that AppConfig allows between two polls
/// ([`StartConfigurationSession`](https://docs.aws.amazon.com/appconfig/2019-10-09/APIReference/API_appconfigdata_StartConfigurationSession.html)),
/// because `mode: off` is the emergency stop.
const INTERVAL_SECONDS: i64 = 15;

const OPERATION: &str = "appconfig:GetLatestConfiguration";

const SERVICE: &str = "appconfigdata";

/// A policy delivered by AppConfig. Fails closed: one that can't be read, parsed or checked is an error, also when an
/// earlier one is still at hand. Before the first deployment the built-in default counts, which changes nothing.
pub struct DeliveredPolicy<'a> {
    aws: &'a Aws,
    profile: PolicyProfile,
    known_control: fn(&str) -> bool,
    session: Mutex<Option<Session>>,
}

/// A conversation with AppConfig, which sends the policy only when it is another than before.
struct Session {
    /// Good for one call.
    token: String,
    policy: Policy,
    poll_at: Timestamp,
}

impl<'a> DeliveredPolicy<'a> {
    /// The policy of this configuration profile; `known_control` tells a control's id from a typing error.
    pub fn new(aws: &'a Aws, profile: PolicyProfile, known_control: fn(&str) -> bool) -> Self {
        Self { aws, profile, known_control, session: Mutex::new(None) }
    }

    async fn start(&self) -> Result<String, PortError> {
        const OPERATION: &str = "appconfig:StartConfigurationSession";
        let asked = json!({
            "ApplicationIdentifier": self.profile.application,
            "EnvironmentIdentifier": self.profile.environment,
            "ConfigurationProfileIdentifier": self.profile.profile,
            "RequiredMinimumPollIntervalInSeconds": INTERVAL_SECONDS,
        });
        let to = ("POST", "/configurationsessions");
        let answer = self.aws.signed().rest(OPERATION, SERVICE, to, &asked).await?;
        let token = answer.get("InitialConfigurationToken").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| incomplete(OPERATION, "token"))
    }

    /// What is deployed now; `before` is what this session has got so far.
    async fn poll(&self, token: &str, before: Option<Policy>, now: Timestamp) -> Result<Session, PortError> {
        let path = format!("/configuration?configuration_token={}", encoded(token));
        let answer = self.aws.signed().get(OPERATION, SERVICE, &path).await?;
        // Empty: the same as before; in a new session, that nothing was ever deployed.
        let policy = if answer.body.is_empty() {
            before.unwrap_or_default()
        } else {
            let policy = self.parse(&answer.body)?;
            report(&policy, now);
            policy
        };
        let token = answer.header("next-poll-configuration-token");
        let token = token.ok_or_else(|| incomplete(OPERATION, "token"))?.to_owned();
        let wait = answer.header("next-poll-interval-in-seconds").and_then(|text| text.parse().ok());
        let wait = SignedDuration::from_secs(wait.unwrap_or(0).max(INTERVAL_SECONDS));
        Ok(Session { token, policy, poll_at: now.saturating_add(wait).unwrap_or(now) })
    }

    /// YAML, of which JSON is a part.
    fn parse(&self, text: &[u8]) -> Result<Policy, PortError> {
        let text = std::str::from_utf8(text).map_err(|error| unusable(Box::new(error)))?;
        let policy: Policy =
            serde_saphyr::from_str(text).map_err(|error| unusable(error.to_string().into()))?;
        policy.check(self.known_control).map_err(|error| unusable(Box::new(error)))?;
        Ok(policy)
    }
}

impl PolicySource for DeliveredPolicy<'_> {
    async fn policy(&self, now: Timestamp) -> Result<Policy, PortError> {
        let mut session = self.session.lock().await;
        if let Some(current) = session.as_ref()
            && now < current.poll_at
        {
            return Ok(current.policy.clone());
        }
        // The token is spent whatever comes of the call: after a failure the next one starts a new session, which is
        // sent the policy anew.
        let current = match session.take() {
            Some(Session { token, policy, .. }) => self.poll(&token, Some(policy), now).await?,
            None => self.poll(&self.start().await?, None, now).await?,
        };
        let policy = current.policy.clone();
        *session = Some(current);
        Ok(policy)
    }
}

/// Says, once for each policy that a sandbox gets, which waivers no longer count.
fn report(policy: &Policy, now: Timestamp) {
    for (place, waiver) in policy.waivers.iter().enumerate().filter(|(_, waiver)| waiver.is_expired(now)) {
        let (owner, expired) = (waiver.owner.as_str(), waiver.expires.to_string());
        tracing::warn!(place, owner, expired, "a waiver has expired and no longer counts");
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
