//! What an operator asks for: undo, go on, yes, no.

use std::{io::Write, time::Duration};

use plumb_aws::{SqsQueue, operator};
use plumb_model::{ClearRequest, Remediation, RollbackRequest, State};
use plumb_ports::FindingsQueue as _;
use serde_json::{Value, json};

use super::{
    Where, Which,
    connect::{Connection, failed},
    remediation::find,
};
use crate::{
    failure::Failure,
    output::{json_pretty, say, word},
};

/// How long between two looks at whether it is done.
const GLANCE: Duration = Duration::from_secs(2);

pub(crate) async fn rollback(
    out: &mut dyn Write,
    at: &Where,
    which: &Which,
    wait: Option<u64>,
    json: bool,
) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let record = find(&connection, which).await?;
    // What can't work is said at once; `remediate` decides by the same rules when the request arrives.
    let control = plumb_catalogue::control(record.control.as_str());
    let control = control.ok_or_else(|| {
        Failure::Failed(format!("this version of Plumb has no control `{}`", record.control))
    })?;
    let decision = plumb_planner::plan_rollback(control, &connection.deployment, &record, record.generation);
    if decision.action.is_none() {
        return Err(Failure::Failed(format!("{} can't be undone: {}", record.key(), decision.reason)));
    }
    let request = RollbackRequest {
        control: record.control.clone(),
        resource: record.resource.clone(),
        generation: record.generation,
        requested_by: connection.caller.clone(),
    };
    send(&connection, &record, RollbackRequest::DETAIL_TYPE, json!(request)).await?;
    let end = match wait {
        Some(seconds) => Some(follow(&connection, which, &record, seconds).await?),
        None => None,
    };
    let asked = "the rollback was asked for; `plumb history` tells how it goes";
    told(out, end.as_ref().unwrap_or(&record), end.is_none().then_some(asked), json)?;
    match end.map(|record| record.state) {
        None | Some(State::RolledBack) => Ok(()),
        Some(other) => Err(Failure::Failed(format!("the rollback did not end well: it is {}", word(other)))),
    }
}

pub(crate) async fn clear(out: &mut dyn Write, at: &Where, which: &Which, json: bool) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let record = find(&connection, which).await?;
    let request = ClearRequest {
        control: record.control.clone(),
        resource: record.resource.clone(),
        generation: record.generation,
        requested_by: connection.caller.clone(),
    };
    send(&connection, &record, ClearRequest::DETAIL_TYPE, json!(request)).await?;
    told(out, &record, Some("asked for; Plumb touches it again with the next finding"), json)
}

pub(crate) async fn answer(
    out: &mut dyn Write,
    at: &Where,
    which: &Which,
    approved: bool,
    comment: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let record = find(&connection, which).await?;
    // Through JSON, so that a record without an approval and one of another version are told apart from one with it.
    let fields = json!(record);
    let execution = fields
        .pointer("/approval/execution_id")
        .or_else(|| fields.pointer("/execution_id"))
        .and_then(Value::as_str)
        .filter(|_| record.state == State::AwaitingApproval);
    let execution = execution.ok_or_else(|| {
        let why = if record.state == State::AwaitingApproval {
            "nobody was asked, since the policy names no approvers".to_owned()
        } else {
            format!("it is {}", word(record.state))
        };
        Failure::Failed(format!("{} does not wait for an approval: {why}", record.key()))
    })?;
    operator::answer_approval(&connection.aws, execution, approved, comment)
        .await
        .map_err(|error| failed(&error))?;
    told(out, &record, Some(if approved { "approved" } else { "rejected" }), json)
}

/// Puts a request on the findings queue, in an event's form.
async fn send(
    connection: &Connection,
    record: &Remediation,
    detail_type: &str,
    detail: Value,
) -> Result<(), Failure> {
    let now = jiff::Timestamp::now();
    let event = json!({
        "version": "0", "id": uuid::Uuid::new_v4(), "source": "plumb", "detail-type": detail_type,
        "account": record.resource.account, "region": record.resource.region, "time": now, "resources": [],
        "detail": detail,
    });
    let queue = SqsQueue::new(&connection.aws, connection.output("FindingsQueueUrl")?.to_owned());
    match queue.send(&[event.to_string()]).await {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::Failed("the queue did not take the request; try again".to_owned())),
        Err(error) => Err(failed(&error)),
    }
}

/// Looks until the record has left the state in which the request found it, and nobody is at work on it.
async fn follow(
    connection: &Connection,
    which: &Which,
    before: &Remediation,
    seconds: u64,
) -> Result<Remediation, Failure> {
    let until = std::time::Instant::now() + Duration::from_secs(seconds);
    let mut last = before.state;
    loop {
        let record = find(connection, which).await?;
        if record.state != last {
            last = record.state;
            say(format_args!("{}: {}", word(record.state), record.reason));
        }
        if record.updated_at != before.updated_at && !record.state.is_open() {
            return Ok(record);
        }
        if std::time::Instant::now() >= until {
            return Err(Failure::Failed(format!("after {seconds} s it is {}", word(record.state))));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

fn told(out: &mut dyn Write, record: &Remediation, what: Option<&str>, json: bool) -> Result<(), Failure> {
    if json {
        return json_pretty(out, &json!({ "key": record.key(), "state": record.state, "said": what }));
    }
    let what = what.map_or_else(|| format!("{}: {}", word(record.state), record.reason), str::to_owned);
    Ok(writeln!(out, "{}: {what}", record.key())?)
}
