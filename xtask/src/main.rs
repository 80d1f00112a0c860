//! Plumb's developer commands: `cargo xtask --help`.

mod account;
mod accounts;
mod bench;
mod codegen;
mod demo;
mod end_to_end;
mod lint;
mod sam_local;
mod storm;
mod supply;
mod test;
mod tools;

use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tools::{Deploy, Tools};

/// Plumb's developer commands.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    /// The checkout to work on, if not the one this was built from.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Watch it work: local AWS, the real functions from the real template, ten real violations.
    Demo {
        /// Also write everything that happened, as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Take the functions in .aws-sam/build as they are, instead of building them first.
        #[arg(long)]
        built: bool,
    },
    /// Prove it: everything that CI runs.
    Test {
        /// Only this step, such as unit or end-to-end; `faults` is run only so.
        #[arg(long, value_name = "STEP")]
        only: Option<String>,
        /// Take the functions in .aws-sam/build as they are, instead of building them first.
        #[arg(long)]
        built: bool,
    },
    /// Write everything that follows from `controls/`: the catalogue, the templates, the reference page.
    Codegen {
        /// Write nothing; fail when a file is not what the controls say.
        #[arg(long)]
        check: bool,
    },
    /// Run AWS's linters over the templates: cfn-lint, `sam validate --lint`.
    Lint,
    /// Write the bill of materials of the functions, in the format `CycloneDX`.
    Sbom {
        /// To this file; to standard output without it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Raise a storm on local AWS: findings by the thousand, throttled calls, functions that die.
    Storm(storm::Storm),
    /// Measure `remediate` beside an empty Rust function and a plain boto3 handler. Nothing is asserted.
    Bench {
        /// Also write every sample, as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// How often each is started cold, under the Runtime Interface Emulator and without.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
        cold: u32,
        /// How many invocations follow each cold start's first.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        warm: u32,
        /// Take the functions in .aws-sam/build as they are, instead of building them first.
        #[arg(long)]
        built: bool,
    },
    /// Build the functions with the SAM CLI, into `.aws-sam/build`, as they are shipped.
    Build,
    /// Deploy what was built to local AWS.
    Deploy {
        /// Local AWS's endpoint, such as `http://127.0.0.1:4566`.
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// The stack's name.
        #[arg(long, default_value = "plumb")]
        stack: String,
        /// The Region.
        #[arg(long, default_value = "us-east-1")]
        region: String,
        /// A parameter of the template.
        #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
        parameters: Vec<(String, String)>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.command, &arguments.root.unwrap_or_else(checkout)) {
        Ok(message) => {
            // A reader that has gone away is no failure of the command.
            let _ = writeln!(io::stdout(), "{message}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, root: &Path) -> Result<String, Box<dyn Error>> {
    match command {
        Command::Demo { json, built } => demo::run(test::Checkout { root, built: *built }, json.as_deref()),
        Command::Test { only, built } => test::run(test::Checkout { root, built: *built }, only.as_deref()),
        Command::Bench { json, cold, warm, built } => {
            bench::run(test::Checkout { root, built: *built }, json.as_deref(), *cold, *warm)
        }
        Command::Storm(asked) => storm::run(root, asked),
        Command::Codegen { check } => codegen::run(root, *check),
        Command::Lint => lint::lint(root),
        Command::Sbom { out } => supply::sbom(root, out.as_deref()),
        Command::Build => {
            Tools::ensure(root)?.sam_build(tools::Build::AsShipped)?;
            Ok("built into .aws-sam/build".to_owned())
        }
        Command::Deploy { endpoint, stack, region, parameters } => {
            let parameters: Vec<_> =
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Ok(Tools::ensure(root)?.sam_deploy(&Deploy {
                template: account::BUILT,
                endpoint,
                region,
                stack,
                parameters: &parameters,
            })?)
        }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The checkout that this was built from.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
