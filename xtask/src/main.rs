//! Plumb's developer commands: `cargo xtask --help`.

mod codegen;

use std::{
    error::Error,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

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
    /// Write everything that follows from `controls/`: the catalogue, the templates, the reference page.
    Codegen {
        /// Write nothing; fail when a file is not what the controls say.
        #[arg(long)]
        check: bool,
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
        Command::Codegen { check } => codegen::run(root, *check),
    }
}

/// The checkout that this was built from.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}
