//! What the engine needs from the outside: AWS calls, scripts, documents, a clock, and someone to tell.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    choices,
    document::Document,
    execution::{Execution, Start, StepExecution},
    failure::is_throttled,
    signals::{Signals, Stopper},
    stubs::Stubs,
};

/// A boxed future, so that a port can be a trait object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything the engine may reach. Cloning shares it.
#[derive(Clone)]
pub struct Ports {
    /// Makes AWS calls.
    pub api: Arc<dyn AwsApi>,
    /// Runs `aws:executeScript` jobs.
    pub scripts: Arc<dyn Scripts>,
    /// Finds the documents that `aws:executeAutomation` names.
    pub documents: Arc<dyn Documents>,
    /// Tells and lets pass the time.
    pub clock: Arc<dyn Clock>,
    /// Is told of every change of status.
    pub observer: Arc<dyn Observer>,
    /// Knows what commands and webhooks come to.
    pub stubs: Arc<dyn Stubs>,
    /// Runs the executions that an execution starts.
    pub launcher: Arc<dyn Launcher>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

/// Who asks: so that each call can be attributed to an execution and a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The execution's id.
    pub execution_id: String,
    /// The document's name.
    pub document: String,
    /// The step's name; empty for what is done before the first step, such as reading an `{{ssm:…}}` default.
    pub step: String,
}

/// One AWS call, as boto3 would make it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiCall {
    /// The boto3 name of the service, in lower case.
    pub service: String,
    /// The operation in `PascalCase` where the document's spelling lets one know it. For a document that says
    /// `describe_db_instances` this is `DescribeDbInstances`: compare [`ApiCall::method`] to be sure.
    pub api: String,
    /// The parameters.
    pub parameters: Map<String, Value>,
    /// The region.
    pub region: String,
    /// The role to act as; `None` acts as the caller.
    pub assume_role: Option<String>,
    /// Who asks.
    pub origin: Origin,
}

impl ApiCall {
    /// The boto3 client's method for [`ApiCall::api`], by botocore's own rule.
    pub fn method(&self) -> String {
        crate::names::snake_case(&self.api)
    }
}

/// Why an AWS call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// AWS answered with an error. Reads as boto3's `ClientError` does.
    #[error("An error occurred ({code}) when calling the {operation} operation: {message}")]
    Service {
        /// Such as `AccessDenied`.
        code: String,
        /// AWS's text.
        message: String,
        /// The operation in `PascalCase`.
        operation: String,
    },
    /// The call never reached AWS: an unknown service or operation, parameters that botocore refuses, no connection.
    /// The text is the client's own.
    #[error("{0}")]
    Client(String),
}

/// Makes AWS calls. Dropping the future gives the call up.
pub trait AwsApi: Send + Sync {
    /// The response as boto3 returns it, `ResponseMetadata` included and times as ISO 8601 text.
    fn call(&self, call: ApiCall) -> Answer<'_, Result<Value, ApiError>>;

    /// How long throttled calls are tried again before the attempt fails: time that a step has besides its own.
    fn throttled_retry(&self) -> Duration {
        Duration::ZERO
    }
}

/// Tries throttled calls again, as an account does that sets `/ssm/automation/throttled-retry-time-limit`. How long AWS
/// rests in between isn't known: here 1, 2, 4, … seconds, 30 at most.
#[derive(Clone)]
pub struct Patient {
    /// Makes the calls.
    pub api: Arc<dyn AwsApi>,
    /// Lets the time pass.
    pub clock: Arc<dyn Clock>,
    /// For how long one call is tried again.
    pub limit: Duration,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl AwsApi for Patient {
    fn call(&self, call: ApiCall) -> Answer<'_, Result<Value, ApiError>> {
        Box::pin(async move {
            let (mut rest, mut rested) = (choices::THROTTLED_REST, Duration::ZERO);
            loop {
                let answer = self.api.call(call.clone()).await;
                match &answer {
                    Err(ApiError::Service { code, .. })
                        if is_throttled(code) && rested + rest <= self.limit => {}
                    _ => return answer,
                }
                self.clock.sleep(rest).await;
                rested += rest;
                rest = (rest * 2).min(choices::LONGEST_THROTTLED_REST);
            }
        })
    }

