//! Makes any AWS call by name, and runs `aws:executeScript` scripts, in Python processes.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use plumb_automation::ports as engine;
use serde_json::{Map, Value, json};

use crate::{
    attachments::Attachments, guard, lines::Lines, python::Python, service::Caller, start::StartError,
};

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
    /// How many days ago moto is to believe that the call is made; 0 for now. What it makes is as old as that.
    pub days_ago: u32,
}

impl Call {
    /// A call by somebody outside, in the default Region.
    pub fn outside(service: &str, api: &str, params: Value) -> Self {
        let (service, api) = (service.to_owned(), api.to_owned());
        Self { service, api, params, region: None, caller: Caller::Outside, days_ago: 0 }
    }
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

/// A [`CallError`] and AWS's own text, without boto3's words around it; nothing if AWS was not reached.
struct Refused {
    error: CallError,
    said: Option<String>,
}

/// The running Python processes that make AWS calls and run scripts.
#[derive(Debug, Clone)]
pub struct Worker {
    calls: Lines,
    scripts: Lines,
    region: String,
    attachments: Attachments,
}

impl Worker {
    /// Starts a worker of its own against an endpoint that is already up, such as another process's local AWS. The
    /// Python environment is made if it is missing; logs go to `home`.
    ///
    /// # Errors
    /// When the endpoint is not on loopback, or there is no Python.
    pub async fn against(endpoint: &str, region: &str, home: &Path, venv: &Path) -> Result<Self, StartError> {
        if !guard::is_loopback_url(endpoint) {
            return Err(StartError::new(format!(
                "`{endpoint}` is not on loopback; calls go to local AWS only"
            )));
        }
        let python = Python::ready(venv, &home.join("python")).await?;
        Self::start(&python, region, endpoint, home)
    }

    pub(crate) fn start(
        python: &Python,
        region: &str,
        endpoint: &str,
        home: &Path,
    ) -> Result<Self, StartError> {
        let run = |program: &str| {
            let log = home.join(program.replace(".py", ".log"));
            let mut command = python.program(program, region, endpoint);
            std::fs::File::create(&log)
                .and_then(|file| {
                    Lines::start({
                        command.stderr(Stdio::from(file));
                        command
                    })
                })
                .map_err(|error| StartError::new(format!("`{program}` can't be started: {error}")))
        };
        Ok(Self {
            calls: run("boto3_worker.py")?,
            scripts: run("script_runner.py")?,
            region: region.to_owned(),
            attachments: Attachments { files: None, kept: home.join("attachments") },
        })
    }

    /// The same worker, which finds the files attached to documents in a folder, by their names.
    #[must_use]
    pub fn with_files(mut self, files: Option<PathBuf>) -> Self {
        self.attachments.files = files;
        self
    }

    /// Keeps an object of S3 for scripts that are attached to documents: its SHA-256 and its size in bytes.
    pub(crate) async fn keep(&self, region: &str, bucket: &str, key: &str) -> Result<(String, u64), String> {
        let question = members(json!({
            "download": {"bucket": bucket, "key": key, "folder": self.attachments.kept},
            "region": region,
            "caller": header(&Caller::Local),
        }));
        let mut answer = self.calls.ask(question).await.ok_or("local AWS has ended")?;
        let kept = answer.remove("ok").unwrap_or_default();
        if let (Some(sha256), Some(size)) =
            (kept.get("sha256").and_then(Value::as_str), kept.get("size").and_then(Value::as_u64))
        {
            return Ok((sha256.to_owned(), size));
        }
        let why = answer.get("error").and_then(|error| error.get("message")).and_then(Value::as_str);
        Err(why.unwrap_or("it could not be read").to_owned())
    }

    /// Where an object is kept.
    pub(crate) fn kept(&self, sha256: &str) -> PathBuf {
        self.attachments.kept.join(sha256)
    }

    /// Makes one call through the gateway; the response with timestamps as ISO 8601 text, blobs as text (base64 where
    /// they are not UTF-8) and without `ResponseMetadata`.
    ///
    /// # Errors
    /// When the call is refused or fails.
    pub async fn call(&self, call: Call) -> Result<Value, CallError> {
        let mut response = self.call_raw(call).await.map_err(|refused| refused.error)?;
        if let Value::Object(members) = &mut response {
            members.remove("ResponseMetadata");
        }
        Ok(response)
    }

    async fn call_raw(&self, call: Call) -> Result<Value, Refused> {
        let operation = call.api.clone();
        let question = members(json!({
            "service": call.service,
            "api": call.api,
            "params": call.params,
            "region": call.region.as_deref().unwrap_or(&self.region),
            "caller": header(&call.caller),
            "days_ago": call.days_ago,
        }));
        let Some(mut answer) = self.calls.ask(question).await else {
            let error = CallError {
                code: "EndpointConnectionError".to_owned(),
                message: "local AWS has ended".to_owned(),
                operation,
                http_status: 0,
            };
            return Err(Refused { error, said: None });
        };
        if let Some(response) = answer.remove("ok") {
            return Ok(response);
        }
        let error = answer.remove("error").unwrap_or_default();
        let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = error.get("http_status").and_then(Value::as_u64).unwrap_or_default();
        let error = CallError {
            code: text("code").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            operation: text("operation").unwrap_or(operation),
            http_status: u16::try_from(status).unwrap_or_default(),
        };
        Err(Refused { error, said: text("said") })
    }

    /// The REST routes of the services that sign with a name, as `routes.py` describes them.
    pub(crate) async fn routes(&self, signing_name: &str) -> Option<Value> {
        self.calls.ask(members(json!({"routes": signing_name}))).await?.remove("ok")
    }

