//! AWS, as far as the bench needs it: the same answer at once to every call of an operation, and a count.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    serve::ListenerExt as _,
};
use tokio::net::TcpListener;

/// How often each operation was called.
pub(crate) type Calls = BTreeMap<String, u32>;

/// The endpoint, serving for as long as the bench runs.
pub(crate) struct Endpoint {
    pub(crate) url: String,
    calls: Arc<Mutex<Calls>>,
}

impl Endpoint {
    /// Serves on a free port of loopback.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let calls = Arc::new(Mutex::new(Calls::new()));
        let service = Router::new().fallback(answer).with_state(Arc::clone(&calls));
        let listener = listener.tap_io(|connection| {
            // Without it an answer may wait 40 ms for the acknowledgement of its own head.
            let _ = connection.set_nodelay(true);
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        Ok(Self { url, calls })
    }

    /// The calls since the last time.
    pub(crate) fn take(&self) -> Calls {
        std::mem::take(&mut *lock(&self.calls))
    }
}

async fn answer(State(calls): State<Arc<Mutex<Calls>>>, head: HeaderMap) -> Response {
    let target = head.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or(("", target));
    let (service, body) = match (service, operation) {
        // JSON, which is YAML too: so that the boto3 handler needs no YAML parser.
        ("AmazonSSM", "GetParameter") => (
            "ssm",
            r#"{"Parameter":{"Name":"/plumb/policy","Type":"String","Value":"{\"mode\":\"auto\"}","Version":1}}"#,
        ),
        ("AmazonSSM", "StartAutomationExecution") => {
            ("ssm", r#"{"AutomationExecutionId":"4105a4fc-f944-11e6-9d32-0fb3c4a8bf3a"}"#)
        }
        ("DynamoDB_20120810", "PutItem") => ("dynamodb", "{}"),
        _ => {
            let refused = format!(r#"{{"__type":"UnknownOperationException","message":"`{target}`"}}"#);
            return (StatusCode::BAD_REQUEST, refused).into_response();
        }
    };
    *lock(&calls).entry(format!("{service}:{operation}")).or_default() += 1;
    ([(CONTENT_TYPE, "application/x-amz-json-1.1")], body).into_response()
}

fn lock(calls: &Mutex<Calls>) -> MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}
