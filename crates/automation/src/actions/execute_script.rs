//! `aws:executeScript`: code of the document's own.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Action, Call, Done, Unfinished};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::{Answer, ScriptError, ScriptJob, ScriptSource},
};

pub(super) struct ExecuteScript;

impl Action for ExecuteScript {
    /// Braces in a script are the script's: AWS's own documents have f-strings and dictionaries with them.
    fn raw_inputs(&self) -> &'static [&'static str] {
        &["Script"]
    }

    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::SCRIPT_TIMEOUT)
    }

    fn longest(&self) -> Option<Duration> {
        Some(choices::SCRIPT_TIMEOUT)
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let returned = match call.ports.scripts.run(job(&call)?).await {
                Ok(returned) => returned,
                Err(ScriptError::TimedOut) => return Err(Unfinished::TimedOut),
                Err(ScriptError::Raised(traceback)) => {
                    return Err(Failure::new(Doing::Polling, FailureType::Action, &traceback).into());
                }
                Err(ScriptError::NotRun(why)) => {
                    return Err(Failure::new(Doing::Executing, FailureType::Action, &why).into());
                }
            };
            let size = returned.to_string().len();
            if size > choices::MAX_SCRIPT_PAYLOAD_BYTES {
                let reason = format!("The script returned {size} bytes; the most is 100 KB");
                return Err(Failure::new(Doing::Polling, FailureType::Action, &reason).into());
            }
            Ok(Done {
                outputs: BTreeMap::from([("Payload".to_owned(), returned.clone())]),
                payload: json!({ "Payload": returned }),
                ..Done::default()
            })
        })
    }
}

fn job(call: &Call<'_>) -> Result<ScriptJob, Failure> {
    let runtime = call.text("Runtime")?.to_owned();
    let handler = match call.optional_text("Handler")? {
        Some(handler) => handler.to_owned(),
        None if runtime.starts_with("python") => {
            return Err(Failure::inputs("Required input Handler is missing"));
        }
        None => String::new(),
    };
    Ok(ScriptJob {
        runtime,
        handler,
        source: source(call)?,
        payload: call.map("InputPayload")?,
        context: call.scope.script_context(),
        timeout: call.timeout.unwrap_or(choices::SCRIPT_TIMEOUT),
        region: call.start.environment.region.clone(),
        assume_role: call.role.map(str::to_owned),
        origin: call.origin(),
    })
}

fn source(call: &Call<'_>) -> Result<ScriptSource, Failure> {
    if let Some(script) = call.optional_text("Script")? {
        return Ok(ScriptSource::Inline(script.to_owned()));
    }
    match call.inputs.get("Attachment") {
        Some(Value::String(name)) => Ok(ScriptSource::Attachment {
            name: name.clone(),
            sha256: call.start.document.files.get(name).and_then(|file| file.sha256.clone()),
        }),
        _ => Err(Failure::inputs("Either input Script or input Attachment is required")),
    }
}
