//! Which service and operation an AWS request is for, in any of AWS's protocols.

use std::borrow::Cow;

use axum::http::{HeaderMap, Method, Uri};
use serde::Deserialize;
use serde_json::Value;

use crate::{neighbours::account_of_key, service::Caller};

/// What a request is, as far as its head and its body say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identified {
    /// The name that the request is signed for, such as `s3`, `ec2`, `monitoring`.
    pub(crate) service: String,
    /// The operation; nothing for a REST service, whose routes have to be asked.
    pub(crate) operation: Option<String>,
    /// The Region; nothing if the request is not signed.
    pub(crate) region: Option<String>,
    /// The account, if the access key is one.
    pub(crate) account: Option<String>,
    /// Who makes it.
    pub(crate) caller: Caller,
}

/// Reads the head and, for the query protocol, the body.
pub(crate) fn identify(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Identified {
    let scope = Scope::of(uri, headers);
    let target = text(headers, "x-amz-target").and_then(|target| target.rsplit_once('.'));
    let action = || target.is_none().then(|| action(uri, headers, body)).flatten();
    let operation = text(headers, "x-plumb-operation")
        .map(str::to_owned)
        .or_else(|| target.map(|(_, operation)| operation.to_owned()))
        .or_else(|| smithy_operation(uri))
        .or_else(action)
        .or_else(|| query(uri, "x-id").map(Cow::into_owned));
    let service = scope
        .as_ref()
        .map(|scope| scope.service.clone())
        .or_else(|| target.and_then(|(prefix, _)| unsigned_target(prefix)).map(str::to_owned))
        .or_else(|| unsigned_action(operation.as_deref()).map(str::to_owned))
        .unwrap_or_else(|| "s3".to_owned());
    let account = scope.as_ref().and_then(|scope| account_of_key(&scope.key).map(str::to_owned));
    Identified {
        service,
        operation,
        region: scope.map(|scope| scope.region).filter(|region| !region.is_empty()),
        account,
        caller: caller(uri, headers),
    }
}

/// `KEY/20260101/us-east-1/s3/aws4_request`, or `KEY/20260101/s3/aws4_request` where the signature covers all Regions.
struct Scope {
    key: String,
    region: String,
    service: String,
}

impl Scope {
    fn of(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let credential = match text(headers, "authorization") {
            Some(header) => {
                let (_, rest) = header.split_once("Credential=")?;
                Cow::Borrowed(rest.split([',', ' ']).next()?)
            }
            None => query(uri, "X-Amz-Credential")?,
        };
        let parts: Vec<&str> = credential.split('/').collect();
        let (key, region, service) = match *parts.as_slice() {
            [key, _, region, service, _] => (key, region, service),
            [key, _, service, _] => (key, "", service),
            _ => return None,
        };
        Some(Self { key: key.to_owned(), region: region.to_owned(), service: service.to_lowercase() })
    }
}

/// The header of our own Python processes, or the session token that local AWS gave to a function.
fn caller(uri: &Uri, headers: &HeaderMap) -> Caller {
    if let Some(said) = text(headers, "x-plumb-caller") {
        return Caller::from_header(said);
    }
    let token = text(headers, "x-amz-security-token")
        .map(Cow::Borrowed)
        .or_else(|| query(uri, "X-Amz-Security-Token"))
        .unwrap_or_default();
    token.strip_prefix("plumb-").map_or(Caller::Outside, Caller::from_header)
}

fn action(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let form = text(headers, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let in_body = || std::str::from_utf8(body).ok().and_then(|body| pair(body, "Action"));
    form.then(in_body).flatten().or_else(|| query(uri, "Action")).map(Cow::into_owned)
}

/// `/service/GraniteServiceVersion20100801/operation/PutMetricData`.
fn smithy_operation(uri: &Uri) -> Option<String> {
    let (_, rest) = uri.path().strip_prefix("/service/")?.split_once("/operation/")?;
    Some(rest.to_owned())
}

fn unsigned_target(prefix: &str) -> Option<&'static str> {
    match prefix {
        "AmazonSSM" => Some("ssm"),
        "StarlingDoveService" => Some("config"),
        "AmazonSQS" => Some("sqs"),
        "AWSEvents" => Some("events"),
        "DynamoDB_20120810" => Some("dynamodb"),
        "TrentService" => Some("kms"),
        "Logs_20140328" => Some("logs"),
        _ => None,
    }
}

fn unsigned_action(operation: Option<&str>) -> Option<&'static str> {
    match operation? {
        "AssumeRoleWithWebIdentity" | "AssumeRoleWithSAML" => Some("sts"),
        _ => None,
    }
}

/// A header as text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A query parameter, decoded.
pub(crate) fn query<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    pair(uri.query()?, name)
}

/// A member of `application/x-www-form-urlencoded` text, decoded.
pub(crate) fn pair<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    text.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

/// Undoes percent-encoding; `+` is a space.
pub(crate) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (other, _) => {
                bytes.push(*other);
                rest = tail;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// One REST route, as `routes.py` describes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Route {
    /// boto3's name of the service.
    pub(crate) service: String,
    /// The operation.
    pub(crate) operation: String,
    method: String,
    path: String,
    query: std::collections::BTreeMap<String, Option<String>>,
    headers: Vec<String>,
}

/// The routes of a service, from what the worker answered.
pub(crate) fn routes(answer: Value) -> Vec<Route> {
    serde_json::from_value(answer).unwrap_or_default()
}

