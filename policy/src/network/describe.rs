//! Neighbors and rules in words.

use runtimemap_crds::{Neighbor, NeighborPort, Peer, PeerClass, Protocol, RuleDirection};

use crate::notes::listed;

/// A neighbor: `egress to 192.0.2.1 (example.org) on TCP 443`.
pub(super) fn neighbor(direction: RuleDirection, neighbor: &Neighbor) -> String {
    let Neighbor { peer, ip_addresses, dns_names, ports, .. } = neighbor;
    let way = if direction == RuleDirection::Ingress { "ingress from" } else { "egress to" };
    let who = who(peer, ip_addresses);
    let names = if dns_names.is_empty() { String::new() } else { format!(" ({})", listed(dns_names)) };
    format!("{way} {who}{names}{}", self::ports(ports))
}

fn who(peer: &Peer, addresses: &[String]) -> String {
    let Peer { class, namespace, kind, name, service } = peer;
    let of = |what: &str, name: &str| match namespace.as_str() {
        "" => format!("{what} {name}"),
        namespace => format!("{what} {namespace}/{name}"),
    };
    let known = match class {
        PeerClass::ClusterDNS => "the cluster's DNS".to_owned(),
        PeerClass::KubeAPI => "the Kubernetes API server".to_owned(),
        PeerClass::SelfPeer => "itself".to_owned(),
        PeerClass::Node => "a node".to_owned(),
        PeerClass::Multicast => "a multicast or broadcast address".to_owned(),
        PeerClass::Workload | PeerClass::Service | PeerClass::World if !name.is_empty() => of(kind, name),
        PeerClass::Workload | PeerClass::Service | PeerClass::World if !service.is_empty() => of("Service", service),
        PeerClass::Workload => "a workload without a name".to_owned(),
        PeerClass::Service => "a Service without a name".to_owned(),
        PeerClass::World => return listed(addresses),
    };
    if addresses.is_empty() { known } else { format!("{known} at {}", listed(addresses)) }
}

/// ` on TCP 443 and UDP 53`.
fn ports(ports: &[NeighborPort]) -> String {
    if ports.is_empty() {
        return String::new();
    }
    let mut sorted: Vec<(Protocol, u16, Option<u16>)> = ports.iter().map(|port| (port.protocol, port.port, port.service_port)).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let words: Vec<String> = sorted
        .into_iter()
        .map(|(protocol, port, service)| match service.filter(|service| *service != port) {
            Some(service) => format!("{protocol:?} {port} (port {service} of the Service)"),
            None => format!("{protocol:?} {port}"),
        })
        .collect();
    format!(" on {}", listed(&words))
}
