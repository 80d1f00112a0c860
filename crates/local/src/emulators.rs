//! Starts and ends the emulators.

use std::{fs::File, path::Path, process::Stdio, time::Duration};

use tokio::net::TcpListener;

use crate::{
    http::Http,
    python::{Launched, Python},
    start::StartError,
};

/// Where everything listens; all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// The gateway: the one endpoint that users see.
    pub gateway: u16,
    /// moto.
    pub moto: u16,
    /// ministack.
    pub ministack: u16,
}

impl Ports {
    /// The gateway's URL.
    pub fn gateway_url(self) -> String {
        format!("http://127.0.0.1:{}", self.gateway)
    }

    /// moto's URL.
    pub fn moto_url(self) -> String {
        format!("http://127.0.0.1:{}", self.moto)
    }

    /// ministack's URL.
    pub fn ministack_url(self) -> String {
        format!("http://127.0.0.1:{}", self.ministack)
    }
}

/// A port that was free a moment ago.
async fn free_port() -> Result<u16, StartError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await;
    listener
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| StartError::new(format!("no free port on 127.0.0.1: {error}")))
}

/// The running emulators.
#[derive(Debug)]
pub(crate) struct Emulators {
    moto: Launched,
    ministack: Launched,
}

/// How long an emulator may take to start: a slow machine with a cold disk needs most of it.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often they are started before it is given up.
const TRIES: u32 = 3;

impl Emulators {
    /// Starts both and waits until they answer. Their output goes to `moto.log` and `ministack.log` in `home`.
    pub(crate) async fn start(
        python: &Python,
        gateway: u16,
        account: &str,
        region: &str,
        home: &Path,
    ) -> Result<(Self, Ports), StartError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let ports = Ports { gateway, moto: free_port().await?, ministack: free_port().await? };
            match Self::start_on(python, ports, account, region, home).await {
                Ok(started) => return Ok((started, ports)),
                // A port that was free a moment ago may be somebody else's by now.
                Err(_) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn start_on(
        python: &Python,
        ports: Ports,
        account: &str,
        region: &str,
        home: &Path,
    ) -> Result<Self, StartError> {
        let gateway = ports.gateway_url();
        let mut moto = python.program("moto_launcher.py", region, &gateway);
        moto.arg(ports.moto.to_string()).env("MOTO_ACCOUNT_ID", account);

        let mut ministack = python.program("ministack_launcher.py", region, &gateway);
        ministack
            .arg(ports.ministack.to_string())
            .env("GATEWAY_PORT", ports.gateway.to_string())
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("MINISTACK_ACCOUNT_ID", account)
            .env("MINISTACK_REGION", region)
            .env("LAMBDA_EXECUTOR", "local")
            .env("LOG_LEVEL", "INFO")
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            // It would tidy up containers of its own name, which are somebody else's.
            .env("DOCKER_HOST", "unix:///nonexistent");

        let mut started =
            Self { moto: launch(moto, home, "moto")?, ministack: launch(ministack, home, "ministack")? };
        let http = Http::default();
        healthy(&http, &ports.moto_url(), &gateway, &mut started.moto, home, "moto").await?;
        healthy(&http, &ports.ministack_url(), &gateway, &mut started.ministack, home, "ministack").await?;
        Ok(started)
    }

    /// Lets both end.
    pub(crate) fn close(&mut self) {
        self.moto.close();
        self.ministack.close();
    }

    /// Waits until both have ended.
    pub(crate) async fn gone(&mut self) {
        self.close();
        tokio::join!(self.moto.gone(), self.ministack.gone());
    }
}

fn launch(mut command: tokio::process::Command, home: &Path, name: &str) -> Result<Launched, StartError> {
    let path = home.join(format!("{name}.log"));
    let open = || -> std::io::Result<(File, File)> {
        let file = File::create(&path)?;
        Ok((file.try_clone()?, file))
    };
    let (out, err) =
        open().map_err(|error| StartError::new(format!("`{}` can't be written: {error}", path.display())))?;
    command
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(err))
        .spawn()
        .map(Launched::new)
        .map_err(|error| StartError::new(format!("{name} can't be started: {error}")))
}

/// Waits until the emulator answers, and says that it is this gateway's: on a port that was taken in between, another
/// local AWS's emulator answers just as well.
async fn healthy(
    http: &Http,
    emulator: &str,
    gateway: &str,
    launched: &mut Launched,
    home: &Path,
    name: &str,
) -> Result<(), StartError> {
    let log = home.join(format!("{name}.log"));
    let waiting = async {
        loop {
            let answer = http.get(&format!("{emulator}/_plumb/instance")).await;
            if answer.is_ok_and(|answer| answer.status == 200 && answer.body == gateway) {
                return Ok(());
            }
            if let Some(status) = launched.ended() {
                return Err(StartError::new(format!("{name} ended ({status}); see `{}`", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| {
        Err(StartError::new(format!("{name} did not answer within {PATIENCE:?}; see `{}`", log.display())))
    })
}
