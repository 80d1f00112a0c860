//! What botocore's models say of some APIs, for the linter of documents.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::{python::Python, start::StartError};

/// Nobody waits longer for something that takes a second.
const PATIENCE: Duration = Duration::from_mins(2);

/// Describes the APIs of boto3 services, as `models.py` says; no AWS is called. The Python environment at `venv` is made
/// if it is missing.
///
/// # Errors
/// When there is no Python, or it fails.
pub async fn describe(
    calls: &BTreeSet<(String, String)>,
    home: &Path,
    venv: &Path,
) -> Result<Value, StartError> {
    let python = Python::ready(venv, home).await?;
    // Nobody listens there: even by mistake nothing is called.
    let mut command = python.program("models.py", "us-east-1", "http://127.0.0.1:9");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |why: String| StartError::new(format!("`models.py` failed: {why}"));
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let question = serde_json::to_vec(calls).map_err(|error| failed(error.to_string()))?;
    let mut input = child.stdin.take();
    let asked = async {
        if let Some(input) = &mut input {
            input.write_all(&question).await?;
        }
        drop(input);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(PATIENCE, asked)
        .await
        .map_err(|_| failed(format!("no answer within {PATIENCE:?}")))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().last().unwrap_or("it says nothing").to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}
