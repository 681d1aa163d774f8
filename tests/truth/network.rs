//! Speaking to servers from outside of the recording.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{build, deadline::until};

const LIMIT: Duration = Duration::from_secs(60);

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until a server accepts.
pub(crate) fn accepts(address: SocketAddr) -> Result<TcpStream> {
    let stream = until(&format!("a server at {address}"), LIMIT, || TcpStream::connect(address).ok())?;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// GETs a page.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = accepts(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: here\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page).with_context(|| format!("failed to read {path} from {address}"))?;
    if !page.contains(" 200 ") {
        bail!("failed to get {path} from {address}: {page}");
    }
    Ok(page)
}

/// Sends a signal to a process that this run started.
pub(crate) fn signal(name: &str, process: u32) -> Result<()> {
    build::run(Command::new("kill").arg(format!("-{name}")).arg(process.to_string())).map(drop)
}
