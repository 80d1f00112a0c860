//! What a service that the gateway answers itself looks like, and what it is given to work with.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use axum::http::{Method, Uri};
use plumb_automation::Declared;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::{
    calls::CallLog, emulators::Ports, eventbridge::EventLog, faults::Faults, http::Http,
    neighbours::Neighbours, worker::Worker,
};

/// A boxed future, so that services can be kept in a list.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A service that the gateway answers itself, in the JSON 1.1 protocol.
pub trait Service: Send + Sync {
    /// Whether it answers this operation. All others go to an emulator.
    fn answers(&self, operation: &str) -> bool;

    /// Answers one request.
    fn handle<'a>(&'a self, request: &'a Request) -> Answer<'a, Result<Value, AwsError>>;

    /// Answers a page of the service's own below `/_plumb/`; nothing if it has no such page.
    fn page(&self, _method: &Method, _uri: &Uri) -> Option<Value> {
        None
    }

    /// The Regions in which it keeps something.
    fn regions(&self) -> Vec<String> {
        Vec::new()
    }

    /// Runs once, after everything is up; may spawn tasks (they die with the runtime).
    fn started(&self) -> Answer<'_, ()> {
        Box::pin(async {})
    }
}

/// One request to a service that the gateway answers itself.
#[derive(Debug, Clone)]
pub struct Request {
    /// The operation, such as `StartAutomationExecution`.
    pub operation: String,
    /// The request's members.
    pub body: Value,
    /// The account that is called.
    pub account: String,
    /// The Region that is called.
    pub region: String,
    /// Who calls.
    pub caller: Caller,
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Caller {
    /// A Lambda function, by its name.
    Function {
        /// The function's name.
        name: String,
    },
    /// A step of an SSM Automation execution.
    Execution {
        /// The execution's id.
        id: String,
        /// The step's name.
        step: String,
    },
    /// An IAM user, by its name.
    User {
        /// The user's name.
        name: String,
    },
    /// Local AWS itself: a Config rule looking at a resource, a stack creating one.
    Local,
    /// Anybody else: a test, the demo, a person with the AWS command line.
    Outside,
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The exception's name, such as `InvalidDocument`.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The HTTP status: 400 for the caller's mistakes, 500 for the service's.
    pub status: u16,
}

impl AwsError {
    /// A mistake of the caller's.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status: 400 }
    }

    /// A failure of the service's own.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { code: "InternalServerError".to_owned(), message: message.into(), status: 500 }
    }
}

/// A call that may have changed something, seen after it was answered with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// The service as the SDKs name its endpoint, such as `s3`.
    pub service: String,
    /// The operation, such as `PutPublicAccessBlock`.
    pub operation: String,
    /// The Region that was called.
    pub region: String,
}

/// What every service is given: cheap to clone, the same for all.
#[derive(Debug, Clone)]
pub struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    account: String,
    region: String,
    ports: Ports,
    worker: Worker,
    calls: CallLog,
    events: EventLog,
    http: Http,
    mutations: broadcast::Sender<Mutation>,
    stubs: RwLock<Declared>,
    faults: Faults,
    neighbours: Neighbours,
}

impl Context {
    pub(crate) fn new(
        account: String,
        region: String,
        ports: Ports,
        worker: Worker,
        calls: CallLog,
        neighbours: Neighbours,
    ) -> Self {
        let (mutations, _) = broadcast::channel(1024);
        Self(Arc::new(Shared {
            account,
            region,
            ports,
            worker,
            calls,
            events: EventLog::default(),
            http: Http::default(),
            mutations,
            stubs: RwLock::default(),
            faults: Faults::default(),
            neighbours,
        }))
    }

    /// The account that local AWS is.
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The Region for callers that name none.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The gateway's URL, such as `http://127.0.0.1:4599`.
    pub fn endpoint(&self) -> String {
        self.0.ports.gateway_url()
    }

    /// Where the emulators listen; to be used past the gateway only for what must not be logged or routed.
    pub fn ports(&self) -> Ports {
        self.0.ports
    }

    /// Makes AWS calls (through the gateway) and runs scripts.
    pub fn worker(&self) -> &Worker {
        &self.0.worker
    }

    /// Every call that came through the gateway.
    pub fn calls(&self) -> &CallLog {
        &self.0.calls
    }

    /// Every event that a service published.
    pub fn events(&self) -> &EventLog {
        &self.0.events
    }

    /// Calls that changed something, from now on. A receiver that lags loses the oldest, and is told so.
    pub fn mutations(&self) -> broadcast::Receiver<Mutation> {
        self.0.mutations.subscribe()
    }

    /// Hands an event to EventBridge in AWS's own name, as `PutEvents` refuses to do for anybody else. The event has the
    /// shape that a target receives (`source`, `detail-type`, `account`, `region`, `resources`, `detail`, …); `id` and
    /// `time` are filled in if absent. Rules match it and targets get it as they would any other event.
    ///
    /// # Errors
    /// When the emulator is gone or takes the event for malformed.
    pub async fn deliver(&self, event: &Value) -> Result<(), AwsError> {
        let url = format!("{}/_plumb/event", self.0.ports.ministack_url());
        let answer = self.0.http.post_json(&url, event).await.map_err(AwsError::internal)?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(AwsError::internal(format!("the event was refused: {}", answer.text())))
        }
    }

    /// What commands and webhooks of Automation steps come to, as last declared.
    pub fn stubs(&self) -> Declared {
        self.0.stubs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Declares what commands and webhooks of Automation steps come to, instead of what was declared before.
    pub fn declare(&self, stubs: Declared) {
        *self.0.stubs.write().unwrap_or_else(PoisonError::into_inner) = stubs;
    }

    /// What goes wrong on purpose.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// The accounts beside this one.
    pub(crate) fn neighbours(&self) -> &Neighbours {
        &self.0.neighbours
    }

    pub(crate) fn http(&self) -> &Http {
        &self.0.http
    }

    pub(crate) fn announce(&self, mutation: Mutation) {
        // Nobody listening is not an error.
        let _ = self.0.mutations.send(mutation);
    }
}
