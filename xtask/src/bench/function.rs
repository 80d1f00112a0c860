//! The four functions: how each is built and started, and whether it did its work.

use std::{
    error::Error,
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::endpoint::{Calls, Endpoint};
use crate::{
    test::{Checkout, say},
    tools::{self, Build, Tools, run},
};

/// What SAM builds for, and so what the bench runs.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A function that can be started.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// The size of its deployment package.
    pub(crate) zipped: u32,
    /// The Runtime Interface Emulator.
    pub(crate) rie: PathBuf,
    /// Where it writes what it logs.
    pub(crate) log: PathBuf,
    /// What an invocation has to have done.
    pub(crate) work: Work,
    command: Vec<OsString>,
    folder: PathBuf,
    endpoint: String,
}

/// What a function does with the bench's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Starts one runbook.
    Remediate,
    /// Tells AWS Config one verdict.
    Evaluate,
    /// Nothing.
    Nothing,
}

/// Builds `remediate`, `evaluate`, the empty function, the boto3 handler; in this order.
pub(crate) fn all(
    Checkout { root, built }: Checkout<'_>,
    tools: &Tools,
    endpoint: &Endpoint,
) -> Result<Vec<Function>, Box<dyn Error>> {
    if std::env::consts::ARCH != "x86_64" {
        return Err("the bench runs what is built for x86_64; run it on such a machine".into());
    }
    let home = root.join(".plumb/bench");
    fs::create_dir_all(&home)?;
    let rie = emulator(root)?;
    let remediate = root.join(".aws-sam/build/RemediateFunction/bootstrap");
    let evaluate = root.join(".aws-sam/build/EvaluateFunction/bootstrap");
    if !built {
        say(
            "· building the functions with `sam build`, as they are shipped (the first time takes a quarter of an hour)",
        );
        tools.sam_build(Build::AsShipped)?;
    }
    // Copies, so that a build meanwhile doesn't change what is measured.
    let remediate = kept(&remediate, home.join("remediate"))?;
    let evaluate = kept(&evaluate, home.join("evaluate"))?;
    let empty = kept(&build_empty(root, tools)?, home.join("empty"))?;
    let venv = tools::virtual_environment(
        &home.join("boto3"),
        &root.join("tests/bench/boto3_handler/requirements.txt"),
    )?;
    let python = venv.join("bin/python");
    let folder = root.join("tests/bench/boto3_handler");
    let zipped = |paths: &[&Path]| zipped(root, &python, paths);
    let function = |name, work, command: Vec<OsString>, folder: &Path, zipped| Function {
        name,
        zipped,
        rie: rie.clone(),
        log: home.join(format!("{name}.log")),
        work,
        command,
        folder: folder.to_path_buf(),
        endpoint: endpoint.url.clone(),
    };
    let boto3 = [python.as_os_str(), "-m".as_ref(), "awslambdaric".as_ref(), "handler.handler".as_ref()];
    Ok(vec![
        function("remediate", Work::Remediate, vec![remediate.clone().into()], &home, zipped(&[&remediate])?),
        function("evaluate", Work::Evaluate, vec![evaluate.clone().into()], &home, zipped(&[&evaluate])?),
        function("empty", Work::Nothing, vec![empty.clone().into()], &home, zipped(&[&empty])?),
        function(
            "boto3",
            Work::Remediate,
            boto3.map(OsString::from).into(),
            &folder,
            zipped(&[&folder.join("handler.py"), &site_packages(&venv)?])?,
        ),
    ])
}

