//! A container's peers, each with its ports.
//!
//! What is merged into one neighbor never stands for more than was seen: all its addresses were used with all its ports.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{ContainerNeighborhood, NeighborPort, Neighbor, Origin, Outcome, Peer, PeerClass, PeerType, Protocol};
use sha2::{Digest, Sha256};

use crate::{
    fact::Direction,
    ledger::network::{Edge, Known, Network},
};

type Ports = BTreeSet<(Protocol, u16)>;

/// What one neighbor is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    class: PeerClass,
    outcome: Outcome,
    origin: Origin,
    /// Names, where the peer has any.
    names: BTreeSet<String>,
    /// The address of a peer that stands alone.
    address: Option<IpAddr>,
    ports: Ports,
}

/// The container's part of the NetworkNeighborhood.
pub(super) fn container(name: &str, network: &Network) -> ContainerNeighborhood {
    let listens = network.listens.iter().map(|(&(protocol, port), addresses)| NeighborPort {
        addresses: texts(addresses),
        ..neighbor_port(protocol, port)
    });
    ContainerNeighborhood {
        name: name.to_owned(),
        listens: sorted_ports(listens.collect()),
        ingress: neighbors(network, Direction::Ingress),
        egress: neighbors(network, Direction::Egress),
    }
}

fn neighbors(network: &Network, direction: Direction) -> Vec<Neighbor> {
    let mut peers = BTreeMap::<(IpAddr, Outcome, Origin), (Ports, Option<Time>)>::new();
    for (edge, known) in network.edges.iter().filter(|(edge, _)| edge.direction == direction) {
        let Edge { direction: _, address, origin, protocol, port } = *edge;
        let Known { outcome, first_seen } = known;
        let (ports, first) = peers.entry((address, *outcome, origin)).or_default();
        ports.insert((protocol, port));
        *first = earliest(first.take(), first_seen.clone());
    }
    let mut groups = BTreeMap::<Key, (BTreeSet<IpAddr>, Option<Time>)>::new();
    for ((address, outcome, origin), (ports, first_seen)) in peers {
        let class = class(address);
        let names = network.names.get(&address).cloned().unwrap_or_default();
        // Clients come and go, and a name's addresses change: those are listed together. A server without a name stands alone.
        let alone = direction == Direction::Egress && names.is_empty() && class == PeerClass::World;
        let key = Key { class, outcome, origin, names, address: alone.then_some(address), ports };
        let (addresses, first) = groups.entry(key).or_default();
        addresses.insert(address);
        *first = earliest(first.take(), first_seen);
    }
    let mut neighbors: Vec<Neighbor> =
        groups.into_iter().map(|(key, (addresses, first_seen))| neighbor(direction, key, &addresses, first_seen)).collect();
    neighbors.sort_by(|a, b| (&a.peer, &a.dns_names, &a.ip_addresses, &a.identifier).cmp(&(&b.peer, &b.dns_names, &b.ip_addresses, &b.identifier)));
    neighbors
}

fn neighbor(direction: Direction, key: Key, addresses: &BTreeSet<IpAddr>, first_seen: Option<Time>) -> Neighbor {
    let identifier = identifier(direction, &key);
    let Key { class, outcome, origin, names, address: _, ports } = key;
    Neighbor {
        identifier,
        type_: PeerType::External,
        peer: Peer { class, ..Peer::default() },
        ip_addresses: texts(addresses),
        dns_names: names.into_iter().collect(),
        ports: sorted_ports(ports.into_iter().map(|(protocol, port)| neighbor_port(protocol, port)).collect()),
        outcome,
        origin,
        first_seen,
        ..Neighbor::default()
    }
}

