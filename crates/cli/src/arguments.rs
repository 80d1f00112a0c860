//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Keep AWS accounts true to the Well-Architected Framework.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done; 1 it did not work; 2 the arguments can't be used (an unreadable file, an unknown control)."
)]
pub(crate) struct Arguments {
    /// Print JSON instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The controls: what Plumb finds and fixes
    Controls {
        #[command(subcommand)]
        command: ControlsCommand,
    },
    /// Say what Plumb would do about events, and the whole reasoning, without touching AWS
    #[command(
        after_help = "Each event gives one line with --json. Exit code 0 whatever the events are; 2 if a file can't be read."
    )]
    Replay(Replay),
    /// Run local AWS until Ctrl-C: one loopback endpoint that behaves like an account
    #[command(
        after_help = "Prints the environment variables that lead AWS clients there, as lines to export. \
        Needs Python 3.10 or newer; the first start makes a virtual environment, which takes a minute."
    )]
    Local(Local),
    /// SSM Automation documents
    Runbook {
        #[command(subcommand)]
        command: RunbookCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunbookCommand {
    /// Run a document file against local AWS, step by step
    #[command(
        after_help = "Progress goes to standard error. With --json the execution as GetAutomationExecution \
        shows it goes to standard output. Exit code 0 only if the execution ends in Success."
    )]
    Run(RunbookRun),
}

#[derive(Debug, Args)]
pub(crate) struct Local {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 4599)]
    pub(crate) port: u16,
    /// Where logs and the Python environment live
    #[arg(long, default_value = ".plumb/local")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunbookRun {
    /// The document, as YAML or JSON
    #[arg(value_name = "DOC")]
    pub(crate) document: PathBuf,
    /// A parameter; given again, another element of a list
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Where local AWS is
    #[arg(long, default_value = "http://127.0.0.1:4599", value_name = "URL")]
    pub(crate) endpoint: String,
    /// The Region to run in
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// Where local AWS keeps its Python environment
    #[arg(long, default_value = ".plumb/local")]
    pub(crate) dir: PathBuf,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Subcommand)]
pub(crate) enum ControlsCommand {
    /// List them
    List,
    /// Everything about one
    Show {
        /// Its id, such as bucket-public-access
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Files with events: EventBridge events, Config rule invocations, SQS batches, SNS wrappers, CloudTrail records,
    /// findings; a directory stands for the .json files below it, - for standard input
    #[arg(required = true, value_name = "EVENT")]
    pub(crate) events: Vec<PathBuf>,
    /// The policy to decide under, as YAML; without it the built-in one, which changes nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The prefix that Plumb is deployed with
    #[arg(long, default_value = "plumb")]
    pub(crate) prefix: String,
    /// The account that Plumb looks after; without it, each finding's own
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// The Region that Plumb looks after; without it, each finding's own
    #[arg(long)]
    pub(crate) region: Option<String>,
}
