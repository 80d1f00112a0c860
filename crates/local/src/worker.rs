//! Makes any AWS call by name, and runs `aws:executeScript` scripts, in Python processes.

use serde_json::Value;

use crate::service::Caller;

/// One AWS call by name.
#[derive(Debug, Clone)]
pub struct Call {
    /// boto3's service name, such as `s3` or `ec2`.
    pub service: String,
    /// The operation: `PutPublicAccessBlock`, `put_public_access_block` or `putPublicAccessBlock`.
    pub api: String,
    /// The parameters, with the API's own member names.
    pub params: Value,
    /// The Region; the default one if none.
    pub region: Option<String>,
    /// Whom the call log is to name.
    pub caller: Caller,
}

/// A call that AWS, or boto3 before it was sent, refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// AWS's error code, such as `NoSuchBucket`; boto3's exception name (`ParamValidationError`) if nothing was sent.
    pub code: String,
    /// boto3's text: `An error occurred (NoSuchBucket) when calling the … operation: …`.
    pub message: String,
    /// The operation as AWS names it.
    pub operation: String,
    /// 0 if nothing was answered.
    pub http_status: u16,
}

/// A running Python process that makes AWS calls.
#[derive(Debug, Clone)]
pub struct Worker {}

impl Worker {
    /// Makes one call through the gateway; the response with timestamps as ISO 8601 text, blobs as text (base64 where
    /// they are not UTF-8) and without `ResponseMetadata`.
    ///
    /// # Errors
    /// When the call is refused or fails.
    pub async fn call(&self, call: Call) -> Result<Value, CallError> {
        std::future::ready(Err(CallError {
            code: "NotRunning".to_owned(),
            message: format!("the worker does not run: {}", call.api),
            operation: call.api,
            http_status: 0,
        }))
        .await
    }
}

/// One `aws:executeScript` job.
#[derive(Debug, Clone)]
pub struct Script {
    /// The Python source.
    pub source: String,
    /// The function to call, with the payload and a context.
    pub handler: String,
    /// Its first argument.
    pub payload: Value,
    /// The Region of the calls it makes.
    pub region: Option<String>,
    /// Ends it, with everything it started.
    pub timeout: std::time::Duration,
    /// Whom the call log is to name.
    pub caller: Caller,
}

/// A script that raised, ran out of time or could not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// It raised; AWS's form of the traceback, ending in `KeyError - 'x'`.
    #[error("{0}")]
    Raised(String),
    /// It ran out of time.
    #[error("the script ran longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// It could not be run.
    #[error("the script could not be run: {0}")]
    NotRun(String),
}

impl Worker {
    /// Runs a script in a process of its own; what the handler returned.
    ///
    /// # Errors
    /// When it raises, runs out of time or can't be run.
    pub async fn script(&self, script: Script) -> Result<Value, ScriptError> {
        std::future::ready(Err(ScriptError::NotRun(script.handler))).await
    }
}