    /// Runs a script in a process of its own; what the handler returned.
    ///
    /// # Errors
    /// When it raises, runs out of time or can't be run.
    pub async fn script(&self, script: Script) -> Result<Value, ScriptError> {
        let question = members(json!({
            "script": script.source,
            "attachment": script.attachment.map(|(name, path)| json!({"name": name, "path": path})),
            "handler": script.handler,
            "payload": script.payload,
            "context": script.context,
            "region": script.region.as_deref().unwrap_or(&self.region),
            "caller": header(&script.caller),
            "timeout": script.timeout.as_secs_f64(),
        }));
        let Some(mut answer) = self.scripts.ask(question).await else {
            return Err(ScriptError::NotRun("local AWS has ended".to_owned()));
        };
        if answer.contains_key("timed_out") {
            return Err(ScriptError::TimedOut(script.timeout));
        }
        if let Some(Value::String(traceback)) = answer.remove("raised") {
            return Err(ScriptError::Raised(traceback));
        }
        if let Some(why) = answer.get("not_run").and_then(Value::as_str) {
            return Err(ScriptError::NotRun(why.to_owned()));
        }
        Ok(answer.remove("ok").unwrap_or_default())
    }

    pub(crate) fn close(&self) {
        self.calls.close();
        self.scripts.close();
    }

    pub(crate) async fn gone(&self) {
        tokio::join!(self.calls.gone(), self.scripts.gone());
    }
}

/// One `aws:executeScript` job.
#[derive(Debug, Clone)]
pub struct Script {
    /// The Python source; nothing if it is an attachment.
    pub source: Option<String>,
    /// The name of an attached file, and where it is.
    pub attachment: Option<(String, PathBuf)>,
    /// The function to call, with the payload and the context.
    pub handler: String,
    /// Its first argument.
    pub payload: Value,
    /// Its second argument.
    pub context: Value,
    /// The Region of the calls it makes.
    pub region: Option<String>,
    /// Ends it, with everything it started.
    pub timeout: Duration,
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
    TimedOut(Duration),
    /// It could not be run.
    #[error("the script could not be run: {0}")]
    NotRun(String),
}

impl engine::AwsApi for Worker {
    fn call(&self, call: engine::ApiCall) -> engine::Answer<'_, Result<Value, engine::ApiError>> {
        Box::pin(async move {
            let caller = step_of(call.origin);
            let call = Call {
                service: call.service,
                api: call.api,
                params: Value::Object(call.parameters),
                region: Some(call.region),
                caller,
                days_ago: 0,
            };
            self.call_raw(call).await.map_err(|Refused { error, said }| match said {
                Some(message) => {
                    engine::ApiError::Service { code: error.code, message, operation: error.operation }
                }
                None => engine::ApiError::Client(error.message),
            })
        })
    }
}

impl engine::Scripts for Worker {
    fn run(&self, job: engine::ScriptJob) -> engine::Answer<'_, Result<Value, engine::ScriptError>> {
        Box::pin(async move {
            let (source, attachment) = match job.source {
                engine::ScriptSource::Inline(source) => (Some(source), None),
                engine::ScriptSource::Attachment { name, sha256 } => {
                    let path = self.attachments.find(&name, sha256.as_deref());
                    (None, Some((name, path.map_err(engine::ScriptError::NotRun)?)))
                }
            };
            if !job.runtime.starts_with("python3") {
                let why = format!("the runtime `{}` is not there; local AWS runs Python only", job.runtime);
                return Err(engine::ScriptError::NotRun(why));
            }
            let script = Script {
                source,
                attachment,
                handler: job.handler,
                payload: Value::Object(job.payload),
                context: Value::Object(job.context),
                region: Some(job.region),
                timeout: job.timeout,
                caller: step_of(job.origin),
            };
            self.script(script).await.map_err(|error| match error {
                ScriptError::Raised(traceback) => engine::ScriptError::Raised(traceback),
                ScriptError::TimedOut(_) => engine::ScriptError::TimedOut,
                ScriptError::NotRun(why) => engine::ScriptError::NotRun(why),
            })
        })
    }
}

fn step_of(origin: engine::Origin) -> Caller {
    Caller::Execution { id: origin.execution_id, step: origin.step }
}

/// What the gateway reads back with [`Caller::from_header`].
pub(crate) fn header(caller: &Caller) -> String {
    match caller {
        Caller::Function { name } => format!("function/{name}"),
        Caller::Execution { id, step } => format!("execution/{id}/{step}"),
        Caller::User { name } => format!("user/{name}"),
        Caller::Local => "local".to_owned(),
        Caller::Outside => String::new(),
    }
}

impl Caller {
    /// Reads `function/NAME`, `execution/ID/STEP`, `user/NAME` or `local`.
    pub(crate) fn from_header(text: &str) -> Self {
        match text.split_once('/') {
            Some(("function", name)) => Self::Function { name: name.to_owned() },
            Some(("execution", rest)) => {
                let (id, step) = rest.split_once('/').unwrap_or((rest, ""));
                Self::Execution { id: id.to_owned(), step: step.to_owned() }
            }
            Some(("user", name)) => Self::User { name: name.to_owned() },
            None if text == "local" => Self::Local,
            _ => Self::Outside,
        }
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_survives_its_header() {
        for caller in [
            Caller::Function { name: "plumb-remediate".into() },
            Caller::Execution { id: "333ba70b-2333-48db-b17e-a5e69c6f4d1c".into(), step: "Inspect".into() },
            Caller::User { name: "ann".into() },
            Caller::Local,
            Caller::Outside,
        ] {
            assert_eq!(Caller::from_header(&header(&caller)), caller);
        }
    }
}
