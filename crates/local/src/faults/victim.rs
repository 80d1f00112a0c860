//! The process behind a call: found by its connection, and killed only if it is a function of this local AWS.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

/// Kills the function whose connection comes from `peer`, as the machine that runs it would die: at once.
///
/// # Errors
/// When the process isn't found, or isn't one that this local AWS runs as a function. Found on Linux only.
pub(crate) fn kill_function(peer: SocketAddr, endpoint: &str) -> Result<u32, String> {
    let socket = socket_of(peer).ok_or_else(|| format!("nobody on this machine has {peer}"))?;
    let pid = owner_of(&socket).ok_or_else(|| format!("no process has {socket}"))?;
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let has = |wanted: &dyn Fn(&[u8]) -> bool| environment.split(|byte| *byte == 0).any(wanted);
    let function = has(&|line| line.starts_with(b"AWS_SESSION_TOKEN=plumb-function/"));
    let ours = has(&|line| line == format!("AWS_ENDPOINT_URL={endpoint}").as_bytes());
    if !(function && ours) {
        return Err(format!("process {pid} is no function of this local AWS"));
    }
    let mut kill = Command::new("kill");
    kill.args(["-9", &pid.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match kill.status() {
        Ok(status) if status.success() => Ok(pid),
        Ok(status) => Err(format!("`kill -9 {pid}` ended with {status}")),
        Err(error) => Err(format!("`kill` can't be run: {error}")),
    }
}

/// `socket:[INODE]` of the end of a connection that is at `peer`.
fn socket_of(peer: SocketAddr) -> Option<String> {
    let SocketAddr::V4(peer) = peer else { return None };
    let address = u32::from_le_bytes(peer.ip().octets());
    let local = format!("{address:08X}:{:04X}", peer.port());
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let row = table.lines().map(str::split_whitespace).map(Iterator::collect::<Vec<_>>);
    let mut inodes =
        row.filter(|row| row.get(1).is_some_and(|at| *at == local)).filter_map(|row| row.get(9).copied());
    inodes.find(|inode| *inode != "0").map(|inode| format!("socket:[{inode}]"))
}

/// The process that has a file open by this name.
fn owner_of(name: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds(&Path::new("/proc").join(pid.to_string()).join("fd"), name))
}

fn holds(descriptors: &Path, name: &str) -> bool {
    let Ok(entries) = fs::read_dir(descriptors) else { return false };
    entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|link| link.to_str() == Some(name))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_function_is_killed_and_never_somebody_else() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_server, peer) = listener.accept().unwrap();
        let socket = socket_of(peer).unwrap();
        assert_eq!(owner_of(&socket), Some(std::process::id()), "this test's own process");
        let refused = kill_function(peer, "http://127.0.0.1:1").unwrap_err();
        assert!(refused.contains("is no function of this local AWS"), "{refused}");
        drop(client);
    }
}
