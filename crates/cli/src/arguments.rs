//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::policy::PolicyCommand;
use crate::rules::RulesCommand;

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
    /// Plumb's own AWS Config rules, and the policies in the folder `rules`
    Rules {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// Say what Plumb would do about events, and the whole reasoning, without touching AWS
    #[command(
        after_help = "Each event gives one line with --json, and wherever the output is not a terminal. Exit code 0 whatever the events are; 2 if a file can't be read."
    )]
    Replay(Replay),
    #[command(flatten)]
    Operate(crate::operate::Command),
    /// Check a policy, explain it, test it, and write it as AppConfig takes it
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// Run local AWS until Ctrl-C: one loopback endpoint that behaves like an account
    #[command(
        after_help = "Prints the environment variables that lead AWS clients there, as lines to export. \
        Needs Python 3.10 or newer; the first start makes a virtual environment, which takes a minute."
    )]
    Local(Local),
    /// Say what Plumb costs: each line of AWS's bill, idle and for so many findings
    #[command(after_help = "Example: plumb cost --accounts 40 --regions 2 --findings 5000")]
    Cost(Cost),
    /// SSM Automation documents
    Runbook {
        #[command(subcommand)]
        command: RunbookCommand,
    },
}

/// Steps of a runbook on its longest way: the catalogue's median.
pub(crate) const STEPS: f64 = 4.0;

/// Seconds that a runbook's scripts run.
pub(crate) const SCRIPT_SECONDS: f64 = 3.0;

#[derive(Debug, Args)]
pub(crate) struct Cost {
    /// Accounts, the hub's own included
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) accounts: u32,
    /// Regions of each account
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) regions: u32,
    /// Findings a month, each fixed once
    #[arg(long, value_name = "M", default_value_t = 1000)]
    pub(crate) findings: u32,
    /// Steps that a runbook takes; `plumb runbook cost` counts those of a document
    #[arg(long, value_name = "STEPS", default_value_t = STEPS)]
    pub(crate) steps: f64,
    /// Seconds that a runbook's scripts run
    #[arg(long, value_name = "SECONDS", default_value_t = SCRIPT_SECONDS)]
    pub(crate) script_seconds: f64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunbookCommand {
    /// Run a document file against local AWS, step by step, or say what it would do
    #[command(
        after_help = "Progress goes to standard error. With --json the execution as GetAutomationExecution \
        shows it goes to standard output. Exit code 0 only if the execution ends in Success.\n\n\
        Where a step waits for somebody, a terminal is asked; elsewhere --approve, --reject and --resume answer, and \
        without them the execution is cancelled.\n\n\
        --dry-run needs no account and makes no call. It checks parameters, replaces references, compares calls with \
        boto3's models and follows every way that answers may decide. With --endpoint, calls that only read are made there \
        as long as nothing before them would have changed anything. Exit code 1 if a step is bound to fail.\n\n\
        Examples:\n  plumb runbook run remediate.yaml --dry-run\n  \
        plumb runbook run fix.json --param BucketName=b --endpoint http://127.0.0.1:4599 --stubs stubs.yaml --approve\n\n\
        A file of stubs:\n  Commands:\n    AWS-RunShellScript: {Status: Success, ResponseCode: 0, Output: done}\n  \
        Webhooks:\n    chat: {ResponseCode: 200, Response: ok}"
    )]
    Run(RunbookRun),
    /// Say what is wrong with documents: where, how bad, and what to do
    #[command(
        after_help = "Exit code 1 if there are errors, 0 if there are warnings only or nothing, 2 if a file can't be read.\n\n\
        Names and types of APIs and their parameters are checked against boto3's models. That needs Python 3.10 or \
        newer; the first time makes a virtual environment, which takes a minute. Without it the output says that this \
        check was skipped.\n\n\
        Examples:\n  plumb runbook lint remediate.yaml rollback.yaml\n  \
        aws ssm get-document --name AWS-StopEC2Instance --query Content --output text | plumb runbook lint - --json"
    )]
    Lint(RunbookLint),
    /// Write the least IAM policy that documents need, with the reason for each action
    #[command(
        after_help = "From the calls of steps and, as far as reading tells, of boto3 in Python scripts. What can't be \
        read is noted. ARNs have CloudFormation's ${AWS::Partition}, ${AWS::Region} and ${AWS::AccountId} where the flags give none. \
        Several documents give one policy for a role that runs them all. \
        Exit code 2 if a file can't be read as a document.\n\n\
        Examples:\n  plumb runbook iam remediate.yaml rollback.yaml\n  \
        plumb runbook iam - --account 123456789012 --region eu-west-1 --partition aws --json < doc.json | jq .policy"
    )]
    Iam(RunbookIam),
    /// Say what one run of a document costs, by step
    #[command(
        after_help = "The prices are those of early 2026 and change; the output says where they are from. Exit code 2 if a file can't \
        be read as a document.\n\n\
        Examples:\n  plumb runbook cost remediate.yaml\n  plumb runbook cost --script-seconds 60 --json - < doc.yaml"
    )]
    Cost(RunbookCost),
}

