//! The one endpoint: tells requests apart, answers or passes them on, and logs every one.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, Response, StatusCode, Uri,
        header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TRANSFER_ENCODING},
    },
    response::IntoResponse as _,
};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    calls::{LoggedCall, only_reads},
    destination::{Emulator, StackResource, StackResources, destination},
    faults::{self, Fault, Harm, When, cut_short, kill_function, refused},
    identify::{Identified, Route, decoded, identify, matching, pair, query, routes, text},
    python::say,
    service::{AwsError, Caller, Context, Mutation, Request, Service},
    worker::header,
};

/// The largest request and the largest answer: a function's package fits.
const LARGEST: usize = 64 * 1024 * 1024;

/// What the gateway knows; shared by all requests.
pub(crate) struct Gateway {
    context: Context,
    ssm: Arc<dyn Service>,
    config: Arc<dyn Service>,
    securityhub: Arc<dyn Service>,
    stacks: StackResources,
    routes: RwLock<HashMap<String, Arc<[Route]>>>,
}

impl Gateway {
    pub(crate) fn new(context: Context, ssm: Arc<dyn Service>, config: Arc<dyn Service>) -> Self {
        let securityhub = crate::securityhub::service(context.clone());
        Self {
            context,
            ssm,
            config,
            securityhub,
            stacks: StackResources::default(),
            routes: RwLock::default(),
        }
    }

    /// Serves until the task is ended.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) -> std::io::Result<()> {
        let router = Router::new().fallback(take).with_state(self);
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
    }
}

/// An answer, and the error code in it.
struct Answered {
    response: Response<Body>,
    error: Option<String>,
}

async fn take(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: HttpRequest<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than 64 MiB, or was cut short");
    };
    let uri = path_style(&head.uri, &head.headers);
    if head.method == Method::POST && uri.path() == "/_plumb/forward" {
        return gateway.forward(&body).await;
    }
    if uri.path().starts_with("/_plumb/") {
        return gateway.own(&head.method, &uri, &body);
    }
    let at = Timestamp::now();
    let mut found = identify(&uri, &head.headers, &body);
    let asked = Asked { method: head.method, uri, headers: head.headers, body };
    gateway.name_operation(&mut found, &asked).await;
    let harm = gateway.harm(&found, &asked);
    let answered = gateway.answer_or_harm(&found, &asked, peer, harm.as_ref()).await;
    gateway.log(at, found, &asked, &answered, harm.as_ref());
    match harm {
        Some(Harm::CutShort) => cut_short(answered.response),
        _ => answered.response,
    }
}

/// What `PUT /_plumb/faults` takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    faults: Vec<Fault>,
}

