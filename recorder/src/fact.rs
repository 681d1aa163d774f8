//! One thing that a container was seen to do.

use std::net::{IpAddr, SocketAddr};

use runtimemap_crds::{Origin, Outcome, Protocol};

/// Index of a tracked container in the kernel's tables. Used again once the container is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Which of the processor's system call tables a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    /// The machine's own.
    Native,
    /// The 32-bit one beside it.
    Compat,
}

/// Which way a flow was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Somebody came to the container.
    Ingress,
    /// The container went to somebody.
    Egress,
}

/// A fact, with who and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The container.
    pub slot: Slot,
    /// Who was behind it.
    pub origin: Origin,
    /// Process (thread group) that did it, 0 where the kernel does not know.
    pub pid: u32,
    /// Nanoseconds since boot, suspended time not counted (CLOCK_MONOTONIC); 0 from a snapshot.
    pub time: u64,
    /// What was done.
    pub act: Act,
}

/// What was done. Paths and arguments are the kernel's bytes: any byte but NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A program was started.
    Exec(Exec),
    /// A file was opened.
    Open {
        /// Absolute path in the container.
        path: Vec<u8>,
        /// `O_*` bits of the request, in the values of this machine, reduced to those that open(2) documents.
        flags: u32,
    },
    /// The kernel was asked for a capability.
    Capability {
        /// Number, as in linux/capability.h.
        number: u32,
        /// Whether the container had it.
        granted: bool,
    },
    /// A system call was entered.
    Syscall {
        /// Its table.
        abi: Abi,
        /// Its number.
        number: u32,
    },
    /// A system call was refused by a seccomp filter.
    SyscallDenied {
        /// Its table.
        abi: Abi,
        /// Its number.
        number: u32,
    },
    /// A connection or a first datagram.
    Flow {
        /// Who opened it.
        direction: Direction,
        /// Transport.
        protocol: Protocol,
        /// The container's end.
        local: SocketAddr,
        /// The other end.
        remote: SocketAddr,
        /// Whether it came about.
        outcome: Outcome,
    },
    /// A socket that waits for peers.
    Listen {
        /// Transport.
        protocol: Protocol,
        /// Where; an unspecified address means all.
        address: SocketAddr,
    },
    /// A name the container resolved.
    DnsAnswer {
        /// Name as asked for, lower case, without the final dot.
        name: String,
        /// Addresses it stands for.
        addresses: Vec<IpAddr>,
        /// Who answered.
        server: SocketAddr,
    },
    /// A process of the container moved to a cgroup that is not tracked.
    Left,
}

/// A started program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exec {
    /// Absolute path in the container. For a script, the script.
    pub path: Vec<u8>,
    /// For a script, the interpreter's absolute path; else empty.
    pub interpreter: Vec<u8>,
    /// Arguments as the new program sees them: for a script the interpreter's line comes first.
    pub args: Vec<Vec<u8>>,
    /// Whether more arguments followed than were read.
    pub truncated: bool,
}
