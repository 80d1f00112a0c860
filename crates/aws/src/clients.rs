//! The SDK clients: one configuration, one connector, made at first use.

use std::{sync::OnceLock, time::Duration};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};

use crate::{settings::Settings, signed::Signed};

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
}

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
        }
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
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context(tls(&self.settings));
            builder = builder.http_client(http.build_https());
            builder.build()
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
