//! Why the command ends with an exit code other than 0.

use std::{fmt, io, process::ExitCode};

/// A failure, by whose it is.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments can't be used: exit code 2, as clap's own errors have.
    Usage(String),
    /// What was asked for did not work: exit code 1.
    Failed(String),
    /// Standard output can't be written to.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) | Self::Output(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) | Self::Failed(why) => f.write_str(why),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
