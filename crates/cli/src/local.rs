//! `plumb local`.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{arguments::Local, failure::Failure};

pub(crate) fn run(arguments: &Local, json: bool) -> Result<(), Failure> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let options = plumb_local::Options {
        listen,
        files: arguments.files.clone(),
        ..plumb_local::Options::new(&arguments.dir)
    };
    runtime()?.block_on(plumb_local::serve(options, json)).map_err(|error| Failure::Failed(error.to_string()))
}

/// Threads of its own, because only what has to wait needs them.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("can't start threads: {error}")))
}
