//! UDP: the first datagram between a socket and a peer says who began.

use std::net::SocketAddr;

use crate::strace::{Call, Outcome, Unreadable, fields, split};

use super::{Sockets, address, reached};

impl Sockets {
    pub(super) fn datagram(&mut self, inode: &str, call: &Call<'_>, arguments: &[&str]) -> Result<(), Unreadable> {
        let Outcome::Value(value) = call.outcome else { return Ok(()) };
        match call.name {
            // Nothing is sent: programs connect to learn their own address.
            "connect" => {
                let remote = address::read(arguments[1])?;
                self.sockets.entry(inode.into()).and_modify(|socket| socket.remote = remote);
                Ok(())
            }
            "write" | "writev" | "send" | "sendfile" => self.spoke(inode, None, true),
            "sendto" => self.spoke(inode, address::read(arguments[4])?, true),
            "sendmsg" => self.spoke(inode, message_name(arguments[1])?, true),
            "sendmmsg" => self.messages(inode, arguments[1], value, true),
            "read" | "readv" | "recv" => self.spoke(inode, None, false),
            "recvfrom" => self.spoke(inode, address::read(arguments[4])?, false),
            "recvmsg" => {
                // What was sent before and came back as an error is no datagram.
                if arguments[2].contains("MSG_ERRQUEUE") { Ok(()) } else { self.spoke(inode, message_name(arguments[1])?, false) }
            }
            "recvmmsg" => self.messages(inode, arguments[1], value, false),
            _ => Ok(()),
        }
    }

    /// `[{msg_hdr={…}, msg_len=33}, …]`, of which the first `value` passed.
    fn messages(&mut self, inode: &str, list: &str, value: &str, sent: bool) -> Result<(), Unreadable> {
        let inner =
            list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(|| Unreadable::new("no list of messages", list))?;
        let count =
            value.split(' ').next().and_then(|count| count.parse().ok()).ok_or_else(|| Unreadable::new("no count of messages", value))?;
        for message in split(inner).into_iter().take(count) {
            let header =
                fields(message)?.into_iter().find(|(name, _)| *name == "msg_hdr").ok_or_else(|| Unreadable::new("no message", message))?.1;
            self.spoke(inode, message_name(header)?, sent)?;
        }
        Ok(())
    }

    fn spoke(&mut self, inode: &str, remote: Option<SocketAddr>, sent: bool) -> Result<(), Unreadable> {
        let Some(socket) = self.sockets.get_mut(inode) else { return Ok(()) };
        let remote =
            remote.or(socket.remote).map(reached).ok_or_else(|| Unreadable::new("a datagram whose peer the log does not name", inode))?;
        if !socket.spoken.insert(remote) {
            return Ok(());
        }
        if sent {
            self.went("UDP", remote, "established");
        } else {
            socket.came.insert(remote.ip());
        }
        Ok(())
    }
}

/// `msg_name` of `{msg_name={…}, …}`.
fn message_name(header: &str) -> Result<Option<SocketAddr>, Unreadable> {
    match fields(header)?.into_iter().find(|(name, _)| *name == "msg_name") {
        Some((_, name)) => address::read(name),
        None => Ok(None),
    }
}
