//! A container's peers, each with its ports.
//!
//! A neighbor never stands for more than was seen: all its addresses were used with all its ports, loopback and multicast apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{LabelSelector, Time},
    jiff::Timestamp,
};
use runtimemap_crds::{ContainerNeighborhood, Neighbor, NeighborPort, Origin, Outcome, Peer, PeerClass, PeerType, Protocol};

use crate::{
    fact::Direction,
    ledger::network::{Edge, Network},
};

type Ports = BTreeSet<NeighborPort>;

/// One use of an address, to be told who is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Who opened it.
    pub(crate) direction: Direction,
    /// The other end.
    pub(crate) address: IpAddr,
    /// Transport.
    pub(crate) protocol: Protocol,
    /// The server's port: the container's own for ingress, the peer's for egress.
    pub(crate) port: u16,
    /// When it was first seen.
    pub(crate) at: Option<Timestamp>,
}

/// Who is behind an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// In the cluster or outside.
    pub(crate) type_: PeerType,
    /// Who it is.
    pub(crate) peer: Peer,
    /// Selector of its pods.
    pub(crate) pod_selector: Option<LabelSelector>,
    /// Selector of their namespace.
    pub(crate) namespace_selector: Option<LabelSelector>,
    /// Port as policies see it, where that is not the one that was addressed.
    pub(crate) target_port: Option<u16>,
    /// Its addresses, where they are not the one that was addressed.
    pub(crate) addresses: Vec<IpAddr>,
}

/// Tells who is behind an address: one, or several where a Service stands before them.
pub(crate) type Resolve<'a> = &'a dyn Fn(&Contact) -> Vec<Known>;

/// What makes one neighbor: the same addresses by name, or clients of the same ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    peer: Peer,
    internal: bool,
    outcome: Outcome,
    origin: Origin,
    /// What tells peers of class World apart: a name, an address, or for clients the ports that they came for.
    distinction: String,
}

/// One address of a group.
#[derive(Clone, Debug)]
struct Member {
    address: IpAddr,
    known: Known,
    ports: Ports,
    first_seen: Option<Time>,
}

/// The container's part of the NetworkNeighborhood.
pub(crate) fn container(name: &str, network: &Network, resolve: Resolve<'_>) -> ContainerNeighborhood {
    let listens = network
        .listens
        .iter()
        .map(|(&(protocol, port), addresses)| NeighborPort { addresses: texts(addresses), ..neighbor_port(protocol, port) });
    ContainerNeighborhood {
        name: name.to_owned(),
        listens: sorted(listens.collect()),
        ingress: neighbors(network, Direction::Ingress, resolve),
        egress: neighbors(network, Direction::Egress, resolve),
    }
}

/// What is known of an address without a cluster.
pub(crate) fn alone(contact: &Contact) -> Vec<Known> {
    vec![Known { peer: Peer { class: class(contact.address), ..Peer::default() }, ..Known::default() }]
}

fn neighbors(network: &Network, direction: Direction, resolve: Resolve<'_>) -> Vec<Neighbor> {
    let mut groups = BTreeMap::<Group, Vec<Member>>::new();
    for ((address, peer, internal, outcome, origin), member) in peers(network, direction, resolve) {
        let name = network.names.get(&address).and_then(BTreeSet::first);
        let distinction = match (peer.class, direction, name) {
            (PeerClass::World, Direction::Ingress, _) if !internal => port_names(&member.ports),
            (PeerClass::World, Direction::Egress, Some(name)) => name.clone(),
            (PeerClass::World, _, _) => address.to_string(),
            _ => String::new(),
        };
        groups.entry(Group { peer, internal, outcome, origin, distinction }).or_default().push(member);
    }
    let mut neighbors = Vec::new();
    for (group, members) in groups {
        // A name whose addresses are used differently says too much; each of them then stands for itself.
        let alike = members.iter().all(|member| member.ports == members[0].ports);
        if alike || group.peer.class != PeerClass::World {
            neighbors.push(neighbor(network, group, &members));
        } else {
            for member in members {
                let group = Group { distinction: member.address.to_string(), ..group.clone() };
                neighbors.push(neighbor(network, group, &[member]));
            }
        }
    }
    neighbors
}

/// Every address with all its ports, by who is behind it.
fn peers(network: &Network, direction: Direction, resolve: Resolve<'_>) -> BTreeMap<(IpAddr, Peer, bool, Outcome, Origin), Member> {
    let mut peers = BTreeMap::new();
    for (edge, seen) in network.edges.iter().filter(|(edge, _)| edge.direction == direction) {
        let Edge { direction, address, origin, protocol, port } = *edge;
        let at = seen.first_seen.as_ref().map(|Time(time)| *time);
        for known in resolve(&Contact { direction, address, protocol, port, at }) {
            let key = (address, known.peer.clone(), known.type_ == PeerType::Internal, seen.outcome, origin);
            let port = match known.target_port {
                Some(target) => NeighborPort { service_port: Some(port), ..neighbor_port(protocol, target) },
                None => neighbor_port(protocol, port),
            };
            let empty = || Member { address, known, ports: Ports::new(), first_seen: None };
            let member: &mut Member = peers.entry(key).or_insert_with(empty);
            member.ports.insert(port);
            member.first_seen = earliest(member.first_seen.take(), seen.first_seen.clone());
        }
    }
    peers
}

