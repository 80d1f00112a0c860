//! `sam local invoke` and `sam local start-lambda`, for every function of the template, against local AWS.
//!
//! The real SAM CLI runs what `sam build` built in Docker's engine. Where no engine runs, the same invocations go through
//! the Runtime Interface Emulator that the SAM CLI brings, and those of the SAM CLI are counted as skipped.

mod case;
mod image;
mod network;

use std::{
    error::Error,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tokio::{io::AsyncBufReadExt as _, process::Command};

use crate::{
    account::{Account, BUILT, blocking, text},
    bench::rie::{self, Rie},
    test::{Checkout, Tally, say},
    tools::{Tools, run},
};
use case::Case;
use network::Network;

/// How long `sam local start-lambda` may take to listen.
const PATIENCE: Duration = Duration::from_mins(2);

/// Invokes every case.
pub(crate) fn run_all(checkout: Checkout<'_>) -> Result<Tally, Box<dyn Error>> {
    let root = checkout.root;
    let cases = case::all(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let account = Account::deployed(checkout, say).await?;
        let tally = invoke_all(root, &account, &cases).await;
        account.stop().await;
        tally
    })
}

async fn invoke_all(root: &Path, account: &Account, cases: &[Case]) -> Result<Tally, Box<dyn Error>> {
    let variables = variables(account).await?;
    let mut tally = Tally::default();
    for function in variables.keys().filter(|name| cases.iter().all(|case| case.function != **name)) {
        say(&format!("FAILED {function}: no case in tests/sam-local/{function}"));
        tally.failed += 1;
    }
    for function in variables.keys() {
        if !cases.iter().any(|case| case.repeatable && case.function == *function) {
            say(&format!("FAILED {function}: no case of it is repeatable"));
            tally.failed += 1;
        }
    }
    if !image::engine() {
        say("skipped: Docker's engine does not answer, so the SAM CLI can't invoke; the emulator does");
        tally.skipped += u64::try_from(cases.len())? + 1;
        for case in cases {
            let answer = under_rie(root, account, case, &variables).await;
            judge(account, case, "emulator", answer, &mut tally).await;
        }
        return Ok(tally);
    }
    blocking(root, |root| Ok(image::ensure(&root).map_err(|error| error.to_string()))).await??;
    let network = Network::open(&account.endpoint()).await?;
    let files = Files::write(root, &variables, &network)?;
    match start_lambda(root, &files, &network, account, cases).await {
        Ok(()) => tally.passed += 1,
        Err(error) => {
            say(&format!("FAILED sam local start-lambda: {error}"));
            tally.failed += 1;
        }
    }
    for case in cases {
        let started = Instant::now();
        let answer = invoke(root, &files, &network, case).await;
        judge(account, case, "sam local invoke", answer, &mut tally).await;
        say(&format!("       {:.1} s", started.elapsed().as_secs_f64()));
    }
    network.close()?;
    // What stands in for the engine where there is none has to be seen working, too.
    for case in cases.iter().filter(|case| case.repeatable) {
        let answer = under_rie(root, account, case, &variables).await;
        judge(account, case, "emulator", answer, &mut tally).await;
    }
    Ok(tally)
}

async fn judge(
    account: &Account,
    case: &Case,
    how: &str,
    answer: Result<Value, Box<dyn Error>>,
    tally: &mut Tally,
) {
    let judged = match answer {
        Ok(answer) => case.check(&answer, account).await,
        Err(error) => Err(error),
    };
    let what = format!("{how} {} {}: {}", case.function, case.name, case.why);
    match judged {
        Ok(()) => {
            say(&format!("ok     {what}"));
            tally.passed += 1;
        }
        Err(error) => {
            say(&format!("FAILED {what}\n       {error}"));
            tally.failed += 1;
        }
    }
}

/// The functions' environments as they are deployed, by logical id: what `--env-vars` wants.
async fn variables(account: &Account) -> Result<Map<String, Value>, Box<dyn Error>> {
    let listed = account
        .call("cloudformation:ListStackResources", json!({ "StackName": crate::account::STACK }))
        .await?;
    let mut all = Map::new();
    for resource in
        listed.get("StackResourceSummaries").and_then(Value::as_array).cloned().unwrap_or_default()
    {
        if resource.get("ResourceType").and_then(Value::as_str) != Some("AWS::Lambda::Function") {
            continue;
        }
        let (Some(id), Some(name)) =
            (text(&resource, "/LogicalResourceId"), text(&resource, "/PhysicalResourceId"))
        else {
            continue;
        };
        let deployed =
            account.call("lambda:GetFunctionConfiguration", json!({ "FunctionName": name })).await?;
        let variables = deployed.pointer("/Environment/Variables").cloned().unwrap_or_default();
        all.insert(id, variables);
    }
    if all.is_empty() { Err("the stack has no function".into()) } else { Ok(all) }
}

/// What the SAM CLI reads.
struct Files {
    folder: PathBuf,
    variables: PathBuf,
}

impl Files {
    fn write(root: &Path, variables: &Map<String, Value>, network: &Network) -> Result<Self, Box<dyn Error>> {
        let folder = root.join(".plumb/sam-local");
        fs::create_dir_all(&folder)?;
        // SAM takes variables that the template has; the endpoint is a parameter of it.
        let mut variables = variables.clone();
        for of_function in variables.values_mut().filter_map(Value::as_object_mut) {
            of_function.insert("AWS_ENDPOINT_URL".to_owned(), json!(network.endpoint));
        }
        let path = folder.join("variables.json");
        fs::write(&path, Value::Object(variables).to_string())?;
        Ok(Self { folder, variables: path })
    }

