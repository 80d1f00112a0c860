//! The arguments of `plumb policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say what is wrong with a policy, or doubtful: where, and what to do
    #[command(
        after_help = "Every problem at once, each with file, line and column. Exit code 1 if there are errors, 0 if there are warnings \
        only or nothing, 2 if a file can't be read.\n\n\
        Example:\n  plumb policy lint policy.yaml"
    )]
    Lint(Lint),
    /// Say what a policy means for one resource: which rule counts and why, which don't, and what would be done
    #[command(
        after_help = "Example:\n  plumb policy explain policy.yaml --control bucket-public-access --resource prod-logs \
        --tag env=prod --at 2026-06-05T22:30:00Z"
    )]
    Explain(Explain),
    /// Run a policy's test cases: what it is to decide about events or resources
    #[command(
        after_help = "A file of cases names its policy; a directory stands for the files below it whose names end in .tests.yaml. \
        Exit code 1 if a case fails, 2 if a file can't be used. docs/policy.md has the format.\n\n\
        Example:\n  plumb policy test examples/policies"
    )]
    Test(Test),
    /// Write a policy as JSON, which is what AppConfig's validator reads; refuses one with errors
    #[command(after_help = "Example:\n  plumb policy json policy.yaml > policy.json\n  \
        aws appconfig create-hosted-configuration-version --content fileb://policy.json --content-type application/json …")]
    Json(PolicyFile),
    /// Write what `sam deploy` needs of a policy: the policy itself, and the controls that are off everywhere and so need no AWS Config rule
    #[command(after_help = "One parameter a line, quoted for xargs; with --json an object of both.\n\n\
        Example:\n  plumb policy parameters policy.yaml | xargs sam deploy --parameter-overrides")]
    Parameters(PolicyFile),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyFile {
    /// The policy, as YAML or JSON
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Lint {
    /// Policies, as YAML or JSON
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Files of cases, or directories with them
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The policy, as YAML or JSON
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The control, such as bucket-public-access
    #[arg(long, value_name = "ID")]
    pub(crate) control: String,
    /// The resource's id, as AWS Config has it
    #[arg(long, value_name = "ID")]
    pub(crate) resource: String,
    /// The resource's account
    #[arg(long, default_value = "123456789012")]
    pub(crate) account: String,
    /// The resource's Region
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// A tag of the resource; without any it has none
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
    /// A change calendar that is closed; without it each is open
    #[arg(long, value_name = "NAME")]
    pub(crate) closed: Vec<String>,
    /// When; without it now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

fn tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
