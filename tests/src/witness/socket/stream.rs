//! TCP and SCTP: who connected, who was accepted, and how a connection that returned at once came out.

use std::net::SocketAddr;

use crate::strace::{Call, Outcome, Unreadable};

use super::{Socket, Sockets, address, inode};

impl Sockets {
    pub(super) fn stream(&mut self, inode: &str, call: &Call<'_>, arguments: &[&str]) -> Result<(), Unreadable> {
        match (call.name, &call.outcome) {
            ("connect", outcome) => {
                if let Some(remote) = address::read(arguments[1])? {
                    self.connected(inode, remote, outcome);
                }
                Ok(())
            }
            ("accept" | "accept4", Outcome::Value(value)) => self.accepted(inode, value, arguments[1]),
            ("getsockopt", Outcome::Value(_)) if arguments[2] == "SO_ERROR" => {
                self.settle(inode, arguments[3] == "[0]");
                Ok(())
            }
            ("getpeername", Outcome::Value(_)) => self.named(inode, arguments[1]),
            ("shutdown" | "sendto" | "sendmsg" | "write" | "writev" | "recvfrom" | "recvmsg" | "read" | "readv", Outcome::Value(_)) => {
                self.settle(inode, true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn connected(&mut self, inode: &str, remote: SocketAddr, outcome: &Outcome<'_>) {
        let Some(socket) = self.sockets.get_mut(inode) else { return };
        let protocol = socket.protocol;
        match outcome {
            Outcome::Error("EINPROGRESS" | "EALREADY" | "EINTR" | "ERESTARTSYS") | Outcome::Never => {
                socket.remote = Some(remote);
                socket.pending = true;
            }
            Outcome::Value(_) => {
                socket.pending = false;
                self.went(protocol, remote, "established");
            }
            Outcome::Error("EISCONN") => self.settle(inode, true),
            // Whoever refused or did not answer was asked first; other errors come before anything is sent.
            Outcome::Error("ECONNREFUSED" | "ETIMEDOUT" | "EHOSTUNREACH" | "ECONNRESET") => {
                socket.pending = false;
                self.went(protocol, remote, "attempted");
            }
            Outcome::Error(_) => {}
        }
    }

    fn accepted(&mut self, listener: &str, value: &str, peer: &str) -> Result<(), Unreadable> {
        let new = inode(value).ok_or_else(|| Unreadable::new("an accepted descriptor without socket", value))?;
        let protocol = self.sockets.get(listener).map_or("", |socket| socket.protocol);
        let mut socket = Socket { protocol, ..Socket::default() };
        match address::read(peer)? {
            Some(remote) => {
                self.sockets.entry(listener.into()).and_modify(|socket| {
                    socket.came.insert(remote.ip());
                });
            }
            None => socket.accepted_by = Some(listener.into()),
        }
        self.sockets.insert(new.into(), socket);
        Ok(())
    }

    /// getpeername names whom accept did not, and succeeds only on a connection.
    fn named(&mut self, inode: &str, peer: &str) -> Result<(), Unreadable> {
        self.settle(inode, true);
        let listener = self.sockets.get_mut(inode).and_then(|socket| socket.accepted_by.take());
        if let (Some(listener), Some(remote)) = (listener, address::read(peer)?) {
            self.sockets.entry(listener).and_modify(|socket| {
                socket.came.insert(remote.ip());
            });
        }
        Ok(())
    }

    fn settle(&mut self, inode: &str, established: bool) {
        let Some(socket) = self.sockets.get_mut(inode) else { return };
        if !std::mem::take(&mut socket.pending) {
            return;
        }
        if let Some(remote) = socket.remote {
            let protocol = socket.protocol;
            self.went(protocol, remote, if established { "established" } else { "attempted" });
        }
    }

    /// A connection that the program never asked after came to nothing.
    pub(super) fn end_streams(&mut self) {
        let pending: Vec<String> = self.sockets.iter().filter(|(_, socket)| socket.pending).map(|(inode, _)| inode.clone()).collect();
        for inode in pending {
            self.settle(&inode, false);
        }
    }
}
