//! AWS, as far as the bench needs it: the same answer at once to every call of an operation, and a count.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    serve::ListenerExt as _,
};
use serde_json::{Value, json};
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

async fn answer(State(calls): State<Arc<Mutex<Calls>>>, uri: Uri, head: HeaderMap, body: Bytes) -> Response {
    let target = head.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or(("", target));
    let (called, body) = match (service, operation, uri.path()) {
        ("", "", "/configurationsessions") => {
            ("appconfig:StartConfigurationSession", r#"{"InitialConfigurationToken":"token"}"#.to_owned())
        }
        // JSON, so that the boto3 handler needs no YAML parser.
        ("", "", "/configuration") => ("appconfig:GetLatestConfiguration", r#"{"mode":"auto"}"#.to_owned()),
        ("ResourceGroupsTaggingAPI_20170126", "GetResources", _) => {
            ("tag:GetResources", r#"{"PaginationToken":"","ResourceTagMappingList":[]}"#.to_owned())
        }
        ("AmazonSSM", "StartAutomationExecution", _) => (
            "ssm:StartAutomationExecution",
            r#"{"AutomationExecutionId":"4105a4fc-f944-11e6-9d32-0fb3c4a8bf3a"}"#.to_owned(),
        ),
        ("DynamoDB_20120810", "PutItem", _) => ("dynamodb:PutItem", "{}".to_owned()),
        ("DynamoDB_20120810", "TransactWriteItems", _) => ("dynamodb:TransactWriteItems", "{}".to_owned()),
        ("StarlingDoveService", "PutEvaluations", _) => {
            ("config:PutEvaluations", r#"{"FailedEvaluations":[]}"#.to_owned())
        }
        ("StarlingDoveService", "SelectResourceConfig", _) => ("config:SelectResourceConfig", rows(&body)),
        ("StarlingDoveService", "GetResourceConfigHistory", _) => {
            ("config:GetResourceConfigHistory", json!({"configurationItems": [volume(0)]}).to_string())
        }
        _ => {
            let refused = format!(r#"{{"__type":"UnknownOperationException","message":"`{target}`"}}"#);
            return (StatusCode::BAD_REQUEST, refused).into_response();
        }
    };
    *lock(&calls).entry(called.to_owned()).or_default() += 1;
    // AppConfig's answers have their token in the head.
    let head = [
        (CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"),
        ("next-poll-configuration-token", "token"),
        ("next-poll-interval-in-seconds", "15"),
    ];
    (head, body).into_response()
}

/// How many volumes there are for a periodic evaluation.
pub(crate) const RESOURCES: u32 = 10_000;

/// AWS Config gives a hundred a page.
const PAGE: u32 = 100;

/// A volume as an advanced query's row has it; every other one is gp2.
fn volume(number: u32) -> Value {
    let id = format!("vol-{number:017x}");
    json!({
        "accountId": "123456789012", "awsRegion": "us-east-1", "resourceType": "AWS::EC2::Volume", "resourceId": id,
        "arn": format!("arn:aws:ec2:us-east-1:123456789012:volume/{id}"), "configurationItemStatus": "OK",
        "configurationItemCaptureTime": "2026-03-02T10:00:00.000Z", "resourceCreationTime": "2025-03-02T10:00:00.000Z",
        "configuration": {
            "volumeId": id, "volumeType": if number.is_multiple_of(2) { "gp2" } else { "gp3" }, "size": 100, "iops": 3000,
            "encrypted": true, "kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/1a2b3c4d-0000-4000-8000-000000000000",
            "availabilityZone": "us-east-1a", "createTime": "2025-03-02T10:00:00.000Z", "state": {"value": "in-use"},
            "attachments": [{
                "attachTime": "2025-03-02T10:00:00.000Z", "device": "/dev/sdf", "instanceId": format!("i-{number:017x}"),
                "state": {"value": "attached"}, "volumeId": id, "deleteOnTermination": true
            }],
            "tags": [{"key": "team", "value": "web"}, {"key": "Name", "value": format!("data {number}")}]
        },
        "supplementaryConfiguration": {}, "tags": [{"key": "team", "value": "web"}],
        "relationships": [{
            "resourceType": "AWS::EC2::Instance", "resourceId": format!("i-{number:017x}"),
            "relationshipName": "Is attached to Instance"
        }]
    })
}

/// The numbers on a page, and the token of the next.
fn page(body: &[u8]) -> (std::ops::Range<u32>, Option<String>) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let from =
        asked.get("NextToken").and_then(Value::as_str).and_then(|token| token.parse().ok()).unwrap_or(0);
    let to = RESOURCES.min(from + PAGE);
    (from..to, (to < RESOURCES).then(|| to.to_string()))
}

fn rows(body: &[u8]) -> String {
    let (numbers, next) = page(body);
    let rows: Vec<_> = numbers.map(|number| volume(number).to_string()).collect();
    json!({"Results": rows, "NextToken": next}).to_string()
}

fn lock(calls: &Mutex<Calls>) -> MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}
