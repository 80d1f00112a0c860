//! `plumb policy`: check a policy, explain it, test it, and write it as AppConfig takes it. All offline.

mod arguments;
mod explain;
mod file;
mod json;
mod lint;
mod parameters;
mod schema;
mod situation;
mod test;

use std::io::Write;

use jiff::Timestamp;

pub(crate) use arguments::PolicyCommand;
pub(crate) use file::read_usable;

use crate::failure::Failure;

pub(crate) fn run(
    out: &mut dyn Write,
    command: &PolicyCommand,
    now: Timestamp,
    json: bool,
) -> Result<(), Failure> {
    match command {
        PolicyCommand::Lint(lint) => lint::run(out, lint, now, json),
        PolicyCommand::Explain(explain) => explain::run(out, explain, now, json),
        PolicyCommand::Test(test) => test::run(out, test, json),
        PolicyCommand::Json(policy) => json::run(out, policy),
        PolicyCommand::Parameters(policy) => parameters::run(out, policy, json),
    }
}