/// A request, read to its end.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Gateway {
    /// What is to go wrong with this call, on purpose.
    fn harm(&self, found: &Identified, asked: &Asked) -> Option<Harm> {
        let by = match &found.caller {
            Caller::Outside => "outside".to_owned(),
            caller => header(caller),
        };
        let operation = found.operation.as_deref().unwrap_or_default();
        let call = format!("{}:{operation}", found.service);
        let path = asked.uri.path_and_query().map_or("/", |target| target.as_str());
        self.context.faults().strikes(faults::Asked { by: &by, call: &call, path, body: &asked.body })
    }

    /// The answer, with what goes wrong before or after the call has its effect.
    async fn answer_or_harm(
        &self,
        found: &Identified,
        asked: &Asked,
        peer: SocketAddr,
        harm: Option<&Harm>,
    ) -> Answered {
        let died = || Answered {
            response: plain(StatusCode::SERVICE_UNAVAILABLE, "nobody reads this"),
            error: Some("Killed".to_owned()),
        };
        match harm {
            None | Some(Harm::CutShort) => self.answer(found, asked).await,
            Some(Harm::Error { code, status, members }) => Answered {
                response: refused(&asked.headers, &found.service, code, *status, members),
                error: Some(code.clone()),
            },
            Some(Harm::Delay { milliseconds, when }) => {
                let wait = tokio::time::sleep(Duration::from_millis(*milliseconds));
                match when {
                    // Whoever has given up by then has closed the connection, which drops this before the call.
                    When::Before => {
                        wait.await;
                        self.answer(found, asked).await
                    }
                    When::After => {
                        let answered = self.answer(found, asked).await;
                        wait.await;
                        answered
                    }
                }
            }
            Some(Harm::Kill(When::Before)) => {
                self.kill(peer).await;
                died()
            }
            Some(Harm::Kill(When::After)) => {
                let answered = self.answer(found, asked).await;
                self.kill(peer).await;
                answered
            }
        }
    }

    async fn kill(&self, peer: SocketAddr) {
        let endpoint = self.context.endpoint();
        match tokio::task::spawn_blocking(move || kill_function(peer, &endpoint)).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => say(&format!("nobody was killed: {why}")),
            Err(why) => say(&format!("nobody was killed: {why}")),
        }
    }

    /// The gateway of the account that a request is signed for, if that is a neighbour's.
    fn elsewhere(&self, found: &Identified) -> Option<String> {
        let account = found.account.as_deref().filter(|account| *account != self.context.account())?;
        Some(self.context.neighbours().of(account)?.context.endpoint())
    }

    async fn assume_role(&self, found: &Identified, asked: &Asked) -> Answered {
        let form = String::from_utf8_lossy(&asked.body);
        let neighbours = self.context.neighbours();
        let region = self.region(found);
        match neighbours.assume_role(&self.context, &found.caller, &region, &form).await {
            Ok(xml) => {
                let response = ([(CONTENT_TYPE, "text/xml")], xml).into_response();
                Answered { response, error: None }
            }
            Err(error) => Answered { response: sts_error(&error), error: Some(error.code) },
        }
    }

    async fn answer(&self, found: &Identified, asked: &Asked) -> Answered {
        if let Some(gateway) = self.elsewhere(found) {
            return self.passed_on(&gateway, asked).await;
        }
        let assumes = found.service == "sts" && found.operation.as_deref() == Some("AssumeRole");
        if assumes && self.context.neighbours().are_there() {
            return self.assume_role(found, asked).await;
        }
        let operation = found.operation.as_deref().unwrap_or_default();
        let own = match found.service.as_str() {
            "ssm" => Some(&self.ssm),
            "config" => Some(&self.config),
            "securityhub" => Some(&self.securityhub),
            _ => None,
        };
        match own.filter(|service| service.answers(operation)) {
            Some(service) => self.answer_here(service.as_ref(), found, operation, asked).await,
            None => self.pass_on(found, asked).await,
        }
    }

    async fn answer_here(
        &self,
        service: &dyn Service,
        found: &Identified,
        operation: &str,
        asked: &Asked,
    ) -> Answered {
        let body = if asked.body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(&asked.body) };
        let result = match body {
            Ok(body) => {
                let request = Request {
                    operation: operation.to_owned(),
                    body,
                    account: found.account.clone().unwrap_or_else(|| self.context.account().to_owned()),
                    region: self.region(found),
                    caller: found.caller.clone(),
                };
                service.handle(&request).await
            }
            Err(error) => Err(AwsError::client("SerializationException", error.to_string())),
        };
        match result {
            Ok(value) => Answered { response: json_answer(200, &value, None), error: None },
            Err(error) => Answered {
                response: json_answer(
                    error.status,
                    &json!({"__type": error.code, "message": error.message}),
                    Some(&error.code),
                ),
                error: Some(error.code),
            },
        }
    }

    async fn pass_on(&self, found: &Identified, asked: &Asked) -> Answered {
        let ports = self.context.ports();
        let base = match destination(&found.service, &asked.uri, &asked.headers, &asked.body, &self.stacks) {
            Emulator::Ministack => ports.ministack_url(),
            Emulator::Moto => ports.moto_url(),
        };
        self.passed_on(&base, asked).await
    }

    async fn passed_on(&self, base: &str, asked: &Asked) -> Answered {
        match self.fetch(base, asked).await {
            Ok(answered) => answered,
            Err(why) => Answered {
                response: json_answer(
                    502,
                    &json!({"__type": "EmulatorUnavailable", "message": why}),
                    Some("EmulatorUnavailable"),
                ),
                error: Some("EmulatorUnavailable".to_owned()),
            },
        }
    }

    async fn fetch(&self, base: &str, asked: &Asked) -> Result<Answered, String> {
        let target = asked.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = HttpRequest::builder().method(asked.method.clone()).uri(format!("{base}{target}"));
        for (name, value) in &asked.headers {
            if !hop_by_hop(name) && *name != EXPECT && !name.as_str().starts_with("x-plumb-") {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::from(asked.body.clone())).map_err(|error| error.to_string())?;
        let (head, body) = self.context.http().send(request).await?.into_parts();
        let body =
            http_body_util::Limited::new(body, LARGEST).collect().await.map_err(|error| error.to_string())?;
        let body = body.to_bytes();
        let error = (head.status.as_u16() >= 400).then(|| error_code(&head.headers, &body, head.status));
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = head.status;
        for (name, value) in &head.headers {
            // A HEAD's answer tells the length of a body that is not there.
            if !hop_by_hop(name) || (*name == CONTENT_LENGTH && asked.method == Method::HEAD) {
                response.headers_mut().append(name, value.clone());
            }
        }
        Ok(Answered { response, error })
    }

    /// A REST request is named by its route. The routes of a service are asked for once.
    async fn name_operation(&self, found: &mut Identified, asked: &Asked) {
        if found.operation.is_some() {
            return;
        }
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&found.service).cloned();
        let known = if let Some(known) = known {
            known
        } else {
            let Some(answer) = self.context.worker().routes(&found.service).await else { return };
            let known: Arc<[Route]> = routes(answer).into();
            let mut all = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(found.service.clone(), Arc::clone(&known));
            known
        };
        if let Some(route) = matching(&known, &asked.method, &asked.uri, &asked.headers) {
            found.operation = Some(route.operation.clone());
            found.service.clone_from(&route.service);
        }
    }

    fn log(&self, at: Timestamp, found: Identified, asked: &Asked, answered: &Answered, harm: Option<&Harm>) {
        let region = self.region(&found);
        let operation = found.operation.unwrap_or_else(|| format!("{} {}", asked.method, asked.uri.path()));
        let status = answered.response.status().as_u16();
        let mutating = !only_reads(&operation) && asked.method != Method::HEAD;
        if mutating && status < 400 {
            self.context.announce(Mutation {
                service: found.service.clone(),
                operation: operation.clone(),
                region: region.clone(),
            });
        }
        self.context.calls().push(LoggedCall {
            at,
            caller: found.caller,
            service: found.service,
            parts: parts(&operation, &asked.body),
            operation,
            region,
            mutating,
            about: about(asked),
            status,
            error: answered.error.clone(),
            fault: harm.map(|harm| harm.word().to_owned()),
        });
    }

    fn region(&self, found: &Identified) -> String {
        found.region.clone().unwrap_or_else(|| self.context.region().to_owned())
    }

    /// An event for a bus of another account or Region.
    async fn forward(&self, body: &[u8]) -> Response<Body> {
        let asked = serde_json::from_slice(body).unwrap_or_default();
        match self.context.neighbours().forward(&asked).await {
            Ok(()) => json_answer(200, &json!({}), None),
            Err(error) => plain(StatusCode::FORBIDDEN, &error.to_string()),
        }
    }

    /// The gateway's own pages, below `/_plumb/`.
    fn own(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response<Body> {
        match (method, uri.path()) {
            (&Method::GET, "/_plumb/health") => json_answer(200, &json!({"status": "ok"}), None),
            (&Method::GET, "/_plumb/calls") => {
                let execution = query(uri, "execution");
                let function = query(uri, "function");
                let mutating = query(uri, "mutating").map(|text| text == "true");
                let calls = self.context.calls().select(|call| {
                    let by = match (&call.caller, &execution, &function) {
                        (_, None, None) => true,
                        (Caller::Execution { id, .. }, Some(wanted), _) => id == wanted,
                        (Caller::Function { name }, _, Some(wanted)) => name == wanted,
                        _ => false,
                    };
                    by && mutating.is_none_or(|wanted| call.mutating == wanted)
                });
                json_answer(200, &json!({"calls": calls}), None)
            }
            (&Method::GET, "/_plumb/operations") => {
                let function = query(uri, "function").unwrap_or_default();
                json_answer(200, &json!({"operations": self.context.calls().operations_of(&function)}), None)
            }
            (&Method::GET, "/_plumb/events") => {
                json_answer(200, &json!({"events": self.context.events().select(|_| true)}), None)
            }
            (&Method::PUT, "/_plumb/stubs") => match serde_json::from_slice(body) {
                Ok(stubs) => {
                    self.context.declare(stubs);
                    json_answer(200, &json!({}), None)
                }
                Err(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            (&Method::GET, "/_plumb/faults") => {
                json_answer(200, &json!({"faults": self.context.faults().counted()}), None)
            }
            (&Method::PUT, "/_plumb/faults") => match serde_json::from_slice(body) {
                Ok(Wanted { faults }) => {
                    self.context.faults().set(faults);
                    json_answer(200, &json!({}), None)
                }
                Err(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
            },
            (&Method::POST, "/_plumb/stack-resource") => {
                match serde_json::from_slice::<StackResource>(body) {
                    Ok(resource) => {
                        self.stacks.note(resource);
                        json_answer(200, &json!({}), None)
                    }
                    Err(error) => plain(StatusCode::BAD_REQUEST, &error.to_string()),
                }
            }
            _ => match self.config.page(method, uri) {
                Some(answer) => json_answer(200, &answer, None),
                None => plain(
                    StatusCode::NOT_FOUND,
                    "see `/_plumb/health`, `/_plumb/calls`, `/_plumb/operations`, `/_plumb/events`, `/_plumb/faults`, `/_plumb/stubs` and `POST /_plumb/schedule`",
                ),
            },
        }
    }
}

fn sts_error(error: &AwsError) -> Response<Body> {
    let escaped = error.message.replace('&', "&amp;").replace('<', "&lt;");
    let xml = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{}</Code>\
         <Message>{escaped}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        error.code,
        Uuid::new_v4()
    );
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, [(CONTENT_TYPE, "text/xml")], xml).into_response()
}

/// `http://bucket.localhost:4599/key` says the same as `http://localhost:4599/bucket/key`.
fn path_style(uri: &Uri, headers: &HeaderMap) -> Uri {
    let host = text(headers, HOST.as_str()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let Some(bucket) = host.strip_suffix(".localhost") else { return uri.clone() };
    let bucket = bucket.strip_suffix(".s3").unwrap_or(bucket);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    format!("/{bucket}{target}").parse().unwrap_or_else(|_| uri.clone())
}

fn hop_by_hop(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH].contains(name) || name.as_str() == "keep-alive"
}

fn json_answer(status: u16, value: &Value, error: Option<&str>) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(error) = error.and_then(|error| HeaderValue::from_str(error).ok()) {
        headers.insert("x-amzn-errortype", error);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    (status, text.to_owned()).into_response()
}

/// The error code in an answer, wherever the protocol puts it.
fn error_code(headers: &HeaderMap, body: &[u8], status: StatusCode) -> String {
    let bare =
        |code: &str| code.rsplit('#').next().unwrap_or(code).split(':').next().unwrap_or(code).to_owned();
    if let Some(code) = text(headers, "x-amzn-errortype").filter(|code| !code.is_empty()) {
        return bare(code);
    }
    if let Ok(body) = serde_json::from_slice::<Value>(body) {
        let code = ["__type", "code", "Code"].iter().find_map(|name| body.get(name)?.as_str());
        if let Some(code) = code {
            return bare(code);
        }
    }
    let in_xml = String::from_utf8_lossy(body);
    let code = in_xml.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map_or_else(|| status.as_u16().to_string(), |(code, _)| code.trim().to_owned())
}

/// What a DynamoDB transaction is made of: IAM asks for each part's own action, never for the transaction's.
fn parts(operation: &str, body: &[u8]) -> BTreeSet<String> {
    if !matches!(operation, "TransactWriteItems" | "TransactGetItems") {
        return BTreeSet::new();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = body.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_object).flat_map(|item| item.keys().cloned()).collect()
}

/// The members that name something: never a document, a policy or a secret.
fn about(asked: &Asked) -> String {
    const NAMING: [&str; 11] =
        ["Id", "Ids", "Name", "Names", "Arn", "Bucket", "Key", "Url", "Identifier", "Alias", "Version"];
    let naming = |name: &str| {
        // The query protocol's own.
        if name == "Version" {
            return false;
        }
        let name = name.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
        NAMING.iter().any(|end| name.ends_with(end) || name.ends_with(&end.to_lowercase()))
    };
    let line = |name: &str, value: &str| format!("{name}={}", value.chars().take(120).collect::<String>());
    let mut found = Vec::new();
    if let Ok(Value::Object(body)) = serde_json::from_slice(&asked.body) {
        for (name, value) in body.iter().filter(|(name, _)| naming(name)) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.push(line(name, &value));
        }
    } else if let Ok(form) = std::str::from_utf8(&asked.body)
        && pair(form, "Action").is_some()
    {
        for (name, value) in form.split('&').filter_map(|pair| pair.split_once('=')) {
            if naming(name) {
                found.push(line(name, &decoded(value)));
            }
        }
    }
    if found.is_empty() && asked.uri.path() != "/" {
        found.push(decoded(asked.uri.path()).into_owned());
    }
    found.truncate(5);
    found.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &'static str, content_type: &str, body: &'static str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        Asked {
            method: Method::POST,
            uri: Uri::from_static(uri),
            headers,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn the_log_names_what_a_call_was_about_and_keeps_documents_out() {
        let json = r#"{"Name":"plumb-x","Content":"secret","DocumentVersion":"3"}"#;
        assert_eq!(about(&asked("/", "application/x-amz-json-1.1", json)), "DocumentVersion=3 Name=plumb-x");
        let form = "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.FromPort=22";
        assert_eq!(about(&asked("/", "application/x-www-form-urlencoded", form)), "GroupId=sg-1");
        assert_eq!(about(&asked("/a%20bucket/key", "application/xml", "<Policy/>")), "/a bucket/key");
    }

    #[test]
    fn an_error_code_is_found_in_every_protocol() {
        let code = |header: Option<&str>, body: &str| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert("x-amzn-errortype", header.parse().unwrap());
            }
            error_code(&headers, body.as_bytes(), StatusCode::BAD_REQUEST)
        };
        assert_eq!(code(None, r#"{"__type":"com.amazonaws.ssm#InvalidDocument"}"#), "InvalidDocument");
        assert_eq!(code(Some("ResourceNotFoundException:http://internal/"), ""), "ResourceNotFoundException");
        assert_eq!(code(None, "<Error><Code>NoSuchBucket</Code></Error>"), "NoSuchBucket");
        assert_eq!(code(None, ""), "400");
    }

    #[test]
    fn a_bucket_in_the_host_name_is_moved_into_the_path() {
        let of = |host: &str, path: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            path_style(&Uri::from_static(path), &headers).to_string()
        };
        assert_eq!(of("bucket.localhost:4599", "/key?acl"), "/bucket/key?acl");
        assert_eq!(of("bucket.s3.localhost", "/"), "/bucket/");
        assert_eq!(of("localhost:4599", "/bucket/key"), "/bucket/key");
        assert_eq!(of("127.0.0.1:4599", "/bucket"), "/bucket");
    }
}
