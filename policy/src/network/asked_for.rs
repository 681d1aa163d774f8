//! Neighbors that were not seen and that a reviewer asks for.

use std::collections::BTreeSet;

use runtimemap_crds::{Neighbor, NeighborPort, NetworkNeighborhoodSpec, Peer, PeerClass, PeerType, Protocol, RuleDirection};

use super::options::Options;

/// The cluster's DNS, and kubelets that probe.
pub(super) fn neighbors(spec: &NetworkNeighborhoodSpec, options: &Options) -> Vec<(RuleDirection, Neighbor)> {
    let mut neighbors = Vec::new();
    if options.dns && !spec.containers.iter().flat_map(|container| &container.egress).any(|one| one.peer.class == PeerClass::ClusterDNS) {
        let ports = vec![port(Protocol::UDP, 53), port(Protocol::TCP, 53)];
        neighbors.push((RuleDirection::Egress, of(PeerClass::ClusterDNS, ports)));
    }
    // A kubelet probes over TCP, and what listens on the loopback address only is probed by nobody.
    let is_local = |port: &&NeighborPort| !port.addresses.is_empty() && port.addresses.iter().all(|address| is_loopback(address));
    let listens = spec.containers.iter().flat_map(|container| &container.listens);
    let open = listens.filter(|port| port.protocol == Protocol::TCP && !is_local(port)).map(|port| port.port);
    let ports: Vec<NeighborPort> = open.collect::<BTreeSet<u16>>().into_iter().map(|number| port(Protocol::TCP, number)).collect();
    if !options.kubelets.is_empty() && !ports.is_empty() {
        let addresses = options.kubelets.iter().map(|address| address.to_canonical().to_string()).collect();
        neighbors.push((RuleDirection::Ingress, Neighbor { ip_addresses: addresses, ..of(PeerClass::Node, ports) }));
    }
    neighbors
}

fn of(class: PeerClass, ports: Vec<NeighborPort>) -> Neighbor {
    Neighbor { type_: PeerType::Internal, peer: Peer { class, ..Peer::default() }, ports, ..Neighbor::default() }
}

fn port(protocol: Protocol, port: u16) -> NeighborPort {
    NeighborPort { name: format!("{protocol:?}-{port}"), protocol, port, ..NeighborPort::default() }
}

fn is_loopback(address: &str) -> bool {
    address.parse().is_ok_and(|address: std::net::IpAddr| address.to_canonical().is_loopback())
}
