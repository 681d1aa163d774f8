//! What a run did, as sets of lines: one form for both sides, so that a difference can be printed as it is compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::escape::escape;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// System calls entered, by name.
    Syscalls,
    /// Programs started, with path and arguments.
    Execs,
    /// Files opened, with path and flags.
    Opens,
    /// Peers, with port, protocol, direction and outcome.
    Peers,
    /// Ports listened on.
    Listens,
    /// Capabilities asked for, granted or denied.
    Capabilities,
    /// System calls that a filter refused.
    Denied,
    /// Names resolved, with their addresses and who told them.
    Names,
}

impl Column {
    /// All of them, as the table shows them.
    pub const ALL: [Self; 8] =
        [Self::Syscalls, Self::Execs, Self::Opens, Self::Peers, Self::Listens, Self::Capabilities, Self::Denied, Self::Names];
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Syscalls => "syscalls",
            Self::Execs => "execs",
            Self::Opens => "opens",
            Self::Peers => "peers",
            Self::Listens => "listens",
            Self::Capabilities => "capabilities",
            Self::Denied => "denied",
            Self::Names => "names",
        })
    }
}

/// Sets of lines by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sets(BTreeMap<Column, BTreeSet<String>>);

impl Sets {
    /// Adds a line.
    pub fn insert(&mut self, column: Column, line: String) {
        self.0.entry(column).or_default().insert(line);
    }

    /// The lines of a column.
    pub fn get(&self, column: Column) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.0.get(&column).unwrap_or(&NONE)
    }
}

/// The line of a system call.
pub fn syscall(compat: bool, name: &str) -> String {
    if compat { format!("compat {name}") } else { name.into() }
}

/// The line of a started program; `interpreter` is empty unless it is a script. Texts are escaped already.
pub fn exec(path: &str, interpreter: &str, args: &[String]) -> String {
    let by = if interpreter.is_empty() { String::new() } else { format!(" by {interpreter}") };
    format!("{path}{by} {args:?}")
}

/// The line of an opened file. The path is escaped already.
pub fn open<S: AsRef<str>>(path: &str, flags: &[S]) -> String {
    // The kernel adds O_LARGEFILE to every open of a 64-bit program, so it says nothing about the request; O_CLOEXEC is a matter of
    // the descriptor.
    let mut flags: Vec<&str> = flags.iter().map(AsRef::as_ref).filter(|flag| !matches!(*flag, "O_LARGEFILE" | "O_CLOEXEC")).collect();
    flags.sort_unstable();
    format!("{path} {}", flags.join("|"))
}

/// The line of a connection that the program opened.
pub fn egress(protocol: &str, remote: SocketAddr, outcome: &str) -> String {
    format!("{protocol} to {} {outcome}", unmapped(remote))
}

/// The line of a connection that somebody opened to the program. Neither his port nor the address he reached tells anything more.
pub fn ingress(protocol: &str, remote: IpAddr, local_port: u16, outcome: &str) -> String {
    format!("{protocol} from {} to port {local_port} {outcome}", remote.to_canonical())
}

/// The line of a socket that waits.
pub fn listen(protocol: &str, address: SocketAddr) -> String {
    format!("{protocol} on {}", unmapped(address))
}

/// An IPv4 address in IPv6 clothes is an IPv4 address.
pub fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Escapes arguments.
pub fn escaped(args: &[Vec<u8>]) -> Vec<String> {
    args.iter().map(|arg| escape(arg)).collect()
}
