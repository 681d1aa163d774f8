//! Rules: peers of one kind with the same ports together, each with its evidence.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::{Neighbor, NeighborPort, Peer, PeerClass, Protocol, RuleDirection, RuleEvidence};

use super::peer;

/// Peers and ports of one rule.
pub(super) type PeersAndPorts = (Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>);

const DNS: u16 = 53;

/// Rules in the making.
pub(super) struct Rules<'a> {
    namespace: &'a str,
    groups: BTreeMap<Key, Group>,
}

/// What makes two neighbors one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    egress: bool,
    peer: Peer,
    ports: BTreeSet<(Protocol, u16)>,
}

#[derive(Default)]
struct Group {
    /// By their JSON, for a stable order.
    peers: BTreeMap<String, NetworkPolicyPeer>,
    ports: BTreeSet<NeighborPort>,
    names: BTreeSet<String>,
    containers: BTreeSet<String>,
    first: Option<Neighbor>,
}

impl<'a> Rules<'a> {
    /// None yet, for a workload of this namespace.
    pub(super) fn new(namespace: &'a str) -> Self {
        Self { namespace, groups: BTreeMap::new() }
    }

    /// Adds a neighbor, or says why it has no rule.
    pub(super) fn add(&mut self, direction: RuleDirection, neighbor: &Neighbor, container: &str) -> Result<(), &'static str> {
        let peers = peer::peers(neighbor, self.namespace)?;
        let egress = direction == RuleDirection::Egress;
        let mut ports: BTreeSet<(Protocol, u16)> = neighbor.ports.iter().map(|port| (port.protocol, port.port)).collect();
        if ports.is_empty() {
            return Err("left to you: no port of it is known");
        }
        if egress && ports.contains(&(Protocol::UDP, DNS)) {
            // A long answer comes over TCP.
            ports.insert((Protocol::TCP, DNS));
        }
        let group = self.groups.entry(Key { egress, peer: neighbor.peer.clone(), ports }).or_default();
        for peer in peers {
            group.peers.insert(serde_json::to_string(&peer).unwrap_or_default(), peer);
        }
        group.ports.extend(neighbor.ports.iter().cloned());
        group.names.extend(neighbor.dns_names.iter().cloned());
        group.containers.insert(container.to_owned());
        let earlier = |known: &Neighbor| neighbor.first_seen.as_ref().map(|time| time.0) < known.first_seen.as_ref().map(|time| time.0);
        if group.first.as_ref().is_none_or(earlier) {
            group.first = Some(neighbor.clone());
        }
        Ok(())
    }

    /// Ingress rules, egress rules, and evidence in the same order.
    pub(super) fn finish(self) -> (Vec<PeersAndPorts>, Vec<PeersAndPorts>, Vec<RuleEvidence>) {
        let (mut ingress, mut egress, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
        for (key, group) in self.groups {
            evidence.push(proof(&key, &group));
            let ports = key.ports.iter().map(|(protocol, port)| policy_port(*protocol, *port)).collect();
            let rule = (group.peers.into_values().collect(), ports);
            if key.egress { egress.push(rule) } else { ingress.push(rule) }
        }
        (ingress, egress, evidence)
    }
}

fn policy_port(protocol: Protocol, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some(format!("{protocol:?}")), port: Some(IntOrString::Int(i32::from(port))), end_port: None }
}

fn proof(key: &Key, group: &Group) -> RuleEvidence {
    let direction = if key.egress { RuleDirection::Egress } else { RuleDirection::Ingress };
    let first = group.first.clone().unwrap_or_default();
    let mut reason = peer::described(direction, &first);
    if group.peers.len() > 1 && key.peer.class == PeerClass::World {
        reason = format!("{reason}, {} addresses in all", group.peers.len());
    }
    RuleEvidence {
        id: stable_hash(&format!("{key:?}")),
        direction,
        class: key.peer.class,
        peer: key.peer.clone(),
        ports: group.ports.iter().cloned().collect(),
        dns_names: group.names.iter().cloned().collect(),
        containers: group.containers.iter().cloned().collect(),
        first_seen: first.first_seen,
        origin: first.origin,
        reason,
    }
}

/// A hash that is the same in every build and on every machine: FNV-1a, 64 bits, in hexadecimal.
pub(super) fn stable_hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
