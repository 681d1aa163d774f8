//! From a neighbor to the peers of a rule.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::{api::networking::v1::NetworkPolicyPeer, apimachinery::pkg::apis::meta::v1::LabelSelector};
use runtimemap_crds::{Neighbor, PeerClass, PeerType, RuleDirection};

use super::{selector, world};

/// What stands for a neighbor in a rule.
pub(super) enum Stands {
    /// Pods, however many there come to be; and the labels that were left out of the selector.
    Pods(Vec<NetworkPolicyPeer>, Vec<String>),
    /// The addresses seen.
    Addresses(Vec<IpAddr>),
}

/// What stands for a neighbor, or why nothing can.
pub(super) fn of(direction: RuleDirection, neighbor: &Neighbor, namespace: &str) -> Result<Stands, &'static str> {
    if direction == RuleDirection::Egress && is_node_local_dns(neighbor) {
        return by_address(neighbor);
    }
    match neighbor.peer.class {
        PeerClass::SelfPeer => Err("needs no rule: no policy applies to the loopback address"),
        PeerClass::Multicast => Err("left out: policies do not apply to multicast and broadcast"),
        PeerClass::Node => Err("left to you: the address of a node stands for everything that comes through it"),
        PeerClass::Workload => by_selector(neighbor, namespace),
        PeerClass::Service if neighbor.pod_selector.is_none() && !neighbor.ip_addresses.is_empty() => by_address(neighbor),
        PeerClass::Service => by_selector(neighbor, namespace),
        PeerClass::ClusterDNS => Ok(cluster_dns(neighbor, namespace)),
        PeerClass::World if neighbor.type_ == PeerType::Internal => {
            Err("left to you: an address of the cluster whose pod was not found may be another's tomorrow")
        }
        PeerClass::KubeAPI | PeerClass::World => by_address(neighbor),
    }
}

fn by_selector(neighbor: &Neighbor, namespace: &str) -> Result<Stands, &'static str> {
    let (pods, dropped) = neighbor.pod_selector.as_ref().map(selector::stable).unwrap_or_default();
    if selector::is_empty(&pods) {
        // Never the whole namespace because nothing was left.
        return Err("left to you: it has no label that lasts, to select it by");
    }
    let elsewhere = !neighbor.peer.namespace.is_empty() && neighbor.peer.namespace != namespace;
    let given = neighbor.namespace_selector.as_ref().filter(|given| !selector::is_empty(given));
    let namespaces = match given {
        Some(given) if elsewhere || neighbor.peer.namespace.is_empty() => Some(given.clone()),
        _ => elsewhere.then(|| labels("kubernetes.io/metadata.name", &neighbor.peer.namespace)),
    };
    Ok(Stands::Pods(vec![NetworkPolicyPeer { pod_selector: Some(pods), namespace_selector: namespaces, ip_block: None }], dropped))
}

/// The same for one that a reviewer asks for: nodes, too.
pub(super) fn asked_for(direction: RuleDirection, neighbor: &Neighbor, namespace: &str) -> Result<Stands, &'static str> {
    if neighbor.peer.class == PeerClass::Node { by_address(neighbor) } else { of(direction, neighbor, namespace) }
}

/// A node's own cache of the cluster's DNS, whatever the address is taken for: it is link-local, and only DNS is asked there.
fn is_node_local_dns(neighbor: &Neighbor) -> bool {
    let addresses = addresses(neighbor);
    let known = matches!(neighbor.peer.class, PeerClass::Node | PeerClass::World);
    known && !addresses.is_empty() && addresses.iter().all(is_link_local) && neighbor.ports.iter().all(|port| port.port == 53)
}

/// Its pods, and NodeLocal DNS, which is a link-local address of the node. A Service's own address is none that policies see.
fn cluster_dns(neighbor: &Neighbor, namespace: &str) -> Stands {
    let (mut peers, dropped) = match by_selector(neighbor, namespace) {
        Ok(Stands::Pods(peers, dropped)) => (peers, dropped),
        _ => (vec![kube_dns()], Vec::new()),
    };
    peers.extend(addresses(neighbor).into_iter().filter(is_link_local).map(world::exactly));
    Stands::Pods(peers, dropped)
}

/// Whether it is an address that means something on its own node only, as that of NodeLocal DNS does.
pub(crate) fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// The pods of the cluster's DNS, by the labels that every distribution gives them.
pub(crate) fn kube_dns() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(labels("k8s-app", "kube-dns")),
        namespace_selector: Some(labels("kubernetes.io/metadata.name", "kube-system")),
        ip_block: None,
    }
}

fn labels(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])), match_expressions: None }
}

fn by_address(neighbor: &Neighbor) -> Result<Stands, &'static str> {
    let addresses = addresses(neighbor);
    if addresses.is_empty() { Err("left to you: no address of it is known") } else { Ok(Stands::Addresses(addresses)) }
}

/// Addresses in their shortest form, IPv4 as IPv4.
pub(crate) fn addresses(neighbor: &Neighbor) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> =
        neighbor.ip_addresses.iter().filter_map(|address| address.parse().ok()).map(|address: IpAddr| address.to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Whether the rule for a neighbor is a list of addresses that nobody promised to keep.
pub(super) fn rots(direction: RuleDirection, neighbor: &Neighbor) -> bool {
    let world = neighbor.peer.class == PeerClass::World && neighbor.type_ == PeerType::External;
    world && direction == RuleDirection::Egress && !neighbor.dns_names.is_empty()
}
