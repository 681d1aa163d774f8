//! Connections that a pod's own rules sent to another port than they were addressed to, as the proxy of a service mesh has it. A policy
//! sees the port of the packet, a socket the one behind it; the connection table of the pod's network knows both.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use runtimemap_crds::Protocol;

use super::container::processes;
use crate::{
    fact::{Act, Direction, Fact, Slot},
    ledger::network::FLOWS,
    snapshot,
};

/// How often the tables of networks with such rules are read again: whoever comes a second time, to another port, makes no new record.
/// The kernel keeps a connection that was closed for two minutes.
const AGAIN: Duration = Duration::from_secs(5);

/// Peers of a network that are remembered: as many as a ledger keeps.
const PEERS: usize = FLOWS;

/// What a user has to know where the kernel tracks connections and does not show them.
pub(super) fn gap() -> Option<String> {
    let shown = |path: &str| Path::new(path).exists();
    let hidden = shown("/proc/sys/net/netfilter/nf_conntrack_max") && !shown("/proc/net/nf_conntrack");
    let text = "connections that a pod redirects to a port of its own are shown with that port: this kernel has no /proc/net/nf_conntrack";
    hidden.then(|| text.to_owned())
}

/// A connection, as addressed and as accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Redirected {
    protocol: Protocol,
    accepted: u16,
    remote: IpAddr,
    addressed: u16,
}

/// What is known of the networks of pods.
#[derive(Default)]
pub(super) struct Redirects(HashMap<u32, Network>);

/// One network.
struct Network {
    read: Instant,
    found: BTreeSet<Redirected>,
    /// For each port that accepts for others and each peer that came to it, the record of that.
    came: BTreeMap<(Protocol, u16, IpAddr), Fact>,
    /// Of peers that had come before, what else they came to.
    since: Vec<Fact>,
}

impl Redirects {
    /// A fact as packets have it: whoever came to a port that accepts for another one came to that. More than one if the same peer came to
    /// several. Of a packet the kernel knows no process: then any of the container's shows its network.
    pub(super) fn addressed(&mut self, fact: Fact, container: &Path) -> Vec<Fact> {
        if !matches!(fact.act, Act::Flow { direction: Direction::Ingress, .. }) {
            return vec![fact];
        }
        let of = |pid: u32| Some((pid, snapshot::network(pid)?));
        let Some((pid, id)) = of(fact.pid).or_else(|| processes(container).into_iter().find_map(of)) else { return vec![fact] };
        // Rules of the machine's own network are no pod's.
        if Some(id) == snapshot::network(1) {
            return vec![fact];
        }
        self.0.entry(id).or_insert_with(Network::new).addressed(fact, pid, table)
    }

    /// A container is forgotten: its slot will be another's.
    pub(super) fn forget(&mut self, slot: Slot) {
        for network in self.0.values_mut() {
            network.came.retain(|_, fact| fact.slot != slot);
            network.since.retain(|fact| fact.slot != slot);
        }
    }

    /// What peers came to since beside what there is a record of. When is not known: they had their address at the time of that record.
    pub(super) fn since(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (id, network) in &mut self.0 {
            if !network.came.is_empty() && network.read.elapsed() >= AGAIN {
                network.process(*id).into_iter().for_each(|pid| network.take(table(pid)));
            }
            facts.append(&mut network.since);
        }
        // A network goes with its last process, but not what is known of it.
        self.0.retain(|id, network| match network.process(*id) {
            Some(_) => true,
            None => network.came.is_empty() && network.read.elapsed() < AGAIN,
        });
        facts
    }
}

impl Network {
    fn new() -> Self {
        Self { read: Instant::now(), found: BTreeSet::new(), came: BTreeMap::new(), since: Vec::new() }
    }

    /// The fact, once for each port that its peer was redirected from; as it is for a peer that came to the port itself.
    fn addressed(&mut self, fact: Fact, pid: u32, table: impl Fn(u32) -> BTreeSet<Redirected>) -> Vec<Fact> {
        let Act::Flow { protocol, local, remote, .. } = &fact.act else { return vec![fact] };
        let came = (*protocol, local.port(), remote.ip());
        let mut ports = self.ports(came);
        if ports.is_empty() {
            self.take(table(pid));
            ports = self.ports(came);
        }
        if ports.is_empty() {
            return vec![fact];
        }
        if self.came.len() < PEERS {
            self.came.entry(came).or_insert_with(|| Fact { pid, ..fact.clone() });
        }
        ports.into_iter().map(|port| at(&fact, port)).collect()
    }

    /// The ports that a peer addressed when it came to this one.
    fn ports(&self, (protocol, accepted, remote): (Protocol, u16, IpAddr)) -> BTreeSet<u16> {
        let is = |one: &&Redirected| one.protocol == protocol && one.accepted == accepted && one.remote == remote;
        self.found.iter().filter(is).map(|one| one.addressed).collect()
    }

    /// A process that is in it.
    fn process(&self, id: u32) -> Option<u32> {
        self.came.values().map(|fact| fact.pid).find(|pid| snapshot::network(*pid) == Some(id))
    }

    /// Takes what its table has now; what it had before stays known.
    fn take(&mut self, mut now: BTreeSet<Redirected>) {
        self.read = Instant::now();
        for new in now.difference(&self.found) {
            let record = self.came.get(&(new.protocol, new.accepted, new.remote));
            self.since.extend(record.map(|fact| at(fact, new.addressed)));
        }
        self.found.append(&mut now);
        while self.found.len() > PEERS {
            self.found.pop_first();
        }
    }
}

