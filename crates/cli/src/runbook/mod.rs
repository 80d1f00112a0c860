//! `plumb runbook run`: an SSM Automation document, run step by step against local AWS.

pub(crate) mod cost;
mod documents;
mod dry;
pub(crate) mod iam;
pub(crate) mod lint;
mod people;
mod ports;

use std::{collections::BTreeMap, io::Write, sync::Arc};

use plumb_automation::{
    Declared, Document, Environment, Execution, Mode, Start, Status, Stop, run as execute, signals, wire,
};
use plumb_local::{Call, Worker};
use serde_json::{Value, json};
use uuid::Uuid;

use self::people::{Bell, Reachable};
use crate::{
    arguments::RunbookRun,
    failure::Failure,
    local::runtime,
    output::{json_pretty, say},
};

/// Where `plumb local` listens unless it is told otherwise.
const LOCAL: &str = "http://127.0.0.1:4599";

pub(crate) fn run(out: &mut dyn Write, arguments: &RunbookRun, json: bool) -> Result<(), Failure> {
    let file = arguments.document.display();
    let usage = |why: String| Failure::Usage(format!("`{file}`: {why}"));
    let text = documents::one(&arguments.document)?;
    let document = Document::parse(&text).map_err(|error| usage(error.to_string()))?;
    let mut given = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &arguments.parameters {
        given.entry(name.clone()).or_default().push(value.clone());
    }
    if arguments.dry_run {
        return dry::run(out, arguments, &text, &document, given, json);
    }
    let parameters = document.bind(&given).map_err(|error| usage(error.to_string()))?;
    let stubs = stubs(arguments)?;

    let ended = runtime()?.block_on(async {
        let endpoint = arguments.endpoint.as_deref().unwrap_or(LOCAL);
        let worker = connect(arguments, endpoint).await?.with_files(arguments.files.clone());
        let environment = environment(&worker, arguments, endpoint).await?;
        let start = Start {
            id: Uuid::new_v4().to_string(),
            document_name: name_of(arguments),
            document_version: "1".to_owned(),
            document: Arc::new(document),
            parameters,
            executed_by: format!("arn:{}:iam::{}:root", environment.partition, environment.account),
            environment,
            parent_id: None,
            depth: 0,
            mode: Mode::Auto,
            role: None,
            target: None,
        };
        Ok::<_, Failure>(until_it_ends(start, worker, stubs, arguments).await)
    })?;

    if json {
        json_pretty(out, &json!({ "AutomationExecution": wire::automation_execution(&ended) }))?;
    } else {
        write_outputs(out, &ended)?;
    }
    if ended.status == Status::Success {
        return Ok(());
    }
    let why = ended.failure_message.map(|why| format!(": {why}")).unwrap_or_default();
    Err(Failure::Failed(format!("the execution ended in {}{why}", ended.status.as_str())))
}

/// What is declared for commands and webhooks.
fn stubs(arguments: &RunbookRun) -> Result<Declared, Failure> {
    let Some(file) = &arguments.stubs else { return Ok(Declared::default()) };
    let wrong = |why: String| Failure::Usage(format!("`{}`: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))
}

async fn connect(arguments: &RunbookRun, endpoint: &str) -> Result<Worker, Failure> {
    let home = arguments.dir.join("runbook");
    // Python's paths must not depend on where its programs run.
    let home = std::fs::create_dir_all(&home).and_then(|()| std::path::absolute(&home));
    let home = home.map_err(|error| Failure::Failed(format!("`{}`: {error}", arguments.dir.display())))?;
    let venv = std::path::absolute(arguments.dir.join("venv")).unwrap_or_else(|_| arguments.dir.join("venv"));
    Worker::against(endpoint, &arguments.region, &home, &venv)
        .await
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// Asks the endpoint for the account; thereby also finds out whether anybody is there.
async fn environment(
    worker: &Worker,
    arguments: &RunbookRun,
    endpoint: &str,
) -> Result<Environment, Failure> {
    let region = Some(arguments.region.clone());
    let call = Call { region, ..Call::outside("sts", "GetCallerIdentity", json!({})) };
    let identity = worker.call(call).await.map_err(|error| {
        Failure::Failed(format!(
            "local AWS at `{endpoint}` does not answer ({error}); start it with `plumb local`"
        ))
    })?;
    let text = |name: &str| identity.get(name).and_then(Value::as_str);
    let partition = text("Arn").and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
    let account =
        text("Account").ok_or_else(|| Failure::Failed("the endpoint names no account".to_owned()))?;
    Ok(Environment { account: account.to_owned(), region: arguments.region.clone(), partition })
}

async fn until_it_ends(start: Start, worker: Worker, stubs: Declared, arguments: &RunbookRun) -> Execution {
    let (stopper, signals) = signals();
    let reachable = Reachable::default();
    reachable.add(&start.id, stopper.clone());
    let (bell, waiting) = tokio::sync::mpsc::unbounded_channel();
    let ports = ports::ports(worker, stubs, Bell::new(bell), reachable.clone());
    let mut execution = execute(start, ports, signals);
    let answering = people::answer(waiting, reachable, &arguments.answers);
    tokio::pin!(answering);
    loop {
        tokio::select! {
            ended = &mut execution => return ended,
            () = &mut answering => {}
            interrupted = tokio::signal::ctrl_c() => {
                if interrupted.is_err() {
                    // Nobody can interrupt it: let it end by itself.
                    return execution.await;
                }
                say("cancelling; the step under way ends first");
                stopper.stop(Stop::Cancel);
            }
        }
    }
}

fn name_of(arguments: &RunbookRun) -> String {
    arguments
        .document
        .file_stem()
        .map_or_else(|| "runbook".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn write_outputs(out: &mut dyn Write, ended: &Execution) -> Result<(), Failure> {
    for (name, value) in &ended.outputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "{name} = {value}")?;
    }
    Ok(writeln!(out, "{}", ended.status.as_str())?)
}
