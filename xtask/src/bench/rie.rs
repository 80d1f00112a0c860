//! A function under AWS's Lambda Runtime Interface Emulator.

use std::{
    error::Error,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    http::Request,
};
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{
    function::Function,
    sandbox::{Invocation, PATIENCE, peak_memory},
};

/// The emulator, with the function below it.
pub(crate) struct Rie {
    process: Child,
    url: String,
    client: Client<HttpConnector, Body>,
    log: PathBuf,
}

/// What the emulator says about the init, in milliseconds.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// `Init Duration` in the line that starts with `REPORT`.
    pub(crate) report_init: f64,
    /// `INIT REPORT(durationMs: …)`.
    pub(crate) init: f64,
}

impl Rie {
    /// Starts the emulator; the function starts at the first invocation.
    pub(crate) async fn start(function: &Function) -> Result<Self, Box<dyn Error>> {
        Self::launch(&function.rie, function.log.clone(), |above| function.start(above)).await
    }

    /// Starts the emulator at this path with the function's command below it; `log` is where that command writes.
    pub(crate) async fn launch(
        emulator: &Path,
        log: PathBuf,
        command: impl FnOnce(&[OsString]) -> io::Result<Command>,
    ) -> Result<Self, Box<dyn Error>> {
        let (here, api) = free_addresses().await?;
        let mut command = command(&[
            emulator.into(),
            "--runtime-interface-emulator-address".into(),
            here.clone().into(),
            "--runtime-api-address".into(),
            api.into(),
        ])?;
        let process = command.spawn()?;
        let listening = async {
            while TcpStream::connect(&here).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, listening).await.map_err(|_| "the emulator does not listen")?;
        Ok(Self {
            process,
            url: format!("http://{here}/2015-03-31/functions/function/invocations"),
            client: client(),
            log,
        })
    }

    /// Invokes the function: how long until its answer was there.
    pub(crate) async fn invoke(&self, event: String) -> Result<Invocation, Box<dyn Error>> {
        let started = Instant::now();
        let answer = exchange(&self.client, &self.url, event).await?;
        Ok(Invocation { took: started.elapsed(), answer })
    }

    /// The most memory that the function (not the emulator) ever had resident, in kB.
    pub(crate) fn peak_memory(&self) -> Result<u32, Box<dyn Error>> {
        let emulator = self.process.id().ok_or("the emulator has ended")?;
        let mut children = String::new();
        for thread in fs::read_dir(format!("/proc/{emulator}/task"))? {
            children += &fs::read_to_string(thread?.path().join("children"))?;
        }
        peak_memory(children.split_whitespace().next().ok_or("the emulator runs no function")?.parse()?)
    }

    /// Ends both: the emulator takes the function down when it is asked to end. What it said.
    pub(crate) async fn stop(mut self) -> Result<Said, Box<dyn Error>> {
        let emulator = self.process.id().ok_or("the emulator has ended")?;
        Command::new("kill").args(["-TERM", &emulator.to_string()]).status().await?;
        timeout(PATIENCE, self.process.wait()).await.map_err(|_| "the emulator does not end")??;
        let log = fs::read_to_string(&self.log)?;
        read(&log).ok_or_else(|| format!("`{}` lacks the emulator's report", self.log.display()).into())
    }
}

fn read(log: &str) -> Option<Said> {
    let number = |before: &str, after: &str| {
        let (_, rest) = log.split_once(before)?;
        rest.split_once(after)?.0.trim().parse().ok()
    };
    Some(Said {
        report_init: number("\tInit Duration:", "ms")?,
        init: number("INIT REPORT(durationMs:", ")")?,
    })
}

/// Posts an event to a URL at which functions are invoked; the answer.
pub(crate) async fn post(url: &str, event: String) -> Result<Bytes, Box<dyn Error>> {
    exchange(&client(), url, event).await
}

fn client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

async fn exchange(
    client: &Client<HttpConnector, Body>,
    url: &str,
    event: String,
) -> Result<Bytes, Box<dyn Error>> {
    let request = Request::post(url).body(Body::from(event))?;
    let exchange = async {
        let answer = client.request(request).await?;
        Ok::<_, Box<dyn Error>>(answer.into_body().collect().await?.to_bytes())
    };
    timeout(PATIENCE, exchange).await.map_err(|_| format!("`{url}` does not answer"))?
}

/// A port on loopback that nobody listens at.
pub(crate) async fn free_port() -> Result<u16, Box<dyn Error>> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

/// Two addresses on loopback that nobody listens at.
async fn free_addresses() -> Result<(String, String), Box<dyn Error>> {
    let (one, other) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    Ok((one.local_addr()?.to_string(), other.local_addr()?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_the_emulators_figures_are_read() {
        let log = "INFO (rapid) INIT REPORT(durationMs: 13.857000)\nEND RequestId: 1\n\
            REPORT RequestId: 1\tInit Duration: 1.37 ms\tDuration: 152.61 ms\tBilled Duration: 153 ms\t\n";
        assert_eq!(read(log), Some(Said { report_init: 1.37, init: 13.857 }));
        assert_eq!(read("REPORT RequestId: 1\tDuration: 152.61 ms\t\n"), None);
    }
}
