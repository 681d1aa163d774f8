//! Sockets of processes, from the tables of their own network namespaces.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::PathBuf,
};

use procfs::{net::TcpState, process::Process};
use runtimemap_crds::{Outcome, Protocol};

use crate::fact::{Act, Direction};

/// One row of a table.
#[derive(Clone, Copy, Debug)]
struct Row {
    protocol: Protocol,
    local: SocketAddr,
    remote: SocketAddr,
    state: State,
    inode: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    Connected,
    Other,
}

/// A socket that a process holds, with its network namespace and all sockets of that.
struct Held<'a> {
    pid: u32,
    namespace: u32,
    row: &'a Row,
    all: &'a [Row],
}

/// A TCP socket that waits for peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Inode number of its network namespace.
    pub namespace: u32,
    /// Its port.
    pub port: u16,
    /// A process that holds it.
    pub pid: u32,
}

/// Flows and listening sockets of these processes.
pub(super) fn acts(pids: &BTreeSet<u32>, add: &mut dyn FnMut(u32, Act)) {
    each(pids, &mut |Held { pid, row, all, .. }| {
        if let Some(act) = act(row, all) {
            add(pid, act);
        }
    });
}

/// The TCP sockets on which these processes wait.
pub(super) fn listeners(pids: &BTreeSet<u32>) -> Vec<Listener> {
    let mut found = Vec::new();
    each(pids, &mut |Held { pid, namespace, row, .. }| {
        if row.protocol == Protocol::TCP && row.state == State::Waits {
            found.push(Listener { namespace, port: row.local.port(), pid });
        }
    });
    found
}

/// Every socket that these processes hold, once.
fn each(pids: &BTreeSet<u32>, visit: &mut dyn FnMut(Held<'_>)) {
    let mut tables = BTreeMap::<u32, Vec<Row>>::new();
    let mut told = BTreeSet::new();
    for &pid in pids {
        let Some(namespace) = network(pid) else { continue };
        let inodes = sockets(pid);
        if inodes.is_empty() {
            continue;
        }
        let rows = tables.entry(namespace).or_insert_with(|| table(pid));
        for row in rows.iter().filter(|row| inodes.contains(&row.inode)) {
            if told.insert(row.inode) {
                visit(Held { pid, namespace, row, all: rows });
            }
        }
    }
}

/// Inode number of a process' network namespace, from a link like `net:[4026531840]`.
pub(super) fn network(pid: u32) -> Option<u32> {
    let link = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

fn act(row: &Row, all: &[Row]) -> Option<Act> {
    let Row { protocol, local, remote, state, inode: _ } = *row;
    let (local, remote) = (canonical(local), canonical(remote));
    match state {
        State::Other => None,
        State::Waits => Some(Act::Listen { protocol, address: local }),
        State::Connected => {
            // Who listens on the port was come to.
            let served =
                all.iter().any(|other| other.protocol == protocol && other.state == State::Waits && other.local.port() == local.port());
            let direction = if served { Direction::Ingress } else { Direction::Egress };
            Some(Act::Flow { direction, protocol, local, remote, outcome: Outcome::Established })
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn table(pid: u32) -> Vec<Row> {
    let Ok(process) = Process::new(pid.cast_signed()) else { return Vec::new() };
    let tcp = [process.tcp(), process.tcp6()].into_iter().flatten().flatten().map(|entry| Row {
        protocol: Protocol::TCP,
        local: entry.local_address,
        remote: entry.remote_address,
        state: match entry.state {
            TcpState::Listen => State::Waits,
            TcpState::Established
            | TcpState::FinWait1
            | TcpState::FinWait2
            | TcpState::CloseWait
            | TcpState::LastAck
            | TcpState::Closing => State::Connected,
            _ => State::Other,
        },
        inode: entry.inode,
    });
    let udp = [process.udp(), process.udp6()].into_iter().flatten().flatten().map(|entry| Row {
        protocol: Protocol::UDP,
        local: entry.local_address,
        remote: entry.remote_address,
        state: if entry.remote_address.port() == 0 { State::Waits } else { State::Connected },
        inode: entry.inode,
    });
    tcp.chain(udp).collect()
}

/// Inodes of the sockets that a process holds.
fn sockets(pid: u32) -> BTreeSet<u64> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let inode = |target: PathBuf| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok().and_then(inode)).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn own() -> Vec<Act> {
        let mut found = Vec::new();
        acts(&BTreeSet::from([std::process::id()]), &mut |_, act| found.push(act));
        found
    }

    #[test]
    fn r9_r11_connections_and_ports_are_found_with_the_direction_of_who_opened_them() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (server, _) = listener.accept().unwrap();
            let found = own();
            let flow =
                |direction, local, remote| Act::Flow { direction, protocol: Protocol::TCP, local, remote, outcome: Outcome::Established };
            let (ours, theirs) = (client.local_addr().unwrap(), listener.local_addr().unwrap());
            assert!(found.contains(&Act::Listen { protocol: Protocol::TCP, address: theirs }));
            assert!(found.contains(&flow(Direction::Egress, ours, theirs)), "{found:?}");
            assert!(found.contains(&flow(Direction::Ingress, theirs, ours)), "{found:?}");
            drop(server);
        }
    }

    #[test]
    fn r10_udp_sockets_are_found_on_any_port() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        let found = own();
        let (local, remote) = (client.local_addr().unwrap(), server.local_addr().unwrap());
        assert!(found.contains(&Act::Listen { protocol: Protocol::UDP, address: remote }));
        assert!(found.contains(&Act::Flow {
            direction: Direction::Egress,
            protocol: Protocol::UDP,
            local,
            remote,
            outcome: Outcome::Established
        }));
    }
}
