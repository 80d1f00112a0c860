//! `evaluate` with every kind of invocation, under the Runtime Interface Emulator as `sam local invoke` does it; and with ten
//! thousand resources.

use std::{error::Error, fmt, fs, path::Path, time::Duration};

use serde::Serialize;
use serde_json::Value;

use super::{
    endpoint::{Calls, Endpoint, RESOURCES},
    function::Function,
    rie::Rie,
    sandbox::Sandbox,
};

/// What an evaluation of every resource took.
#[derive(Debug, Serialize)]
pub(crate) struct Periodic {
    resources: u32,
    seconds: f64,
    peak_memory_megabytes: f64,
    calls: Calls,
}

/// An invocation, and what has to come of it.
#[derive(serde::Deserialize)]
struct Kind {
    name: String,
    event: Value,
    /// Members that the answer has to have; for one that is refused, a part of the reason.
    answer: Value,
}

/// Every kind of invocation, one after the other, in one sandbox.
///
/// # Errors
/// When one is not answered as `tests/bench/evaluations.json` says.
pub(crate) async fn each_kind(
    root: &Path,
    function: &Function,
    endpoint: &Endpoint,
) -> Result<(), Box<dyn Error>> {
    let kinds: Vec<Kind> =
        serde_json::from_str(&fs::read_to_string(root.join("tests/bench/evaluations.json"))?)?;
    let rie = Rie::start(function).await?;
    for Kind { name, event, answer: wanted } in kinds {
        endpoint.take();
        let answer = rie.invoke(event.to_string()).await?.answer;
        let text = String::from_utf8_lossy(&answer);
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let good = match &wanted {
            Value::String(part) => text.contains(part.as_str()),
            wanted => wanted.as_object().is_some_and(|members| {
                members.iter().all(|(member, value)| answer.get(member) == Some(value))
            }),
        };
        if !good {
            return Err(format!("`{name}`: evaluate answered `{text}`, not {wanted}").into());
        }
    }
    rie.stop().await?;
    Ok(())
}

/// Every resource, once.
///
/// # Errors
/// When not every resource gets its verdict.
pub(crate) async fn periodic(function: &Function, endpoint: &Endpoint) -> Result<Periodic, Box<dyn Error>> {
    let event = serde_json::json!({
        "version": "1.0", "configRuleName": "plumb-volume-gp2", "resultToken": "bench", "accountId": "123456789012",
        "ruleParameters": "{\"rule\":\"volume-gp2\"}",
        "invokingEvent": "{\"awsAccountId\":\"123456789012\",\"notificationCreationTime\":\"2026-03-02T10:15:30.000Z\",\
            \"messageType\":\"ScheduledNotification\",\"recordVersion\":\"1.0\"}",
    });
    let mut sandbox = Sandbox::start(function).await?;
    sandbox.ready().await?;
    endpoint.take();
    let invocation = sandbox.invoke(event.to_string()).await?;
    let calls = endpoint.take();
    let answer: Value = serde_json::from_slice(&invocation.answer)?;
    let count = |member: &str| answer.get(member).and_then(Value::as_u64).unwrap_or_default();
    let judged = count("compliant") + count("nonCompliant");
    if judged != u64::from(RESOURCES) || count("notJudged") > 0 {
        return Err(format!("evaluate judged {judged} of {RESOURCES} resources: {answer}").into());
    }
    let memory = f64::from(sandbox.peak_memory()?) / 1000.0;
    sandbox.stop().await?;
    Ok(Periodic {
        resources: RESOURCES,
        seconds: seconds(invocation.took),
        peak_memory_megabytes: memory,
        calls,
    })
}

fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

impl fmt::Display for Periodic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls =
            self.calls.iter().map(|(operation, times)| format!("{times} × {operation}")).collect::<Vec<_>>();
        write!(
            out,
            "a periodic evaluation of {} resources: {:.2} s, peak memory {:.2} MB, calls {}",
            self.resources,
            self.seconds,
            self.peak_memory_megabytes,
            calls.join(", ")
        )
    }
}