    fn throttled_retry(&self) -> Duration {
        self.limit
    }
}

/// Where the code of an `aws:executeScript` step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptSource {
    /// In the document.
    Inline(String),
    /// In a file attached to the document.
    Attachment {
        /// The file's name.
        name: String,
        /// Its SHA-256 as the document states it, in hexadecimal.
        sha256: Option<String>,
    },
}

/// One run of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct ScriptJob {
    /// Such as `python3.11`.
    pub runtime: String,
    /// The function to call, or `file.function`; empty for PowerShell.
    pub handler: String,
    /// The code.
    pub source: ScriptSource,
    /// First argument of the handler.
    pub payload: Map<String, Value>,
    /// Second argument of the handler: a dictionary with the keys `global:REGION`, `automation:EXECUTION_ID`, ….
    pub context: Map<String, Value>,
    /// The longest it may take.
    pub timeout: Duration,
    /// The region.
    pub region: String,
    /// The role to act as; `None` acts as the caller.
    pub assume_role: Option<String>,
    /// Who asks.
    pub origin: Origin,
}

/// Why a script gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It raised. The text is the traceback with a last line of the form `KeyError - 'name'`.
    #[error("{0}")]
    Raised(String),
    /// It took longer than [`ScriptJob::timeout`].
    #[error("the script took too long")]
    TimedOut,
    /// It was not run: a runtime that isn't there, an attachment that is missing, scripts switched off.
    #[error("{0}")]
    NotRun(String),
}

/// Runs scripts. Dropping the future must stop the script and whatever it started.
pub trait Scripts: Send + Sync {
    /// What the handler returned.
    fn run(&self, job: ScriptJob) -> Answer<'_, Result<Value, ScriptError>>;
}

/// A document with the name and version it was found under.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The name, not the ARN.
    pub name: String,
    /// The version's number.
    pub version: String,
    /// The document.
    pub document: Arc<Document>,
}

/// A document that can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("An error occurred ({code}) when calling the StartAutomationExecution operation: {message}")]
pub struct DocumentsError {
    /// Such as `AutomationDefinitionNotFoundException`.
    pub code: String,
    /// AWS's text.
    pub message: String,
}

/// Finds documents.
pub trait Documents: Send + Sync {
    /// The document of a name or ARN; `version` is a number, `$DEFAULT`, `$LATEST` or, for the default, nothing.
    fn find<'a>(
        &'a self,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Stored, DocumentsError>>;
}

/// The time. `sleep` must end no earlier than [`Clock::now`] has moved on by as much, for timeouts rely on it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep(&self, duration: Duration) -> Answer<'_, ()>;
}

/// Is told of every change of status, in order, children of `aws:executeAutomation` included
/// ([`Execution::parent_id`] tells them apart). Called from within the run: keep it short.
pub trait Observer: Send + Sync {
    /// The execution's status changed. The first call, `Pending` to `InProgress`, comes when the run starts.
    fn execution_changed(&self, execution: &Execution);

    /// The status of a step of `execution` changed.
    fn step_changed(&self, execution: &Execution, step: &StepExecution);
}

/// Tells no one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn execution_changed(&self, _execution: &Execution) {}

    fn step_changed(&self, _execution: &Execution, _step: &StepExecution) {}
}

/// Runs the executions that an execution starts. What starts them sees them to their end.
pub trait Launcher: Send + Sync {
    /// Runs one, after waiting for a place if it has to. `stopper` is the other end of `signals`, for others to use.
    fn launch(
        &self,
        start: Start,
        ports: Ports,
        ends: (Stopper, Signals),
        family: Family,
    ) -> Answer<'static, Execution>;
}

/// What an execution is to the one that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The child of an `aws:executeAutomation` step, which waits for it.
    Child,
    /// One of the many that a request for `Targets` or `TargetLocations` starts.
    Sibling,
}

/// Runs them at once, with the same ports.
#[derive(Debug, Clone, Copy, Default)]
pub struct AtOnce;

impl Launcher for AtOnce {
    fn launch(
        &self,
        start: Start,
        ports: Ports,
        (_, signals): (Stopper, Signals),
        _family: Family,
    ) -> Answer<'static, Execution> {
        crate::engine::run(start, ports, signals)
    }
}
