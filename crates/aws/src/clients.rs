//! The SDK clients: one configuration, one connector, made at first use.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use jiff::{SignedDuration, Timestamp};
use plumb_model::Place;
use plumb_ports::PortError;

use crate::{members, settings::Settings, signed::Signed};

/// AWS, as this function sees it.
#[derive(Debug)]
pub struct Aws {
    settings: Settings,
    shared: OnceLock<SdkConfig>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    config: OnceLock<aws_sdk_config::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    connector: OnceLock<Connector>,
    http: OnceLock<SharedHttpClient>,
    members: Mutex<HashMap<Place, Session>>,
}

/// AWS at a member's place, for as long as the credentials hold.
#[derive(Debug, Clone)]
struct Session {
    aws: Arc<Aws>,
    until: Timestamp,
}

/// AWS at a place: this function's own, or by a role of the member's.
pub(crate) enum At<'a> {
    /// At home.
    Home(&'a Aws),
    /// Elsewhere.
    Away(Arc<Aws>),
}

impl Deref for At<'_> {
    type Target = Aws;

    fn deref(&self) -> &Aws {
        match self {
            Self::Home(aws) => aws,
            Self::Away(aws) => aws,
        }
    }
}

/// What is left of a session's time when another one is asked for: longer than any one message takes.
const RENEW: SignedDuration = SignedDuration::from_mins(5);

impl Aws {
    /// Connects nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            shared: OnceLock::new(),
            ssm: OnceLock::new(),
            dynamodb: OnceLock::new(),
            config: OnceLock::new(),
            sqs: OnceLock::new(),
            connector: OnceLock::new(),
            http: OnceLock::new(),
            members: Mutex::default(),
        }
    }

    /// AWS at a place. Elsewhere than at home the member's role is assumed, once for as long as the credentials hold.
    ///
    /// # Errors
    /// When the role can't be assumed.
    pub(crate) async fn at(&self, place: &Place) -> Result<At<'_>, PortError> {
        let home = &self.settings.deployment;
        let Some(role) = home.member_role(place, self.settings.access) else { return Ok(At::Home(self)) };
        let now = Timestamp::now();
        let known = self.members.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        if let Some(session) = known.filter(|session| now + RENEW < session.until) {
            return Ok(At::Away(session.aws));
        }
        let (credentials, until) = members::assume(self, &role, self.settings.external_id.as_deref()).await?;
        let mut settings = self.settings.clone();
        settings.credentials = credentials;
        let aws = Arc::new(self.elsewhere(settings, &place.region));
        let session = Session { aws: Arc::clone(&aws), until };
        self.members.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), session);
        Ok(At::Away(aws))
    }

    /// AWS in another Region of this function's own account, with its own credentials.
    pub(crate) fn in_region(&self, region: &plumb_model::Region) -> Self {
        self.elsewhere(self.settings.clone(), region)
    }

    /// The same connections' pool and certificates, elsewhere.
    fn elsewhere(&self, mut settings: Settings, region: &plumb_model::Region) -> Self {
        settings.deployment.region = region.clone();
        let aws = Self::new(settings);
        let _ = aws.http.set(self.http().clone());
        aws
    }

    fn http(&self) -> &SharedHttpClient {
        self.http.get_or_init(|| {
            aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls(&self.settings))
                .build_https()
        })
    }

    pub(crate) fn ssm(&self) -> &aws_sdk_ssm::Client {
        self.ssm.get_or_init(|| aws_sdk_ssm::Client::new(self.shared()))
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(self.shared()))
    }

    pub(crate) fn config(&self) -> &aws_sdk_config::Client {
        self.config.get_or_init(|| aws_sdk_config::Client::new(self.shared()))
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(self.shared()))
    }

    pub(crate) fn home(&self) -> Place {
        self.settings.deployment.home()
    }

    pub(crate) fn region(&self) -> &plumb_model::Region {
        &self.settings.deployment.region
    }

    /// The AWS Config aggregator of all members, if the stack has one.
    pub(crate) fn aggregator(&self) -> Option<&str> {
        self.settings.config_aggregator.as_deref()
    }

    pub(crate) fn partition(&self) -> &str {
        &self.settings.deployment.partition
    }

    /// AWS without an SDK crate, for services of which only a call or two is needed.
    pub(crate) fn signed(&self) -> Signed<'_> {
        Signed::new(&self.settings, &self.connector, tls)
    }

    fn shared(&self) -> &SdkConfig {
        self.shared.get_or_init(|| {
            // `aws-config` is not used: in Lambda there is nothing to find out, and its provider chain costs size.
            let mut builder = SdkConfig::builder()
                .behavior_version(aws_sdk_ssm::config::BehaviorVersion::latest())
                .region(Region::new(self.settings.deployment.region.to_string()))
                .credentials_provider(SharedCredentialsProvider::new(self.settings.credentials.clone()))
                .retry_config(RetryConfig::standard().with_max_attempts(3))
                .timeout_config(
                    TimeoutConfig::builder()
                        .connect_timeout(Duration::from_secs(2))
                        .operation_attempt_timeout(Duration::from_secs(5))
                        .operation_timeout(Duration::from_secs(12))
                        .build(),
                )
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
            if let Some(url) = self.settings.endpoint_url.as_deref() {
                builder = builder.endpoint_url(url);
            }
            builder.http_client(self.http().clone()).build()
        })
    }
}

/// The system's certificates, which take a while to read: unless the endpoint is plain HTTP, as local AWS's is. The
/// connector is the same for both; one for plain HTTP alone would be code that no deployed function runs.
fn tls(settings: &Settings) -> TlsContext {
    let plain = settings.endpoint_url.as_deref().is_some_and(|url| url.starts_with("http://"));
    let trusted = if plain { TrustStore::empty() } else { TrustStore::default() };
    TlsContext::builder().with_trust_store(trusted).build().unwrap_or_default()
}
