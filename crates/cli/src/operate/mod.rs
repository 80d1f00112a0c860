//! The commands of whoever operates Plumb: they talk to the deployed stack.

mod ask;
mod connect;
mod dlq;
mod explain;
mod gameday;
mod history;
mod plan;
mod read_only;
mod remediation;
mod status;
mod waive;

use std::{io::Write, path::PathBuf};

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// Where the stack is.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The stack's name
    #[arg(long, default_value = "plumb", value_name = "NAME")]
    stack: String,
    /// The Region; without it the environment's or the profile's
    #[arg(long)]
    region: Option<String>,
    /// The AWS CLI's profile to take credentials from
    #[arg(long)]
    profile: Option<String>,
}

/// Which remediation is meant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// A resource's id, such as a bucket's name; or a remediation's key, CONTROL#ACCOUNT#REGION#TYPE#ID
    #[arg(value_name = "REMEDIATION")]
    named: String,
    /// The control, where a resource has remediations under several
    #[arg(long)]
    control: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say where everything stands: remediations by state, what waits, what is broken
    #[command(
        after_help = "Examples:\n  plumb status\n  plumb status --state escalated\n  plumb status --json"
    )]
    Status {
        #[command(flatten)]
        at: Where,
        /// List the remediations in this state, such as escalated
        #[arg(long)]
        state: Option<String>,
        /// Only of this control
        #[arg(long)]
        control: Option<String>,
    },
    /// Tell everything that happened to a resource, oldest first
    History {
        /// The resource's id, such as a bucket's name
        resource: String,
        #[command(flatten)]
        at: Where,
    },
    /// Give every guardrail's verdict in order: of a remediation, or of an event as it would be decided on now
    #[command(
        after_help = "An event is a file (- for standard input) with anything that `plumb replay` reads; it is decided on with the \
        stack's live policy, ledger and surroundings, and nothing is written or started.\n\n\
        Examples:\n  plumb explain my-bucket --control bucket-public-access\n  plumb explain event.json"
    )]
    Explain {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: Where,
    },
    /// Say what would be done now, grouped and with reasons: what AWS Config holds to be non-compliant, under the live policy
    #[command(
        after_help = "Nothing is written or started. Limits count: what would be too many at once is shown as deferred."
    )]
    Plan {
        #[command(flatten)]
        at: Where,
        /// Only this control
        #[arg(long)]
        control: Option<String>,
        /// Only this account; of a hub that looks after many
        #[arg(long)]
        account: Option<String>,
        /// Every finding, not three of a group
        #[arg(long)]
        all: bool,
    },
    /// Undo a remediation: restore the state that was captured before the change
    #[command(after_help = "Plumb then keeps its hands off the resource until `plumb clear`.")]
    Rollback {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: Where,
        /// Wait for the end, for at most this many seconds
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600")]
        wait: Option<u64>,
    },
    /// Let Plumb touch a resource again that was rolled back or escalated
    Clear {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: Where,
    },
    /// Approve the change that a remediation waits for
    Approve {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: Where,
        /// Why; kept with the approval
        #[arg(long)]
        comment: Option<String>,
    },
    /// Reject the change that a remediation waits for
    Reject {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: Where,
        /// Why; kept with the rejection
        #[arg(long)]
        comment: Option<String>,
    },
    /// Add a waiver to a policy file; everything else in it, comments too, stays as it is
    #[command(
        after_help = "Examples:\n  plumb waive --policy policy.yaml --resource public-website --control bucket-public-access \\\n    \
        --owner 'web team' --reason 'serves the public site' --expires 2027-03-31\n\
        The file then has to be deployed; until it is, nothing is waived."
    )]
    Waive(Waive),
    /// Break the game day's own resources on purpose, and measure how soon Plumb knew and mended them
    #[command(
        after_help = "Needs the stack of infra/fis.yaml and a policy under which its resources are fixed; else nothing is broken. \
        Exit code 0 only if all were fixed in time.\n\n\
        Examples:\n  plumb gameday --game plumb-gameday\n  plumb gameday --throttled --json\n  plumb gameday --without-fis"
    )]
    Gameday(Gameday),
    /// Dead letters: what could not be worked on, why, and what to do
    Dlq {
        #[command(subcommand)]
        command: Dlq,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Gameday {
    #[command(flatten)]
    at: Where,
    /// The stack of infra/fis.yaml
    #[arg(long, default_value = "plumb-gameday", value_name = "NAME")]
    game: String,
    /// While the security group's runbook is throttled
    #[arg(long, conflicts_with = "without_fis")]
    throttled: bool,
    /// Start the document that breaks by yourself: no AWS FIS, no stop condition
    #[arg(long)]
    without_fis: bool,
    /// How long to wait for Plumb
    #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
    patience: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Waive {
    /// The policy file
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The resource's id; * and ? are wildcards
    #[arg(long)]
    resource: Option<String>,
    /// The control
    #[arg(long)]
    control: Option<String>,
    /// The account
    #[arg(long)]
    account: Option<String>,
    /// The Region
    #[arg(long)]
    region: Option<String>,
    /// Who answers for it
    #[arg(long)]
    owner: String,
    /// Why
    #[arg(long)]
    reason: String,
    /// When it ends: a date (2027-03-31) or a time (2027-03-31T12:00:00Z)
    #[arg(long, value_name = "WHEN")]
    expires: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List them: what each was, why it is there, since when, and what to do
    List {
        #[command(flatten)]
        at: Where,
    },
    /// Send them back to where they came from, to be tried again
    Redrive {
        #[command(flatten)]
        at: Where,
        /// One message, by its id
        #[arg(long, required_unless_present = "all", value_name = "ID")]
        id: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}

/// Runs a command.
pub(crate) fn run(out: &mut dyn Write, command: &Command, json: bool) -> Result<(), Failure> {
    if let Command::Waive(arguments) = command {
        return waive::run(out, arguments, json, jiff::Timestamp::now());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the runtime can't be started: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Status { at, state, control } => {
                status::run(out, at, state.as_deref(), control.as_deref(), json).await
            }
            Command::History { resource, at } => history::run(out, at, resource, json).await,
            Command::Explain { which, at } => Box::pin(explain::run(out, at, which, json)).await,
            Command::Plan { at, control, account, all } => {
                let only = plan::Only { control: control.as_deref(), account: account.as_deref() };
                Box::pin(plan::run(out, at, only, *all, json)).await
            }
            Command::Rollback { which, at, wait } => ask::rollback(out, at, which, *wait, json).await,
            Command::Clear { which, at } => ask::clear(out, at, which, json).await,
            Command::Approve { which, at, comment } => {
                ask::answer(out, at, which, true, comment.as_deref(), json).await
            }
            Command::Reject { which, at, comment } => {
                ask::answer(out, at, which, false, comment.as_deref(), json).await
            }
            Command::Gameday(asked) => Box::pin(gameday::run(out, asked, json)).await,
            Command::Dlq { command: Dlq::List { at } } => dlq::list(out, at, json).await,
            Command::Dlq { command: Dlq::Redrive { at, id, all } } => {
                dlq::redrive(out, at, id, *all, json).await
            }
            Command::Waive(_) => Ok(()),
        }
    })
}
