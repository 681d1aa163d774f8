//! Sockets of the internet, each known by its inode, which `strace -y` prints whoever holds the descriptor.

mod datagram;
mod stream;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use crate::{
    sets::{self, Column, Sets},
    strace::{Call, Unreadable},
};

use super::address;

/// What is known of a socket.
#[derive(Debug, Default)]
struct Socket {
    protocol: &'static str,
    /// The address it was bound to.
    bound: Option<SocketAddr>,
    /// Its port, once the log names it.
    port: u16,
    /// Whom it was last connected to, or is about to be.
    remote: Option<SocketAddr>,
    /// A connection under way whose end is not known yet.
    pending: bool,
    /// Waits for peers.
    listens: bool,
    /// Peers that came to it, with the outcome. Its port may be named only later in the log.
    came: BTreeSet<IpAddr>,
    /// A connection was accepted from an address that the log has not named yet, on this port's socket.
    accepted_by: Option<String>,
    /// UDP: peers with whom it has spoken.
    spoken: BTreeSet<SocketAddr>,
}

/// All sockets of a run.
#[derive(Default)]
pub(super) struct Sockets {
    sockets: BTreeMap<String, Socket>,
    sets: Sets,
}

impl Sockets {
    /// Follows what a call does to a socket.
    pub(super) fn changed(&mut self, call: &Call<'_>) -> Result<(), Unreadable> {
        if call.name == "socket" {
            self.made(call);
            return Ok(());
        }
        let arguments = call.split();
        let Some(inode) = arguments.first().and_then(|first| inode(first)) else { return Ok(()) };
        if !self.sockets.contains_key(inode) {
            return Ok(());
        }
        match call.name {
            "bind" if call.number() == Some(0) => self.bound(inode, &arguments),
            "getsockname" if call.number() == Some(0) => {
                if let (Some(local), Some(socket)) = (address::read(arguments[1])?, self.sockets.get_mut(inode)) {
                    socket.port = local.port();
                }
                Ok(())
            }
            "listen" if call.number() == Some(0) => {
                self.sockets.entry(inode.into()).and_modify(|socket| socket.listens = true);
                Ok(())
            }
            _ if self.sockets.get(inode).is_some_and(|socket| socket.protocol == "UDP") => self.datagram(inode, call, &arguments),
            _ => self.stream(inode, call, &arguments),
        }
    }

    fn made(&mut self, call: &Call<'_>) {
        let arguments = call.split();
        if !arguments[0].starts_with("AF_INET") {
            return;
        }
        let kind = arguments[1].split('|').next().unwrap_or_default();
        let protocol = match (kind, arguments[2]) {
            ("SOCK_STREAM", "IPPROTO_IP" | "IPPROTO_TCP" | "IPPROTO_MPTCP") => "TCP",
            ("SOCK_DGRAM", "IPPROTO_IP" | "IPPROTO_UDP") => "UDP",
            (_, "IPPROTO_SCTP") => "SCTP",
            // Raw and ICMP sockets have no ports.
            _ => return,
        };
        if let Some(inode) = call.value().and_then(inode) {
            self.sockets.insert(inode.into(), Socket { protocol, ..Socket::default() });
        }
    }

    fn bound(&mut self, inode: &str, arguments: &[&str]) -> Result<(), Unreadable> {
        if let (Some(local), Some(socket)) = (address::read(arguments[1])?, self.sockets.get_mut(inode)) {
            socket.bound = Some(local);
            socket.port = local.port();
            // Port 0 leaves the choice to the kernel: whoever asks so is a client.
            socket.listens |= socket.protocol == "UDP" && local.port() != 0;
        }
        Ok(())
    }

    /// The lines, once the whole log is read.
    pub(super) fn lines(mut self, sets: &mut Sets) -> Result<(), Unreadable> {
        self.end_streams();
        for (inode, socket) in &self.sockets {
            if socket.accepted_by.is_some() {
                return Err(Unreadable::new("an accepted connection whose peer the log never names", inode));
            }
            if !socket.listens && socket.came.is_empty() {
                continue;
            }
            if socket.port == 0 {
                return Err(Unreadable::new("a listening socket whose port the log never names", inode));
            }
            if socket.listens {
                let any = IpAddr::from([0, 0, 0, 0]);
                let address = SocketAddr::new(socket.bound.map_or(any, |bound| bound.ip()), socket.port);
                sets.insert(Column::Listens, sets::listen(socket.protocol, address));
            }
            for remote in &socket.came {
                sets.insert(Column::Peers, sets::ingress(socket.protocol, *remote, socket.port, "established"));
            }
        }
        for line in self.sets.get(Column::Peers) {
            sets.insert(Column::Peers, line.clone());
        }
        Ok(())
    }

    fn went(&mut self, protocol: &str, remote: SocketAddr, outcome: &str) {
        self.sets.insert(Column::Peers, sets::egress(protocol, reached(remote), outcome));
    }
}

/// Where a packet to this address goes: the kernel takes "any address" as a destination for this machine itself.
fn reached(remote: SocketAddr) -> SocketAddr {
    let remote = sets::unmapped(remote);
    match remote.ip() {
        IpAddr::V4(address) if address.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), remote.port()),
        IpAddr::V6(address) if address.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), remote.port()),
        _ => remote,
    }
}

/// `socket:[123]` of `3<socket:[123]>`.
fn inode(descriptor: &str) -> Option<&str> {
    let start = descriptor.find("<socket:[")?;
    descriptor[start + 1..].split('>').next()
}

#[cfg(test)]
mod tests;
