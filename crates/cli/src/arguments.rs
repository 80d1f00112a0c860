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