#[derive(Debug, Args)]
pub(crate) struct RunbookLint {
    /// Documents, as YAML or JSON; - for standard input
    #[arg(required = true, value_name = "DOC")]
    pub(crate) documents: Vec<PathBuf>,
    /// Don't check against boto3's models
    #[arg(long)]
    pub(crate) no_api_check: bool,
    /// Where local AWS keeps its Python environment
    #[arg(long, default_value = ".plumb/local")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunbookIam {
    /// Documents, as YAML or JSON; - for standard input
    #[arg(required = true, value_name = "DOC")]
    pub(crate) documents: Vec<PathBuf>,
    /// The account to put into ARNs
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// The Region to put into ARNs
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The partition to put into ARNs, such as aws
    #[arg(long)]
    pub(crate) partition: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunbookCost {
    /// Documents, as YAML or JSON; - for standard input
    #[arg(required = true, value_name = "DOC")]
    pub(crate) documents: Vec<PathBuf>,
    /// How long each script runs
    #[arg(long, default_value_t = 5.0, value_name = "N", value_parser = seconds)]
    pub(crate) script_seconds: f64,
}

/// A script may take ten minutes.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "give a number of seconds")?;
    if (0.0..=600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("a script takes from 0 to 600 seconds".to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct Local {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 4599)]
    pub(crate) port: u16,
    /// Where logs and the Python environment live
    #[arg(long, default_value = ".plumb/local")]
    pub(crate) dir: PathBuf,
    /// Where the files attached to Automation documents are
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RunbookRun {
    /// The document, as YAML or JSON; - for standard input
    #[arg(value_name = "DOC")]
    pub(crate) document: PathBuf,
    /// A parameter; given again, another element of a list
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Change nothing: say what would be done, on every way through the document
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where local AWS is; port 4599 of this machine if not given. A dry run asks nobody unless this is given
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// The Region to run in
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// What commands and webhooks come to, as YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) stubs: Option<PathBuf>,
    /// Where the files attached to the document are
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) answers: Answers,
    /// Don't check APIs against boto3's models in a dry run
    #[arg(long, requires = "dry_run")]
    pub(crate) no_api_check: bool,
    /// Where local AWS keeps its Python environment
    #[arg(long, default_value = ".plumb/local")]
    pub(crate) dir: PathBuf,
}

/// What is said to steps that wait for somebody.
#[derive(Debug, Args)]
pub(crate) struct Answers {
    /// Say yes to every aws:approve step
    #[arg(long, conflicts_with = "reject")]
    pub(crate) approve: bool,
    /// Say no to every aws:approve step
    #[arg(long)]
    pub(crate) reject: bool,
    /// Go on after every aws:pause step
    #[arg(long)]
    pub(crate) resume: bool,
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
    /// Print text for people even where nobody watches
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
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