impl Function {
    /// A command that starts it, below `above` if given; its logs go to a file.
    pub(crate) fn start(&self, above: &[OsString]) -> io::Result<tokio::process::Command> {
        let log = File::create(&self.log)?;
        let mut words = above.iter().chain(&self.command);
        let mut command = tokio::process::Command::new(words.next().cloned().unwrap_or_default());
        command
            .args(words)
            .current_dir(&self.folder)
            .env_clear()
            .envs([
                ("AWS_REGION", "us-east-1"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_SESSION_TOKEN", "test"),
                ("AWS_ENDPOINT_URL", &self.endpoint),
                ("AWS_LAMBDA_FUNCTION_NAME", self.name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
                ("LANG", "C.UTF-8"),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("PLUMB_PREFIX", "plumb"),
                ("PLUMB_PARTITION", "aws"),
                ("PLUMB_ACCOUNT", "123456789012"),
                ("PLUMB_LEDGER_TABLE", "plumb-ledger"),
                ("PLUMB_POLICY_PROFILE", "plumb/live/policy"),
                ("PLUMB_FINDINGS_QUEUE_URL", "http://127.0.0.1/findings"),
                ("PLUMB_STATUS_QUEUE_URL", "http://127.0.0.1/status"),
                (
                    "PLUMB_EVALUATIONS_QUEUE_URL",
                    "https://sqs.us-east-1.amazonaws.com/123456789012/plumb-evaluations",
                ),
                ("PYTHONDONTWRITEBYTECODE", "1"),
                ("RUST_LOG", "info"),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Fails unless it answered as it should and did its work: nothing else is worth measuring.
    pub(crate) fn check(&self, answer: &[u8], calls: &Calls, invocations: u32) -> Result<(), Box<dyn Error>> {
        let text = String::from_utf8_lossy(answer);
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let called = |operation: &str| calls.get(operation).copied().unwrap_or_default();
        let good = match self.work {
            Work::Remediate => {
                answer == serde_json::json!({ "batchItemFailures": [] })
                    && called("ssm:StartAutomationExecution") == invocations
            }
            Work::Evaluate => {
                answer.get("nonCompliant") == Some(&1.into())
                    && called("config:PutEvaluations") == invocations
            }
            Work::Nothing => text == "null" && calls.is_empty(),
        };
        if good {
            return Ok(());
        }
        let (name, log) = (self.name, self.log.display());
        Err(format!("`{name}` did not do its work: it answered `{text}`, and called {calls:?}; see `{log}`")
            .into())
    }
}

fn kept(built: &Path, copy: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    fs::copy(built, &copy).map_err(|error| format!("`{}`: {error}", built.display()))?;
    Ok(copy)
}

fn build_empty(root: &Path, tools: &Tools) -> Result<PathBuf, Box<dyn Error>> {
    say("· building the empty function");
    let mut build = tools.command("cargo-lambda");
    build.args(["lambda", "build", "--release", "--locked", "--target", TARGET]);
    run(build.args(["--package", "plumb-bench-empty"]), "cargo lambda build")?;
    Ok(root.join("target/lambda/bench-empty/bootstrap"))
}

/// The Runtime Interface Emulator that the SAM CLI brings.
pub(crate) fn emulator(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let path = site_packages(&root.join(".plumb/tools"))?.join("samcli/local/rapid/aws-lambda-rie-x86_64");
    if path.exists() { Ok(path) } else { Err(format!("`{}` is not there", path.display()).into()) }
}

fn site_packages(venv: &Path) -> Result<PathBuf, Box<dyn Error>> {
    for entry in fs::read_dir(venv.join("lib"))? {
        let packages = entry?.path().join("site-packages");
        if packages.is_dir() {
            return Ok(packages);
        }
    }
    Err(format!("`{}` has no site-packages", venv.display()).into())
}

/// The size of a deployment package of these files and folders. Lambda's runtime for Python brings its own client, so that
/// isn't counted, nor is what pip put there for itself.
fn zipped(root: &Path, python: &Path, paths: &[&Path]) -> Result<u32, Box<dyn Error>> {
    let mut zip = Command::new(python);
    zip.arg(root.join("tests/bench/zipped.py")).args(paths);
    zip.args(["--without", "pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence"]);
    zip.args(["awslambdaric", "runtime_client", "simplejson", "snapshot_restore"]);
    Ok(run(&mut zip, "zipped.py")?.trim().parse()?)
}
