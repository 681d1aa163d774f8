//! Flows, listening ports and names of one container.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::{IpAddr, SocketAddr},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{Origin, Outcome, Protocol};

use crate::fact::Direction;

/// Peers and ports that are kept: a scanner or a busy public server has more than any policy could name.
pub const FLOWS: usize = 1000;
/// Listening ports that are kept.
pub const LISTENS: usize = 500;
/// Pairs of address and name that are kept: more than flows, since names are known before anybody connects.
pub const NAMES: usize = 4000;

/// A flow as it was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who opened it.
    pub direction: Direction,
    /// Transport.
    pub protocol: Protocol,
    /// The container's end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Whether it came about.
    pub outcome: Outcome,
    /// Who was behind it.
    pub origin: Origin,
}

/// What makes two flows the same for a policy: the port that the client chose for itself does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who opened it.
    pub direction: Direction,
    /// The peer's address; IPv4 is never written as IPv6.
    pub address: IpAddr,
    /// Who was behind it.
    pub origin: Origin,
    /// Transport.
    pub protocol: Protocol,
    /// The server's port: the container's own for ingress, the peer's for egress.
    pub port: u16,
}

/// What is known of an edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Established once it came about a single time.
    pub outcome: Outcome,
    /// When it was first seen.
    pub first_seen: Option<Time>,
}

