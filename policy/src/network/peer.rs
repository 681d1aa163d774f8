//! From a neighbor to the peers of a rule.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::{
    api::networking::v1::{IPBlock, NetworkPolicyPeer},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use runtimemap_crds::{Neighbor, PeerClass, RuleDirection};

use super::selector;

/// The peers that stand for a neighbor, or why none can.
pub(super) fn peers(neighbor: &Neighbor, namespace: &str) -> Result<Vec<NetworkPolicyPeer>, &'static str> {
    match neighbor.peer.class {
        PeerClass::SelfPeer => Err("needs no rule: no policy applies to the loopback address"),
        PeerClass::Multicast => Err("left out: policies do not apply to multicast and broadcast"),
        PeerClass::Node => Err("left to you: the address of a node stands for all that comes through it"),
        PeerClass::Workload | PeerClass::Service => by_selector(neighbor, namespace),
        PeerClass::ClusterDNS => by_selector(neighbor, namespace).or_else(|_| Ok(vec![cluster_dns()])),
        PeerClass::KubeAPI | PeerClass::World => by_address(neighbor),
    }
}

fn by_selector(neighbor: &Neighbor, namespace: &str) -> Result<Vec<NetworkPolicyPeer>, &'static str> {
    let (pods, _) = neighbor.pod_selector.as_ref().map(selector::stable).unwrap_or_default();
    if selector::is_empty(&pods) {
        // Never the whole namespace because nothing was left.
        return Err("left to you: no label of it is stable enough to select it by");
    }
    let elsewhere = !neighbor.peer.namespace.is_empty() && neighbor.peer.namespace != namespace;
    let namespaces = match &neighbor.namespace_selector {
        Some(selector) if elsewhere => Some(selector.clone()),
        _ => elsewhere.then(|| labels("kubernetes.io/metadata.name", &neighbor.peer.namespace)),
    };
    Ok(vec![NetworkPolicyPeer { pod_selector: Some(pods), namespace_selector: namespaces, ip_block: None }])
}

fn cluster_dns() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(labels("k8s-app", "kube-dns")),
        namespace_selector: Some(labels("kubernetes.io/metadata.name", "kube-system")),
        ip_block: None,
    }
}

fn labels(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])), match_expressions: None }
}

fn by_address(neighbor: &Neighbor) -> Result<Vec<NetworkPolicyPeer>, &'static str> {
    let mut addresses: Vec<IpAddr> =
        neighbor.ip_addresses.iter().filter_map(|address| address.parse().ok()).map(|address: IpAddr| address.to_canonical()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Err("left to you: no address of it is known");
    }
    Ok(addresses.into_iter().map(block).collect())
}

fn block(address: IpAddr) -> NetworkPolicyPeer {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    NetworkPolicyPeer { ip_block: Some(IPBlock { cidr: format!("{address}/{bits}"), except: None }), ..NetworkPolicyPeer::default() }
}

/// Whether the rule for a neighbor is a list of addresses that nobody promised to keep.
pub(super) fn rots(neighbor: &Neighbor) -> bool {
    neighbor.peer.class == PeerClass::World && !neighbor.dns_names.is_empty()
}

/// A neighbor in words: `egress to 192.0.2.1 (example.org) TCP-443`.
pub(super) fn described(direction: RuleDirection, neighbor: &Neighbor) -> String {
    let who = if neighbor.peer.name.is_empty() {
        match neighbor.ip_addresses.as_slice() {
            [] => format!("{:?}", neighbor.peer.class),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more addresses", rest.len()),
        }
    } else {
        format!("{} {}/{}", neighbor.peer.kind, neighbor.peer.namespace, neighbor.peer.name)
    };
    let names = if neighbor.dns_names.is_empty() { String::new() } else { format!(" ({})", neighbor.dns_names.join(", ")) };
    let ports = neighbor.ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ");
    let way = if direction == RuleDirection::Ingress { "ingress from" } else { "egress to" };
    format!("{way} {who}{names} {ports}").trim_end().to_owned()
}
