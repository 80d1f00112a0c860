//! Calls that need no SDK crate: signed with Signature Version 4, in one of AWS's three protocols.
//!
//! A service's SDK crate costs build time and size in every function that links it. Where a function makes one or two
//! plain calls to a service, a request of a few lines is the smaller part.

use std::{fmt::Write as _, sync::OnceLock, time::Duration};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_async::{
    rt::sleep::{AsyncSleep as _, SharedAsyncSleep, TokioSleep},
    time::{SystemTimeSource, TimeSource as _},
};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector as _, HttpConnectorSettings},
        orchestrator::HttpRequest,
    },
    http::Headers,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use plumb_ports::{Class, PortError};
use serde_json::Value;

use crate::{errors::class_of, settings::Settings};

/// How often a call is tried that is worth another try.
const TRIES: u32 = 3;

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// AWS, asked directly.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    settings: &'a Settings,
    connector: &'a OnceLock<Connector>,
    tls: fn(&Settings) -> TlsContext,
}

/// An answer that is not JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    headers: Headers,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

/// A request, before it is signed.
struct Asked<'a> {
    /// The IAM action, such as `events:PutEvents`.
    operation: &'static str,
    service: &'a str,
    method: &'static str,
    /// With the query, if there is one.
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl<'a> Signed<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        connector: &'a OnceLock<Connector>,
        tls: fn(&Settings) -> TlsContext,
    ) -> Self {
        Self { settings, connector, tls }
    }

    /// AWS JSON 1.0, which SQS wants.
    pub(crate) async fn json_1_0(
        &self,
        operation: &'static str,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, PortError> {
        self.json_of("application/x-amz-json-1.0", operation, (service, target), body).await
    }

    /// AWS JSON 1.1: `target` is the operation's `X-Amz-Target`, such as `AWSEvents.PutEvents`.
    pub(crate) async fn json(
        &self,
        operation: &'static str,
        service: &str,
        target: &str,
        body: &Value,
    ) -> Result<Value, PortError> {
        self.json_of("application/x-amz-json-1.1", operation, (service, target), body).await
    }

    async fn json_of(
        &self,
        kind: &str,
        operation: &'static str,
        (service, target): (&str, &str),
        body: &Value,
    ) -> Result<Value, PortError> {
        let headers = vec![("content-type", kind.to_owned()), ("x-amz-target", target.to_owned())];
        let body = body.to_string().into_bytes();
        let asked = Asked { operation, service, method: "POST", path: "/", headers, body };
        read_json(operation, &self.tried(&asked).await?.body)
    }

    /// REST with JSON bodies.
    pub(crate) async fn rest(
        &self,
        operation: &'static str,
        service: &str,
        (method, path): (&'static str, &str),
        body: &Value,
    ) -> Result<Value, PortError> {
        let headers = vec![("content-type", "application/json".to_owned())];
        let body = body.to_string().into_bytes();
        let asked = Asked { operation, service, method, path, headers, body };
        read_json(operation, &self.tried(&asked).await?.body)
    }

    /// A `GET` whose answer is in its headers and its bare body.
    pub(crate) async fn get(
        &self,
        operation: &'static str,
        service: &str,
        path: &str,
    ) -> Result<Answer, PortError> {
        let (headers, body) = (Vec::new(), Vec::new());
        self.tried(&Asked { operation, service, method: "GET", path, headers, body }).await
    }

    /// The query protocol: a form of the operation's parameters; the answer's XML.
    pub(crate) async fn query(
        &self,
        operation: &'static str,
        service: &str,
        version: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, PortError> {
        let action = operation.rsplit(':').next().unwrap_or(operation);
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            let _ = write!(form, "&{}={}", encoded(name), encoded(value));
        }
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let body = form.into_bytes();
        let asked = Asked { operation, service, method: "POST", path: "/", headers, body };
        Ok(String::from_utf8_lossy(&self.tried(&asked).await?.body).into_owned())
    }

    async fn tried(&self, asked: &Asked<'_>) -> Result<Answer, PortError> {
        let mut tries = 1;
        loop {
            let answer = self.once(asked).await;
            match answer {
                Err(error) if error.class == Class::Retry && tries < TRIES => {
                    TokioSleep::new().sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn once(&self, asked: &Asked<'_>) -> Result<Answer, PortError> {
        let operation = asked.operation;
        let request = self.request(asked).map_err(|source| PortError {
            operation,
            code: "request".to_owned(),
            class: Class::Permanent,
            source: Some(source),
        })?;
        let answer = self.connector().call(request).await.map_err(|error| {
            let (code, class) = match () {
                () if error.is_timeout() => ("timeout", Class::Ambiguous),
                () if error.is_user() => ("request", Class::Permanent),
                () => ("connect", Class::Retry),
            };
            PortError { operation, code: code.to_owned(), class, source: Some(Box::new(error)) }
        })?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let named = headers.get("x-amzn-errortype").map(str::to_owned);
        let body = ByteStream::new(answer.into_body()).collect().await.map_err(|error| PortError {
            operation,
            code: "response".to_owned(),
            class: Class::Ambiguous,
            source: Some(Box::new(error)),
        })?;
        let body = body.to_vec();
        if status < 400 {
            return Ok(Answer { headers, body });
        }
        let (code, message) = explained(named, &body);
        let class = class_of(&code, status);
        let source = message.map(|message| Box::from(message) as Box<dyn std::error::Error + Send + Sync>);
        Err(PortError { operation, code, class, source })
    }

    fn request(&self, asked: &Asked<'_>) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let url = format!("{}{}", self.endpoint(asked.service), asked.path);
        let identity = Credentials::clone(&self.settings.credentials).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region(asked.service))
            .name(signing_name(asked.service))
            .time(SystemTimeSource::new().now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = asked.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new(
            asked.method,
            url.as_str(),
            headers.clone(),
            SignableBody::Bytes(&asked.body),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(asked.body.clone()));
        request.set_method(asked.method)?;
        request.set_uri(url.clone())?;
        for (name, value) in headers.chain(instructions.headers()) {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }

    fn endpoint(&self, service: &str) -> String {
        if let Some(url) = self.settings.endpoint_url.as_deref() {
            return url.trim_end_matches('/').to_owned();
        }
        let home = &self.settings.deployment;
        let suffix = if home.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        match (service, home.partition.as_str()) {
            ("iam", "aws") => "https://iam.amazonaws.com".to_owned(),
            ("iam", "aws-us-gov") => "https://iam.us-gov.amazonaws.com".to_owned(),
            _ => format!("https://{service}.{}.{suffix}", self.region(service)),
        }
    }

    /// The Region that is asked: IAM has one for each partition
    /// ([endpoints](https://docs.aws.amazon.com/general/latest/gr/iam-service.html)).
    fn region(&self, service: &str) -> &str {
        let home = &self.settings.deployment;
        match (service, home.partition.as_str()) {
            ("iam", "aws") => "us-east-1",
            ("iam", "aws-cn") => "cn-north-1",
            ("iam", "aws-us-gov") => "us-gov-west-1",
            _ => home.region.as_str(),
        }
    }

    fn connector(&self) -> &Connector {
        self.connector.get_or_init(|| {
            let limits = HttpConnectorSettings::builder()
                .connect_timeout(Duration::from_secs(2))
                .read_timeout(PATIENCE)
                .build();
            Connector::builder()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .tls_context((self.tls)(self.settings))
                .connector_settings(limits)
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
                .build()
        })
    }
}

/// The service in a signature, where it is not the one in the endpoint's name.
fn signing_name(service: &str) -> &str {
    match service {
        "appconfigdata" => "appconfig",
        "cloudhsmv2" => "cloudhsm",
        other => other,
    }
}

fn read_json(operation: &'static str, body: &[u8]) -> Result<Value, PortError> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| PortError {
        operation,
        code: "response".to_owned(),
        class: Class::Ambiguous,
        source: Some(Box::new(error)),
    })
}

/// The error's code and message, wherever the protocol has them.
fn explained(named: Option<String>, body: &[u8]) -> (String, Option<String>) {
    let bare = |code: &str| {
        code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).trim().to_owned()
    };
    if let Ok(body) = serde_json::from_slice::<Value>(body) {
        let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str()).map(str::to_owned);
        let code = named.or_else(|| text(&["__type", "code", "Code"])).map(|code| bare(&code));
        return (code.unwrap_or_else(|| "unknown".to_owned()), text(&["message", "Message"]));
    }
    let xml = String::from_utf8_lossy(body);
    let code = named.map(|code| bare(&code)).or_else(|| element(&xml, "Code").map(str::to_owned));
    (code.unwrap_or_else(|| "unknown".to_owned()), element(&xml, "Message").map(str::to_owned))
}

/// The text of the first element of that name in an answer of AWS's (no attributes, no CDATA).
pub(crate) fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// Percent-encoded as the query protocol wants it: everything but RFC 3986's unreserved characters.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_encoded_as_aws_reads_it() {
        assert_eq!(encoded("a b&c=é~"), "a%20b%26c%3D%C3%A9~");
    }

    #[test]
    fn an_error_is_found_in_each_protocol() {
        let json = br#"{"__type":"com.amazonaws.events#InternalException","message":"later"}"#;
        assert_eq!(explained(None, json), ("InternalException".to_owned(), Some("later".to_owned())));
        let xml = b"<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>";
        assert_eq!(explained(None, xml), ("NotFound".to_owned(), Some("no topic".to_owned())));
        let named = Some("LimitExceededException:http://x/".to_owned());
        assert_eq!(explained(named, b"{}"), ("LimitExceededException".to_owned(), None));
        assert_eq!(explained(None, b"<html>bad gateway</html>"), ("unknown".to_owned(), None));
    }
}