/// Everything about one container's network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Flows.
    pub edges: BTreeMap<Edge, Known>,
    /// Listening ports with their addresses.
    pub listens: BTreeMap<(Protocol, u16), BTreeSet<IpAddr>>,
    /// Names by the address that they stand for.
    pub names: BTreeMap<IpAddr, BTreeSet<String>>,
    pairs: usize,
    /// Facts that did not fit, by list.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Network {
    /// Adds a flow.
    pub fn add_flow(&mut self, flow: &Flow, first_seen: Option<Time>) {
        let &Flow { direction, protocol, local, remote, outcome, origin } = flow;
        let server = if direction == Direction::Ingress { local } else { remote };
        let edge = Edge { direction, address: remote.ip().to_canonical(), origin, protocol, port: server.port() };
        let full = self.edges.len() >= FLOWS;
        match self.edges.entry(edge) {
            Entry::Occupied(mut known) => {
                if outcome == Outcome::Established {
                    known.get_mut().outcome = outcome;
                }
            }
            // Port 0 is nobody's: no policy can name it.
            Entry::Vacant(_) if full || edge.port == 0 => self.drop_one("peers"),
            Entry::Vacant(vacant) => {
                vacant.insert(Known { outcome, first_seen });
            }
        }
    }

    /// Adds a listening socket.
    pub fn add_listen(&mut self, protocol: Protocol, address: SocketAddr) {
        let key = (protocol, address.port());
        if address.port() == 0 || (self.listens.len() >= LISTENS && !self.listens.contains_key(&key)) {
            return self.drop_one("listens");
        }
        let addresses = self.listens.entry(key).or_default();
        let address = address.ip().to_canonical();
        if addresses.len() >= LISTENS && !addresses.contains(&address) {
            return self.drop_one("listens");
        }
        addresses.insert(address);
    }

    /// Whether a server is the container itself, which could give any address any name.
    pub fn is_served_by_itself(&self, server: SocketAddr) -> bool {
        let ip = server.ip().to_canonical();
        let is_server = |own: &IpAddr| own.is_unspecified() || own.to_canonical() == ip;
        let served = self.listens.get(&(Protocol::UDP, server.port()));
        ip.is_loopback() && served.is_some_and(|addresses| addresses.iter().any(is_server))
    }

    /// Adds a name that was resolved.
    pub fn add_answer(&mut self, name: &str, addresses: &[IpAddr]) {
        for address in addresses {
            let address = address.to_canonical();
            if self.names.get(&address).is_some_and(|names| names.contains(name)) {
                continue;
            }
            if self.pairs >= NAMES {
                self.drop_one("dnsNames");
                continue;
            }
            self.pairs += 1;
            self.names.entry(address).or_default().insert(name.to_owned());
        }
    }

    fn drop_one(&mut self, list: &'static str) {
        *self.dropped.entry(list).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(remote: &str, outcome: Outcome) -> Flow {
        Flow {
            direction: Direction::Egress,
            protocol: Protocol::TCP,
            local: "10.0.0.1:40000".parse().unwrap(),
            remote: remote.parse().unwrap(),
            outcome,
            origin: Origin::Entrypoint,
        }
    }

    #[test]
    fn n6_established_wins_over_attempted_in_either_order() {
        for outcomes in [[Outcome::Attempted, Outcome::Established], [Outcome::Established, Outcome::Attempted]] {
            let mut network = Network::default();
            for outcome in outcomes {
                network.add_flow(&flow("10.0.0.2:443", outcome), None);
            }
            assert_eq!(network.edges.values().map(|known| known.outcome).collect::<Vec<_>>(), [Outcome::Established]);
        }
    }

    #[test]
    fn n2_a_mapped_address_is_the_ipv4_address_that_it_is() {
        let mut network = Network::default();
        network.add_flow(&flow("[::ffff:10.0.0.2]:443", Outcome::Established), None);
        network.add_answer("a.test", &["::ffff:10.0.0.2".parse().unwrap()]);
        let address: IpAddr = "10.0.0.2".parse().unwrap();
        assert_eq!(network.edges.keys().map(|edge| edge.address).collect::<Vec<_>>(), [address]);
        assert!(network.names.contains_key(&address));
    }

    #[test]
    fn n18_a_container_that_answers_itself_names_nobody() {
        let itself = |listens: &str, server: &str| {
            let mut network = Network::default();
            network.add_listen(Protocol::UDP, listens.parse().unwrap());
            network.is_served_by_itself(server.parse().unwrap())
        };
        assert!(itself("127.0.0.1:53", "127.0.0.1:53") && itself("[::]:53", "127.0.0.1:53") && itself("0.0.0.0:53", "[::1]:53"));
        // Somebody else's stub on this machine, and a server elsewhere.
        assert!(!itself("127.0.0.1:53", "127.0.0.53:53") && !itself("127.0.0.1:5353", "127.0.0.1:53"));
        assert!(!itself("0.0.0.0:53", "10.0.0.53:53"));
    }

    #[test]
    fn a_client_with_many_ports_of_its_own_is_one_peer() {
        let mut network = Network::default();
        for port in 40_000..40_100u16 {
            let remote = SocketAddr::new("10.0.0.9".parse().unwrap(), port);
            let local = "10.0.0.1:80".parse().unwrap();
            network.add_flow(&Flow { direction: Direction::Ingress, local, remote, ..flow("10.0.0.9:1", Outcome::Established) }, None);
        }
        assert_eq!(network.edges.keys().map(|edge| edge.port).collect::<Vec<_>>(), [80]);
    }

    #[test]
    fn r3_what_does_not_fit_is_counted_and_what_is_known_still_counts() {
        let mut network = Network::default();
        for number in 0..1200u32 {
            let remote = SocketAddr::new(IpAddr::from(number.to_be_bytes()), 80);
            network.add_flow(&Flow { remote, ..flow("10.0.0.1:1", Outcome::Attempted) }, None);
            network.add_answer(&format!("{number}.test"), &[remote.ip(); 2]);
        }
        assert_eq!((network.edges.len(), network.dropped["peers"]), (FLOWS, 200));
        network.add_flow(&Flow { remote: "0.0.0.1:80".parse().unwrap(), ..flow("10.0.0.1:1", Outcome::Established) }, None);
        assert_eq!(network.dropped["peers"], 200);
        for number in 0..10_000u32 {
            network.add_answer(&format!("{number}.other"), &[IpAddr::from(number.to_be_bytes())]);
        }
        assert_eq!(network.names.values().map(BTreeSet::len).sum::<usize>(), NAMES);
        assert!(network.dropped["dnsNames"] > 0);
    }
}