/// A flow to another port.
fn at(fact: &Fact, port: u16) -> Fact {
    let mut fact = fact.clone();
    if let Act::Flow { local, .. } = &mut fact.act {
        local.set_port(port);
    }
    fact
}

/// The connection table of a process' network. Empty where the kernel has none to show.
fn table(pid: u32) -> BTreeSet<Redirected> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/nf_conntrack")).unwrap_or_default();
    text.lines().filter_map(redirected).collect()
}

/// A row of the table, if its connection was sent to another port of the machine that it was addressed to. The first of each field is
/// of the packets as they were sent, the second of those that answer.
fn redirected(row: &str) -> Option<Redirected> {
    let protocol = match row.split_whitespace().nth(2)? {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        _ => return None,
    };
    let both = |name: &str| {
        let mut values = row.split_whitespace().filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        Some((values.next()?, values.next()?))
    };
    let ((addressed, _), (_, accepted)) = (both("dport")?, both("sport")?);
    let ((from, _), (to, answers)) = (both("src")?, (both("dst")?.0, both("src")?.1));
    let (from, to, answers): (IpAddr, IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?, answers.parse().ok()?);
    // What goes out to another address leaves by that: only what arrives is looked for.
    let arrives = from != to && to == answers;
    let (addressed, accepted) = (addressed.parse().ok()?, accepted.parse().ok()?);
    (arrives && addressed != accepted).then_some(Redirected { protocol, accepted, remote: from.to_canonical(), addressed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "ipv4     2 tcp      6 431999 ESTABLISHED src=10.88.0.5 dst=10.88.0.6 sport=40000 dport=8080 \
        src=10.88.0.6 dst=10.88.0.5 sport=15006 dport=40000 [ASSURED] mark=0 zone=0 use=2\n\
        ipv4     2 tcp      6 118 TIME_WAIT src=10.88.0.5 dst=10.88.0.6 sport=40001 dport=9090 \
        src=10.88.0.6 dst=10.88.0.5 sport=15006 dport=40001 [ASSURED] mark=0 zone=0 use=2\n\
        ipv4     2 tcp      6 431999 ESTABLISHED src=10.88.0.6 dst=10.96.0.1 sport=50000 dport=443 \
        src=10.90.0.2 dst=10.88.0.6 sport=6443 dport=50000 [ASSURED] mark=0 zone=0 use=2\n\
        ipv4     2 tcp      6 431999 ESTABLISHED src=10.88.0.9 dst=10.88.0.6 sport=40002 dport=80 \
        src=10.88.0.6 dst=10.88.0.9 sport=80 dport=40002 [ASSURED] mark=0 zone=0 use=2\n\
        ipv6     10 udp      17 29 src=fd88:0000:0000:0000:0000:0000:0000:0005 dst=fd88:0000:0000:0000:0000:0000:0000:0006 sport=5000 dport=53 \
        [UNREPLIED] src=fd88:0000:0000:0000:0000:0000:0000:0006 dst=fd88:0000:0000:0000:0000:0000:0000:0005 sport=1053 dport=5000 mark=0 zone=0 use=2\n\
        ipv4     2 icmp     1 29 src=10.88.0.5 dst=10.88.0.6 type=8 code=0 id=1 src=10.88.0.6 dst=10.88.0.5 type=0 code=0 id=1 mark=0 zone=0 use=2\n\
        nonsense\n";

    #[test]
    fn n16_of_a_redirected_connection_the_port_is_the_one_it_was_addressed_to() {
        let found: Vec<_> = ROWS.lines().filter_map(redirected).map(|one| (one.accepted, one.remote.to_string(), one.addressed)).collect();
        let expected = [(15006, "10.88.0.5".to_owned(), 8080), (15006, "10.88.0.5".to_owned(), 9090), (1053, "fd88::5".to_owned(), 53)];
        assert_eq!(found, expected);
    }

    /// `10.88.0.N` came to port 15006.
    fn came(number: u8) -> Fact {
        let act = Act::Flow {
            direction: Direction::Ingress,
            protocol: Protocol::TCP,
            local: "10.88.0.6:15006".parse().unwrap(),
            remote: format!("10.88.0.{number}:0").parse().unwrap(),
            outcome: runtimemap_crds::Outcome::Established,
        };
        Fact { slot: Slot(3), origin: runtimemap_crds::Origin::Entrypoint, pid: 9, time: 7, act }
    }

    fn row(number: u8, addressed: u16) -> Redirected {
        let remote = format!("10.88.0.{number}").parse().unwrap();
        Redirected { protocol: Protocol::TCP, accepted: 15006, remote, addressed }
    }

    #[test]
    fn n16_each_peer_came_to_what_it_addressed_and_to_nothing_else() {
        let mut network = Network::new();
        let first = network.addressed(came(5), 9, |_| [row(5, 8080), row(5, 8081)].into());
        assert_eq!(first, [at(&came(5), 8080), at(&came(5), 8081)]);
        // At once after it, another one to another port, and one to the proxy's own.
        assert_eq!(network.addressed(came(7), 9, |_| [row(5, 8080), row(7, 8081)].into()), [at(&came(7), 8081)]);
        assert_eq!(network.addressed(came(1), 9, |_| [row(5, 8080), row(7, 8081)].into()), [came(1)]);
        // What somebody came to meanwhile who had come before is told although it was read for somebody else.
        assert_eq!(network.addressed(came(8), 9, |_| [row(5, 9090), row(8, 8080)].into()), [at(&came(8), 8080)]);
        assert_eq!(std::mem::take(&mut network.since), [at(&came(5), 9090)]);
        // What is known is not read again.
        assert_eq!(network.addressed(came(7), 9, |_| unreachable!()), [at(&came(7), 8081)]);
    }
}
