//! Starts and stops everything.

use std::{net::SocketAddr, path::PathBuf};

use crate::service::Context;

/// How local AWS is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the gateway listens; loopback only. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where logs, the emulators' files and the Python environment live; made if missing.
    pub home: PathBuf,
    /// The Python virtual environment; `<home>/venv` if none.
    pub venv: Option<PathBuf>,
    /// The account.
    pub account: String,
    /// The Region for callers that name none.
    pub region: String,
}

impl Options {
    /// The usual: any free port, account 123456789012, us-east-1.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            home: home.into(),
            venv: None,
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }
}

/// Why local AWS did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// A running local AWS. Dropping it ends every process that it started.
#[derive(Debug)]
pub struct LocalAws {
    context: Context,
}

impl LocalAws {
    /// Starts the emulators, the worker and the gateway.
    ///
    /// # Errors
    /// When Python is missing, a port is taken, or the environment looks like a real account's.
    pub async fn start(_options: Options) -> Result<Self, StartError> {
        std::future::ready(Err(StartError("local AWS is being written".to_owned()))).await
    }

    /// The worker, the call log, events, the endpoint.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The one endpoint, such as `http://127.0.0.1:4599`.
    pub fn endpoint(&self) -> String {
        self.context.endpoint()
    }

    /// Ends everything.
    pub async fn stop(self) {
        std::future::ready(()).await;
    }
}

/// Runs local AWS until Ctrl-C; prints the endpoint and the lines to export.
///
/// # Errors
/// When it does not start.
pub async fn serve(options: Options) -> Result<(), StartError> {
    LocalAws::start(options).await.map(|_| ())
}
