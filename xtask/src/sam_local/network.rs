//! A Docker network of this run's own, from which functions reach local AWS and nothing else.
//!
//! Local AWS listens on loopback only, which a container does not share. So whatever connects to the network's gateway, an
//! address of this machine that only the network's containers know, is led to local AWS. The network is internal: it has
//! no way out.

use std::{error::Error, process::Command};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::tools::run;

/// The network, and the door at its gateway.
pub(crate) struct Network {
    /// Its name, for `--docker-network`.
    pub(crate) name: String,
    /// Local AWS, as the network's containers reach it.
    pub(crate) endpoint: String,
    door: JoinHandle<()>,
}

impl Network {
    /// Makes the network and opens the door to the local AWS at `endpoint`, such as `http://127.0.0.1:4599`.
    pub(crate) async fn open(endpoint: &str) -> Result<Self, Box<dyn Error>> {
        let name = format!("plumb-sam-{}", std::process::id());
        docker(&["network", "create", "--internal", &name])?;
        let gateway =
            docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", &name])?;
        let listener = TcpListener::bind((gateway.trim(), 0)).await?;
        let inside = endpoint.trim_start_matches("http://").to_owned();
        let endpoint = format!("http://{}", listener.local_addr()?);
        Ok(Self { name, endpoint, door: tokio::spawn(let_in(listener, inside)) })
    }

    /// Closes the door and takes the network away.
    pub(crate) fn close(self) -> Result<(), Box<dyn Error>> {
        self.door.abort();
        docker(&["network", "rm", &self.name])?;
        Ok(())
    }
}

async fn let_in(listener: TcpListener, inside: String) {
    while let Ok((mut outer, _)) = listener.accept().await {
        let inside = inside.clone();
        tokio::spawn(async move {
            if let Ok(mut inner) = TcpStream::connect(inside).await {
                // Whoever hangs up first ends it.
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            }
        });
    }
}

fn docker(arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    Ok(run(Command::new("docker").args(arguments), format!("docker {}", arguments.join(" ")))?)
}