/// The route that fits and asks for most.
pub(crate) fn matching<'a>(
    routes: &'a [Route],
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<&'a Route> {
    routes
        .iter()
        .filter(|route| route.method == method.as_str())
        .filter(|route| {
            route.query.iter().all(|(name, wanted)| match (query(uri, name), wanted) {
                (Some(value), Some(wanted)) => value == wanted.as_str(),
                (found, _) => found.is_some(),
            }) && route.headers.iter().all(|name| headers.contains_key(name))
        })
        .filter_map(|route| fit(&route.path, uri.path()).map(|literal| (literal, route)))
        .max_by_key(|(literal, route)| (*literal, route.query.len() + route.headers.len()))
        .map(|(_, route)| route)
}

/// How many segments are literally the same; nothing if the path does not fit.
fn fit(template: &str, path: &str) -> Option<usize> {
    let mut literal = 0;
    let mut path = path.split('/').filter(|part| !part.is_empty()).peekable();
    for part in template.split('/').filter(|part| !part.is_empty()) {
        path.peek()?;
        if part.ends_with("+}") {
            return Some(literal);
        }
        let found = path.next()?;
        if !part.starts_with('{') {
            if part != found {
                return None;
            }
            literal += 1;
        }
    }
    path.next().is_none().then_some(literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_json_request_names_its_operation_in_the_target() {
        let signed = "AWS4-HMAC-SHA256 Credential=123456789013/20260101/eu-central-1/ssm/aws4_request, SignedHeaders=host, Signature=0";
        let headers = headers(&[
            ("authorization", signed),
            ("x-amz-target", "AmazonSSM.StartAutomationExecution"),
            ("x-amz-security-token", "plumb-function/plumb-remediate"),
        ]);
        let found = identify(&Uri::from_static("/"), &headers, b"{}");
        assert_eq!(
            found,
            Identified {
                service: "ssm".into(),
                operation: Some("StartAutomationExecution".into()),
                region: Some("eu-central-1".into()),
                account: Some("123456789013".into()),
                caller: Caller::Function { name: "plumb-remediate".into() },
            }
        );
    }

    #[test]
    fn a_query_request_names_its_operation_in_the_form() {
        let headers = headers(&[
            ("authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request"),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ]);
        let found = identify(&Uri::from_static("/"), &headers, b"Action=DescribeVpcs&Version=2016-11-15");
        assert_eq!((found.service.as_str(), found.operation.as_deref()), ("ec2", Some("DescribeVpcs")));
        assert_eq!(found.caller, Caller::Outside);
    }

    #[test]
    fn a_presigned_request_carries_its_scope_in_the_query() {
        let uri = Uri::from_static("/b/k?X-Amz-Credential=test%2F20260101%2Feu-west-1%2Fs3%2Faws4_request");
        let found = identify(&uri, &HeaderMap::new(), b"");
        assert_eq!((found.service.as_str(), found.region.as_deref()), ("s3", Some("eu-west-1")));
    }

    #[test]
    fn nonsense_is_taken_for_anonymous_s3_and_nothing_panics() {
        for header in ["", "Credential=", "AWS4 Credential=a/b", "Bearer x", "Credential=%%/%"] {
            let found =
                identify(&Uri::from_static("/?%=%&Action"), &headers(&[("authorization", header)]), b"\xff");
            assert_eq!(found.service, "s3", "{header}");
        }
    }

    #[test]
    fn the_route_that_asks_for_most_wins() {
        let route =
            |operation: &str, method: &str, path: &str, query: &[(&str, Option<&str>)], headers: &[&str]| {
                Route {
                    service: "s3".into(),
                    operation: operation.into(),
                    method: method.into(),
                    path: path.into(),
                    query: query.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect(),
                    headers: headers.iter().map(|h| (*h).to_owned()).collect(),
                }
            };
        let routes = [
            route("ListBuckets", "GET", "/", &[], &[]),
            route("ListObjects", "GET", "/{Bucket}", &[], &[]),
            route("ListObjectsV2", "GET", "/{Bucket}", &[("list-type", Some("2"))], &[]),
            route("GetPublicAccessBlock", "GET", "/{Bucket}", &[("publicAccessBlock", None)], &[]),
            route("PutObject", "PUT", "/{Bucket}/{Key+}", &[], &[]),
            route("CopyObject", "PUT", "/{Bucket}/{Key+}", &[], &["x-amz-copy-source"]),
            route("CreateBucket", "PUT", "/{Bucket}", &[], &[]),
        ];
        let found = |method: Method, uri: &'static str, extra: &[(&'static str, &str)]| {
            matching(&routes, &method, &Uri::from_static(uri), &headers(extra))
                .map(|route| route.operation.clone())
        };
        assert_eq!(found(Method::GET, "/", &[]).as_deref(), Some("ListBuckets"));
        assert_eq!(found(Method::GET, "/b?publicAccessBlock", &[]).as_deref(), Some("GetPublicAccessBlock"));
        assert_eq!(found(Method::GET, "/b?list-type=2&prefix=x", &[]).as_deref(), Some("ListObjectsV2"));
        assert_eq!(found(Method::PUT, "/b/some/key", &[]).as_deref(), Some("PutObject"));
        assert_eq!(
            found(Method::PUT, "/b/k", &[("x-amz-copy-source", "a/k")]).as_deref(),
            Some("CopyObject")
        );
        assert_eq!(found(Method::PUT, "/b", &[]).as_deref(), Some("CreateBucket"));
        assert_eq!(found(Method::PATCH, "/b", &[]), None);
    }
}
