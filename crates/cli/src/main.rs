//! `plumb`: look at the controls, replay events, operate a deployed stack, run local AWS and runbooks.

mod arguments;
mod controls;
mod cost;
mod failure;
mod local;
mod operate;
mod output;
mod partition;
mod policy;
mod replay;
mod rules;
mod runbook;
mod table;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::Parser;
use jiff::Timestamp;

use crate::arguments::{Arguments, Command, ControlsCommand, RunbookCommand};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = output::to_stdout(|out| match &arguments.command {
        Command::Controls { command: ControlsCommand::List } => controls::list(out, arguments.json),
        Command::Controls { command: ControlsCommand::Show { id } } => {
            controls::show(out, id, arguments.json)
        }
        Command::Rules { command } => rules::run(out, command, arguments.json),
        Command::Replay(replay) => {
            // One line an event for whoever reads it on; the reasoning laid out for whoever looks at it.
            let lines = arguments.json || !(replay.text || io::stdout().is_terminal());
            replay::run(out, replay, Timestamp::now(), lines)
        }
        Command::Operate(command) => operate::run(out, command, arguments.json),
        Command::Policy { command } => policy::run(out, command, Timestamp::now(), arguments.json),
        Command::Cost(asked) => cost::run(out, asked, arguments.json),
        Command::Local(local) => local::run(local, arguments.json),
        Command::Runbook { command: RunbookCommand::Run(run) } => runbook::run(out, run, arguments.json),
        Command::Runbook { command: RunbookCommand::Lint(lint) } => {
            runbook::lint::run(out, lint, arguments.json)
        }
        Command::Runbook { command: RunbookCommand::Iam(iam) } => runbook::iam::run(out, iam, arguments.json),
        Command::Runbook { command: RunbookCommand::Cost(cost) } => {
            runbook::cost::run(out, cost, arguments.json)
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(format_args!("plumb: {failure}"));
            failure.exit_code()
        }
    }
}
