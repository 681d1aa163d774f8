//! What travels between agents and the controller: facts as text, small, and not to be trusted by whoever reads them; and filters.

mod letter;
mod payload;
mod restore;

pub use letter::{Opened, letters, open};
pub use payload::{DECODED, ENCODED, Error, FILTERS_ENCODED, decode, decode_filters, encode, encode_filters};
pub use restore::restore;

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{CapabilityUse, Exec, Open, Origin, Outcome, Protocol};
use serde::{Deserialize, Serialize};

/// One fact of a container, as its ledger holds it: collapsed and masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Letter {
    /// A program was started.
    Exec(Exec),
    /// A file was opened.
    Open(Open),
    /// The kernel was asked for a capability.
    Capability(CapabilityUse),
    /// The container's own programs made this system call.
    Syscall(String),
    /// Only somebody else made it.
    SyscallOf(Origin, String),
    /// A filter refused it.
    SyscallDenied(String),
    /// It was made through the ABI of another architecture: that one's name, and the call's.
    SyscallAs(String, String),
    /// A flow.
    Flow(Flow),
    /// A port it waits on.
    Listen(Protocol, u16, IpAddr),
    /// A name that it resolved, and an address that the name stands for.
    Name(String, IpAddr),
    /// A process of it went to another cgroup.
    Left(u32),
    /// A number of a system call that has no name.
    UnknownSyscall(String),
    /// A list that was folded further than usual.
    Truncated(String),
}

/// A flow, without the port that the client chose for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// Whether the container was come to.
    pub ingress: bool,
    /// The other end.
    pub address: IpAddr,
    /// Who was behind it.
    pub origin: Origin,
    /// Transport.
    pub protocol: Protocol,
    /// The server's port.
    pub port: u16,
    /// Whether it came about.
    pub outcome: Outcome,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
}