/// The same in every recording: what the peers of a group have in common, not who of them came by.
fn identifier(direction: Direction, key: &Key) -> String {
    let Key { class, outcome, origin, names, address, ports } = key;
    let text = format!("{direction:?} {class:?} {outcome:?} {origin:?} {names:?} {address:?} {}", if address.is_some() { String::new() } else { format!("{ports:?}") });
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What an address is without a cluster.
fn class(address: IpAddr) -> PeerClass {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    if address.is_loopback() {
        PeerClass::SelfPeer
    } else if address.is_multicast() || broadcast {
        PeerClass::Multicast
    } else {
        PeerClass::World
    }
}

fn neighbor_port(protocol: Protocol, port: u16) -> NeighborPort {
    NeighborPort { name: format!("{protocol:?}-{port}"), protocol, port, ..NeighborPort::default() }
}

fn sorted_ports(mut ports: Vec<NeighborPort>) -> Vec<NeighborPort> {
    ports.sort();
    ports
}

fn texts(addresses: &BTreeSet<IpAddr>) -> Vec<String> {
    addresses.iter().map(IpAddr::to_string).collect()
}

fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::network::Flow;

    fn network(flows: &[(Direction, &str, &str, Outcome)]) -> Network {
        let mut network = Network::default();
        for &(direction, local, remote, outcome) in flows {
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            network.add_flow(&Flow { direction, protocol: Protocol::TCP, local, remote, outcome, origin: Origin::Entrypoint }, None);
        }
        network
    }

    fn shape(neighbors: &[Neighbor]) -> Vec<(PeerClass, Vec<&str>, Vec<u16>, Outcome)> {
        let mut shapes = Vec::new();
        for Neighbor { peer, ip_addresses, ports, outcome, .. } in neighbors {
            shapes.push((peer.class, ip_addresses.iter().map(String::as_str).collect(), ports.iter().map(|port| port.port).collect(), *outcome));
        }
        shapes
    }

    const ME: &str = "10.0.0.1:80";
    const OUT: Direction = Direction::Egress;
    const IN: Direction = Direction::Ingress;
    use Outcome::{Attempted, Established};

    #[test]
    fn addresses_have_the_class_that_they_say() {
        let network = network(&[(OUT, ME, "127.0.0.9:1", Established), (OUT, ME, "[::1]:1", Established), (OUT, ME, "[ff02::1]:1", Established), (OUT, ME, "255.255.255.255:1", Established), (OUT, ME, "192.168.1.255:1", Established)]);
        let found = neighbors(&network, OUT);
        assert_eq!(
            shape(&found),
            [
                (PeerClass::SelfPeer, vec!["127.0.0.9", "::1"], vec![1], Established),
                (PeerClass::Multicast, vec!["255.255.255.255", "ff02::1"], vec![1], Established),
                (PeerClass::World, vec!["192.168.1.255"], vec![1], Established),
            ]
        );
    }

    #[test]
    fn addresses_of_one_name_are_one_neighbor_and_only_with_the_same_ports() {
        let mut network = network(&[(OUT, ME, "1.1.1.1:443", Established), (OUT, ME, "1.1.1.2:443", Established), (OUT, ME, "1.1.1.3:80", Established), (OUT, ME, "1.1.1.4:443", Established)]);
        network.add_answer("a.test", &["1.1.1.1".parse().unwrap(), "1.1.1.2".parse().unwrap(), "1.1.1.3".parse().unwrap()]);
        let found = neighbors(&network, OUT);
        let world = PeerClass::World;
        assert_eq!(shape(&found), [(world, vec!["1.1.1.4"], vec![443], Established), (world, vec!["1.1.1.1", "1.1.1.2"], vec![443], Established), (world, vec!["1.1.1.3"], vec![80], Established)]);
        assert_eq!(found[1].dns_names, ["a.test"]);
        let ids: BTreeSet<&str> = found.iter().map(|neighbor| neighbor.identifier.as_str()).collect();
        assert_eq!((ids.len(), found[0].identifier.len()), (3, 16));
    }

    #[test]
    fn clients_of_the_same_ports_are_one_neighbor_that_keeps_its_identifier() {
        let few = network(&[(IN, ME, "10.0.0.7:4000", Established)]);
        let more = network(&[(IN, ME, "10.0.0.7:4000", Established), (IN, ME, "10.0.0.8:4000", Established)]);
        let (few, more) = (neighbors(&few, IN), neighbors(&more, IN));
        assert_eq!(shape(&more), [(PeerClass::World, vec!["10.0.0.7", "10.0.0.8"], vec![80], Established)]);
        assert_eq!(few[0].identifier, more[0].identifier);
    }

    #[test]
    fn n6_what_never_came_about_is_a_neighbor_of_its_own() {
        let network = network(&[(OUT, ME, "1.1.1.1:443", Established), (OUT, ME, "1.1.1.1:444", Attempted)]);
        let world = PeerClass::World;
        let mut found = shape(&neighbors(&network, OUT)).into_iter().map(|(class, _, ports, outcome)| (class, ports, outcome)).collect::<Vec<_>>();
        found.sort();
        assert_eq!(found, [(world, vec![443], Established), (world, vec![444], Attempted)]);
    }

    #[test]
    fn listening_ports_keep_their_addresses() {
        let mut network = Network::default();
        for address in ["0.0.0.0:80", "[::]:80", "[::ffff:127.0.0.1]:9"] {
            network.add_listen(Protocol::TCP, address.parse().unwrap());
        }
        let found = container("x", &network).listens;
        assert_eq!(found.iter().map(|port| (port.name.as_str(), port.addresses.join(" "))).collect::<Vec<_>>(), [("TCP-80", "0.0.0.0 ::".to_owned()), ("TCP-9", "127.0.0.1".to_owned())]);
    }
}
