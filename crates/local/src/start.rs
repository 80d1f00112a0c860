//! Starts and stops everything.

use std::{collections::BTreeMap, io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    calls::CallLog,
    config,
    emulators::Emulators,
    gateway::Gateway,
    guard,
    neighbours::{Neighbour, Neighbours},
    python::{Python, say},
    service::Context,
    ssm,
    worker::Worker,
};

/// How local AWS is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the gateway listens; loopback only. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where logs, the emulators' files and the Python programs live; made if missing.
    pub home: PathBuf,
    /// The Python virtual environment; `<home>/venv` if none. Several runs may share one.
    pub venv: Option<PathBuf>,
    /// Where the files attached to documents are, by name; none if none.
    pub files: Option<PathBuf>,
    /// The account.
    pub account: String,
    /// The organization that the account is in.
    pub organization: Option<String>,
    /// The accounts that know each other: those that were started with clones of the same.
    pub neighbours: Neighbours,
    /// The Region for callers that name none.
    pub region: String,
}

impl Options {
    /// The usual: any free port, account 123456789012 without neighbours, us-east-1.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            home: home.into(),
            venv: None,
            files: None,
            account: "123456789012".to_owned(),
            organization: None,
            neighbours: Neighbours::default(),
            region: "us-east-1".to_owned(),
        }
    }
}

/// Why local AWS did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// A running local AWS. Dropping it ends every process that it started.
#[derive(Debug)]
pub struct LocalAws {
    context: Context,
    emulators: Emulators,
    serving: JoinHandle<()>,
}

impl LocalAws {
    /// Starts the emulators, the worker and the gateway.
    ///
    /// # Errors
    /// When Python is missing, a port is taken, or the environment looks like a real account's.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        guard::check(options.listen, std::env::vars())?;
        let Options { listen, home, venv, files, account, organization, neighbours, region } = options;
        let home = std::fs::create_dir_all(&home)
            .and_then(|()| std::path::absolute(&home))
            .map_err(|error| StartError::new(format!("`{}` can't be made: {error}", home.display())))?;
        let venv = venv.map_or_else(|| home.join("venv"), |venv| std::path::absolute(&venv).unwrap_or(venv));
        let python = Python::ready(&venv, &home).await?;

        let taken = |error| StartError::new(format!("can't listen on `{listen}`: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(taken)?;
        let gateway = listener.local_addr().map_err(taken)?.port();

        let worker =
            Worker::start(&python, &region, &format!("http://127.0.0.1:{gateway}"), &home)?.with_files(files);
        let (emulators, ports) = Emulators::start(&python, gateway, &account, &region, &home).await?;
        let context =
            Context::new(account.clone(), region, ports, worker, CallLog::default(), neighbours.clone());

        let (ssm, library) = ssm::service(context.clone());
        let config = config::service(context.clone());
        let itself =
            Neighbour { context: context.clone(), organization, config: Arc::clone(&config), library };
        neighbours.join(&account, itself);
        let serving = tokio::spawn({
            let gateway = Arc::new(Gateway::new(context.clone(), Arc::clone(&ssm), Arc::clone(&config)));
            async move {
                if let Err(error) = gateway.serve(listener).await {
                    say(&format!("the gateway has ended: {error}"));
                }
            }
        });
        ssm.started().await;
        config.started().await;
        Ok(Self { context, emulators, serving })
    }

    /// The worker, the call log, events, the endpoint.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The one endpoint, such as `http://127.0.0.1:4599`.
    pub fn endpoint(&self) -> String {
        self.context.endpoint()
    }

    /// The variables that lead AWS clients here.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_DEFAULT_REGION", self.context.region().to_owned()),
            ("AWS_REGION", self.context.region().to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Ends everything, and waits until it has ended.
    pub async fn stop(mut self) {
        self.serving.abort();
        tokio::join!(self.emulators.gone(), self.context.worker().gone());
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        self.serving.abort();
        self.emulators.close();
        self.context.worker().close();
    }
}

/// Runs local AWS until Ctrl-C; prints the endpoint as lines to export, or as a line of JSON.
///
/// # Errors
/// When it does not start.
pub async fn serve(options: Options, json: bool) -> Result<(), StartError> {
    let home = options.home.clone();
    let local = LocalAws::start(options).await?;
    let environment = BTreeMap::from(local.environment());
    let text = if json {
        format!("{}\n", serde_json::json!({ "endpoint": local.endpoint(), "environment": environment }))
    } else {
        let lines = environment.iter().map(|(name, value)| format!("export {name}={value}\n"));
        lines.collect::<Vec<_>>().concat()
    };
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| StartError::new(format!("nobody reads the endpoint: {error}")))?;
    say(&format!(
        "local AWS is up on {}; logs are in `{}`, calls at {}/_plumb/calls; Ctrl-C ends it",
        local.endpoint(),
        home.display(),
        local.endpoint()
    ));
    let interrupted = tokio::signal::ctrl_c().await;
    local.stop().await;
    interrupted.map_err(|error| StartError::new(format!("can't wait for Ctrl-C: {error}")))
}