fn neighbor(network: &Network, group: Group, members: &[Member]) -> Neighbor {
    let Group { peer, internal, outcome, origin, distinction } = group;
    let addresses: BTreeSet<IpAddr> = members.iter().map(|member| member.address).collect();
    let names: BTreeSet<&String> = addresses.iter().filter_map(|address| network.names.get(address)).flatten().collect();
    let ports: Ports = members.iter().flat_map(|member| member.ports.iter().cloned()).collect();
    let known_by = |member: &Member| if member.known.addresses.is_empty() { vec![member.address] } else { member.known.addresses.clone() };
    let behind: BTreeSet<IpAddr> = members.iter().flat_map(known_by).collect();
    let selectors = members.first().map(|member| (member.known.pod_selector.clone(), member.known.namespace_selector.clone()));
    let (pod_selector, namespace_selector) = selectors.unwrap_or_default();
    Neighbor {
        identifier: Neighbor::identifier_of(&peer, &distinction, outcome, origin),
        type_: if internal { PeerType::Internal } else { PeerType::External },
        peer,
        // Addresses of pods come and go; a selector stays.
        ip_addresses: if pod_selector.is_some() { Vec::new() } else { texts(&behind) },
        pod_selector,
        namespace_selector,
        dns_names: names.into_iter().cloned().collect(),
        ports: sorted(ports.into_iter().collect()),
        outcome,
        origin,
        first_seen: members.iter().fold(None, |first, member| earliest(first, member.first_seen.clone())),
        ..Neighbor::default()
    }
}

fn port_names(ports: &Ports) -> String {
    ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(" ")
}

/// What kind of address it is, whoever has it.
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

fn sorted(mut ports: Vec<NeighborPort>) -> Vec<NeighborPort> {
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
            shapes.push((
                peer.class,
                ip_addresses.iter().map(String::as_str).collect(),
                ports.iter().map(|port| port.port).collect(),
                *outcome,
            ));
        }
        shapes
    }

    fn sorted_neighbors(network: &Network, direction: Direction) -> Vec<Neighbor> {
        let mut found = neighbors(network, direction, &alone);
        found.sort_by(|a, b| a.ip_addresses.cmp(&b.ip_addresses));
        found
    }

    const ME: &str = "10.0.0.1:80";
    const OUT: Direction = Direction::Egress;
    const IN: Direction = Direction::Ingress;
    use Outcome::{Attempted, Established};

    #[test]
    fn addresses_have_the_class_that_they_say() {
        let network = network(&[
            (OUT, ME, "127.0.0.9:1", Established),
            (OUT, ME, "[::1]:1", Established),
            (OUT, ME, "[ff02::1]:1", Established),
            (OUT, ME, "255.255.255.255:1", Established),
            (OUT, ME, "192.168.1.255:1", Established),
        ]);
        let found = neighbors(&network, OUT, &alone);
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
        let mut network = network(&[
            (OUT, ME, "1.1.1.1:443", Established),
            (OUT, ME, "1.1.1.2:443", Established),
            (OUT, ME, "1.1.1.3:80", Established),
            (OUT, ME, "1.1.1.4:443", Established),
        ]);
        network.add_answer("a.test", &["1.1.1.1".parse().unwrap(), "1.1.1.2".parse().unwrap(), "1.1.1.3".parse().unwrap()]);
        let world = PeerClass::World;
        let found = sorted_neighbors(&network, OUT);
        let each = |address| (world, vec![address], vec![443], Established);
        assert_eq!(shape(&found), [each("1.1.1.1"), each("1.1.1.2"), (world, vec!["1.1.1.3"], vec![80], Established), each("1.1.1.4")]);
        let ids: BTreeSet<&str> = found.iter().map(|neighbor| neighbor.identifier.as_str()).collect();
        assert_eq!(ids.len(), 4);
        network.edges.retain(|edge, _| edge.port != 80);
        let found = sorted_neighbors(&network, OUT);
        assert_eq!(shape(&found), [(world, vec!["1.1.1.1", "1.1.1.2"], vec![443], Established), each("1.1.1.4")]);
        assert_eq!((found[0].dns_names.as_slice(), found[1].dns_names.is_empty()), (["a.test".to_owned()].as_slice(), true));
    }

    #[test]
    fn clients_of_the_same_ports_are_one_neighbor_that_keeps_its_identifier() {
        let few = network(&[(IN, ME, "10.0.0.7:4000", Established)]);
        let more = network(&[(IN, ME, "10.0.0.7:4000", Established), (IN, ME, "10.0.0.8:4000", Established)]);
        let (few, more) = (neighbors(&few, IN, &alone), neighbors(&more, IN, &alone));
        assert_eq!(shape(&more), [(PeerClass::World, vec!["10.0.0.7", "10.0.0.8"], vec![80], Established)]);
        assert_eq!(few[0].identifier, more[0].identifier);
    }

    #[test]
    fn n6_what_never_came_about_is_a_neighbor_of_its_own() {
        let network = network(&[(OUT, ME, "1.1.1.1:443", Established), (OUT, ME, "1.1.1.1:444", Attempted)]);
        let world = PeerClass::World;
        let mut found = shape(&neighbors(&network, OUT, &alone))
            .into_iter()
            .map(|(class, _, ports, outcome)| (class, ports, outcome))
            .collect::<Vec<_>>();
        found.sort();
        assert_eq!(found, [(world, vec![443], Established), (world, vec![444], Attempted)]);
    }

    #[test]
    fn listening_ports_keep_their_addresses() {
        let mut network = Network::default();
        for address in ["0.0.0.0:80", "[::]:80", "[::ffff:127.0.0.1]:9"] {
            network.add_listen(Protocol::TCP, address.parse().unwrap());
        }
        let found = container("x", &network, &alone).listens;
        assert_eq!(
            found.iter().map(|port| (port.name.as_str(), port.addresses.join(" "))).collect::<Vec<_>>(),
            [("TCP-80", "0.0.0.0 ::".to_owned()), ("TCP-9", "127.0.0.1".to_owned())]
        );
    }
}
