//! Two network namespaces and the cable between them, so that a peer is a peer and no port is anybody else's.

use std::process::Command;

use anyhow::Result;

use crate::call::run;

/// The server's address: one of those kept for documentation (RFC 5737).
pub(crate) const SERVER: &str = "192.0.2.10";
const CLIENT: &str = "192.0.2.20";

/// Where a server and its clients are. Gone when dropped.
pub(crate) struct Place {
    server: String,
    client: String,
}

impl Place {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let name = format!("runtimemap-{}-{name}", std::process::id());
        let place = Self { server: format!("{name}-server"), client: format!("{name}-client") };
        for namespace in [&place.server, &place.client] {
            ip(&["netns", "add", namespace])?;
        }
        ip(&["-n", &place.server, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", &place.client])?;
        for (namespace, address) in [(&place.server, SERVER), (&place.client, CLIENT)] {
            ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", "cable"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", "cable", "up"])?;
        }
        Ok(place)
    }

    /// File of the server's network namespace.
    pub(crate) fn network(&self) -> String {
        format!("/run/netns/{}", self.server)
    }

    /// A command on the server's side.
    pub(crate) fn at_server(&self) -> Command {
        inside(&self.server)
    }

    /// A command on the clients' side.
    pub(crate) fn at_client(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = inside(&self.client);
        command.arg(program);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for namespace in [&self.server, &self.client] {
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

// Not `ip netns exec`: that covers /sys, where the recorder finds its cgroups.
fn inside(namespace: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{namespace}"));
    command
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments)).map(drop)
}
