//! A Lambda Runtime API of the bench's own: it notes when the function asks for an event, and when it has answered.

use std::{
    error::Error,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use tokio::{
    net::TcpListener,
    process::Child,
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::function::Function;

/// Longer than anything here should take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// A function that runs.
pub(crate) struct Sandbox {
    process: Child,
    started: Instant,
    events: mpsc::UnboundedSender<String>,
    heard: mpsc::UnboundedReceiver<Heard>,
    server: JoinHandle<()>,
}

/// What an invocation brought.
pub(crate) struct Invocation {
    pub(crate) took: Duration,
    pub(crate) answer: Bytes,
}

enum Heard {
    Asked(Instant),
    HandedOver(Instant),
    Answered(Instant, Bytes),
    Failed(Bytes),
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    told: mpsc::UnboundedSender<Heard>,
}

impl Sandbox {
    /// Starts the function.
    pub(crate) async fn start(function: &Function) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, to_come) = mpsc::unbounded_channel();
        let (told, heard) = mpsc::unbounded_channel();
        let api = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(Arc::new(Api { events: Mutex::new(to_come), told }));
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, api).await;
        });
        let mut command = function.start(&[])?;
        command.env("AWS_LAMBDA_RUNTIME_API", address).env("_HANDLER", "handler.handler");
        let started = Instant::now();
        let process = command.spawn()?;
        Ok(Self { process, started, events, heard, server })
    }

    /// Waits until it asks for its first event: how long that took from just before its process was started.
    pub(crate) async fn ready(&mut self) -> Result<Duration, Box<dyn Error>> {
        match self.hear().await? {
            Heard::Asked(at) => Ok(at - self.started),
            other => Err(other.unexpected()),
        }
    }

    /// Hands an event over to the function, which waits for one: how long until its answer was there.
    pub(crate) async fn invoke(&mut self, event: String) -> Result<Invocation, Box<dyn Error>> {
        self.events.send(event)?;
        let handed_over = match self.hear().await? {
            Heard::HandedOver(at) => at,
            other => return Err(other.unexpected()),
        };
        let invocation = match self.hear().await? {
            Heard::Answered(at, answer) => Invocation { took: at - handed_over, answer },
            other => return Err(other.unexpected()),
        };
        match self.hear().await? {
            Heard::Asked(_) => Ok(invocation),
            other => Err(other.unexpected()),
        }
    }

    /// The most memory that it ever had resident, in kB.
    pub(crate) fn peak_memory(&self) -> Result<u32, Box<dyn Error>> {
        peak_memory(self.process.id().ok_or("the function has ended")?)
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> Result<(), Box<dyn Error>> {
        self.process.kill().await?;
        self.server.abort();
        Ok(())
    }

    async fn hear(&mut self) -> Result<Heard, Box<dyn Error>> {
        tokio::select! {
            heard = timeout(PATIENCE, self.heard.recv()) => {
                heard.map_err(|_| "the function says nothing for a minute")?.ok_or_else(|| "the server ended".into())
            }
            ended = self.process.wait() => Err(format!("the function ended: {}", ended?).into()),
        }
    }
}

impl Heard {
    fn unexpected(self) -> Box<dyn Error> {
        match self {
            Self::Failed(why) => format!("the function failed: {}", String::from_utf8_lossy(&why)).into(),
            _ => "the function speaks out of turn".into(),
        }
    }
}

/// A process's high-water mark, in kB.
pub(crate) fn peak_memory(process: u32) -> Result<u32, Box<dyn Error>> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    Ok(mark.ok_or("the kernel does not tell `VmHWM`")?.parse()?)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let _ = api.told.send(Heard::Asked(Instant::now()));
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = jiff::Timestamp::now().as_millisecond() + 300_000;
    let head = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", REQUEST_ID.to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:bench".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
    ];
    let response = (axum::response::AppendHeaders(head), event).into_response();
    let _ = api.told.send(Heard::HandedOver(Instant::now()));
    response
}

async fn answered(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let _ = api.told.send(Heard::Answered(Instant::now(), body));
    StatusCode::ACCEPTED
}

async fn failed(State(api): State<Arc<Api>>, body: Bytes) -> StatusCode {
    let _ = api.told.send(Heard::Failed(body));
    StatusCode::ACCEPTED
}