    fn event(&self, case: &Case) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.folder.join("event.json");
        fs::write(&path, case.event.to_string())?;
        Ok(path)
    }
}

/// The arguments that both of SAM's commands take.
fn shared(files: &Files, network: &Network) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--template".into(), BUILT.into(), "--skip-pull-image".into()];
    arguments.extend(["--docker-network".into(), network.name.clone().into()]);
    arguments.extend(["--env-vars".into(), files.variables.clone().into()]);
    arguments
}

async fn invoke(root: &Path, files: &Files, network: &Network, case: &Case) -> Result<Value, Box<dyn Error>> {
    let mut arguments: Vec<OsString> = vec!["local".into(), "invoke".into(), case.function.clone().into()];
    arguments.extend(["--event".into(), files.event(case)?.into()]);
    arguments.extend(shared(files, network));
    let tools = blocking(root, |root| Tools::ensure(&root)).await?;
    let mut sam = Command::from(tools.command("sam"));
    let output = sam.args(&arguments).output().await?;
    // The answer goes to standard output; what the SAM CLI and the function say goes to standard error.
    let (answer, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("`sam local invoke` failed:\n{said}").into());
    }
    say(&format!("$ sam {}\n{}", words(&arguments), answer.trim()));
    self::answer(&answer).map_err(|error| format!("{error}\n{said}").into())
}

fn words(arguments: &[OsString]) -> String {
    arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The function's answer in what the SAM CLI prints to standard output: the last line that is JSON.
fn answer(printed: &str) -> Result<Value, Box<dyn Error>> {
    let read = |line| serde_json::from_str(line).ok();
    printed.lines().rev().find_map(read).ok_or_else(|| "the SAM CLI printed no answer".into())
}

/// One case through the endpoint that `sam local start-lambda` opens, as an SDK would invoke it.
async fn start_lambda(
    root: &Path,
    files: &Files,
    network: &Network,
    account: &Account,
    cases: &[Case],
) -> Result<(), Box<dyn Error>> {
    let case = cases.first().ok_or("there is no case")?;
    let port = rie::free_port().await?;
    let tools = blocking(root, |root| Tools::ensure(&root)).await?;
    let mut sam = tools.command("sam");
    sam.args(["local", "start-lambda", "--port", &port.to_string()]).args(shared(files, network));
    let mut sam = Command::from(sam).stderr(std::process::Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut said = tokio::io::BufReader::new(sam.stderr.take().ok_or("no output")?).lines();
    let listening = async {
        while let Some(line) = said.next_line().await? {
            if line.contains("Running on http") {
                return Ok::<_, Box<dyn Error>>(());
            }
        }
        Err("`sam local start-lambda` ended".into())
    };
    tokio::time::timeout(PATIENCE, listening).await.map_err(|_| "it does not listen")??;
    // What it says from now on must not fill the pipe.
    let rest = tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/{}/invocations", case.function);
    let invocation = rie::post(&url, case.event.to_string()).await;
    if let Some(id) = sam.id() {
        run(std::process::Command::new("kill").args(["-INT", &id.to_string()]), "kill")?;
        let _ = tokio::time::timeout(PATIENCE, sam.wait()).await;
    }
    rest.abort();
    let answer: Value = serde_json::from_slice(&invocation?)?;
    case.check(&answer, account).await?;
    say(&format!("ok     sam local start-lambda {} {}: {}", case.function, case.name, case.why));
    Ok(())
}

/// The same without an engine.
async fn under_rie(
    root: &Path,
    account: &Account,
    case: &Case,
    variables: &Map<String, Value>,
) -> Result<Value, Box<dyn Error>> {
    let bootstrap = root.join(".aws-sam/build").join(&case.function).join("bootstrap");
    let log = root.join(".plumb").join(format!("sam-local-{}.log", case.function));
    let environment: Vec<(String, String)> = variables
        .get(&case.function)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .chain(account.environment().into_iter().map(|(name, value)| (name.to_owned(), value)))
        .chain([("AWS_LAMBDA_FUNCTION_NAME".to_owned(), case.function.clone())])
        .collect();
    let emulator = crate::bench::function::emulator(root)?;
    let rie = Rie::launch(&emulator, log.clone(), |arguments| {
        let file = fs::File::create(&log)?;
        let mut words = arguments.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).arg(&bootstrap).env_clear().envs(environment.clone());
        command.stdout(file.try_clone()?).stderr(file).kill_on_drop(true);
        Ok(command)
    })
    .await?;
    let invocation = rie.invoke(case.event.to_string()).await?;
    Ok(serde_json::from_slice(&invocation.answer)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_last_line_that_is_json() {
        let printed = "START RequestId: 1\n\n{\"batchItemFailures\": []}\n";
        assert_eq!(answer(printed).unwrap(), json!({ "batchItemFailures": [] }));
        assert!(answer("nothing\n").is_err());
    }

    #[test]
    fn every_case_can_be_read() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert!(!case::all(&root).unwrap().is_empty());
    }
}
