//! `cargo xtask storm`: many findings over few resources on local AWS, while calls are throttled and functions die.

use std::{error::Error, path::Path, process::Command};

use clap::Args;

use crate::{
    account::{Account, STACK},
    end_to_end,
    test::{Checkout, say},
};

/// How it storms.
#[derive(Debug, Args)]
pub(crate) struct Storm {
    /// How many findings are sent.
    #[arg(long, default_value_t = 10_000)]
    findings: u32,
    /// Over how many resources.
    #[arg(long, default_value_t = 1_000)]
    resources: u32,
    /// The share of the functions' calls that is throttled, in percent.
    #[arg(long, default_value_t = 20.0)]
    throttle: f64,
    /// The share of the functions' calls at which the function is killed, in percent: half before the call's effect, half
    /// after it.
    #[arg(long, default_value_t = 1.0)]
    kill: f64,
    /// Where the row of accidents begins: the same seed, the same row.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Also write the figures, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<std::path::PathBuf>,
    /// Take the functions in .aws-sam/build as they are, instead of building them first.
    #[arg(long)]
    built: bool,
}

/// Deploys, storms, and prints how it goes and the figures.
///
/// # Errors
/// When a resource does not end fixed, or was changed twice, or a message is left over.
pub(crate) fn run(root: &Path, storm: &Storm) -> Result<String, Box<dyn Error>> {
    let python = end_to_end::environment(root)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let account = runtime.block_on(Account::deployed(Checkout { root, built: storm.built }, say))?;
    let mut command = Command::new(python);
    command.arg("tests/e2e/storm.py").current_dir(root);
    for (name, value) in [
        ("--findings", storm.findings.to_string()),
        ("--resources", storm.resources.to_string()),
        ("--throttle", storm.throttle.to_string()),
        ("--kill", storm.kill.to_string()),
        ("--seed", storm.seed.to_string()),
    ] {
        command.arg(name).arg(value);
    }
    if let Some(file) = &storm.json {
        command.arg("--json").arg(std::path::absolute(file)?);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PLUMB_STACK", STACK).envs(account.environment());
    let status = command.status();
    runtime.block_on(account.stop());
    if status?.success() {
        Ok("every resource ended fixed, none was changed twice, and no message was left over".to_owned())
    } else {
        Err("the storm left something behind; the figures above say what".into())
    }
}
