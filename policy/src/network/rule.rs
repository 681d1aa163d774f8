//! Rules: peers of one kind with the same ports together, each with its evidence.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::{Neighbor, Peer, PeerClass, Protocol, RuleDirection, RuleEvidence};

use super::{
    name,
    peer::{self, Stands},
};

mod evidence;

use evidence::Seen;

/// Peers and ports of one rule.
pub(super) type PeersAndPorts = (Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>);
type Ports = BTreeSet<(Protocol, u16)>;

const DNS: u16 = 53;
/// Rules whose evidence an object holds.
const EVIDENCE: usize = 500;

/// Rules in the making.
pub(super) struct Rules<'a> {
    namespace: &'a str,
    groups: BTreeMap<Key, Group>,
}

/// All rules.
pub(super) struct Finished {
    pub(super) ingress: Vec<PeersAndPorts>,
    pub(super) egress: Vec<PeersAndPorts>,
    /// In the order of the rules, ingress first.
    pub(super) evidence: Vec<RuleEvidence>,
    /// Rules whose evidence does not fit.
    pub(super) dropped: usize,
}

/// What makes two neighbors one rule. Pods are one peer, with all its ports. Addresses have to share their ports: else each would be
/// allowed those of the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// By the peers' JSON.
    Pods(String),
    Addresses {
        peer: Peer,
        names: BTreeSet<String>,
        ports: Ports,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    egress: bool,
    who: Who,
}

#[derive(Default)]
struct Group {
    pods: Vec<NetworkPolicyPeer>,
    addresses: BTreeSet<IpAddr>,
    ports: Ports,
    seen: Seen,
}

impl<'a> Rules<'a> {
    /// None yet, for a workload of this namespace.
    pub(super) fn new(namespace: &'a str) -> Self {
        Self { namespace, groups: BTreeMap::new() }
    }

    /// Adds a neighbor; gives the labels that its selector had to do without, or says why it has no rule.
    pub(super) fn add(&mut self, direction: RuleDirection, neighbor: &Neighbor, container: &str) -> Result<Vec<String>, &'static str> {
        let stands = peer::of(neighbor, self.namespace)?;
        let egress = direction == RuleDirection::Egress;
        let ports = ports(neighbor, egress);
        if ports.is_empty() {
            return Err("left to you: no port of it is known");
        }
        let (who, pods, addresses, dropped) = match stands {
            Stands::Pods(pods, dropped) => (Who::Pods(serde_json::to_string(&pods).unwrap_or_default()), pods, Vec::new(), dropped),
            Stands::Addresses(addresses) => {
                let names = neighbor.dns_names.iter().cloned().collect();
                let peer = Peer { service: String::new(), ..neighbor.peer.clone() };
                (Who::Addresses { peer, names, ports: ports.clone() }, Vec::new(), addresses, Vec::new())
            }
        };
        let group = self.groups.entry(Key { egress, who }).or_default();
        group.pods = pods;
        group.addresses.extend(addresses);
        group.ports.extend(ports);
        group.seen.add(neighbor, container);
        Ok(dropped)
    }

    /// Ingress rules, egress rules, and their evidence.
    pub(super) fn finish(self) -> Finished {
        let (mut ingress, mut egress, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
        for (key, group) in self.groups {
            let direction = if key.egress { RuleDirection::Egress } else { RuleDirection::Ingress };
            let Group { pods, addresses, ports, seen } = group;
            evidence.push(seen.evidence(id(&key, &ports), direction, &ports));
            let ports = ports.into_iter().map(|(protocol, port)| policy_port(protocol, port)).collect();
            let rule = (pods.into_iter().chain(addresses.into_iter().map(peer::block)).collect(), ports);
            if key.egress { egress.push(rule) } else { ingress.push(rule) }
        }
        let dropped = evidence.len().saturating_sub(EVIDENCE);
        evidence.truncate(EVIDENCE);
        Finished { ingress, egress, evidence, dropped }
    }
}

/// The ports of a rule.
fn ports(neighbor: &Neighbor, egress: bool) -> Ports {
    // Port 0 is nobody's, and the API server refuses it.
    let seen = neighbor.ports.iter().map(|port| (port.protocol, port.port)).filter(|(_, port)| *port != 0);
    let mut ports: Ports = seen.collect();
    // A long answer comes over TCP.
    if neighbor.peer.class == PeerClass::ClusterDNS {
        let datagrams = ports.clone().into_iter().filter(|(protocol, _)| *protocol != Protocol::SCTP);
        ports.extend(datagrams.flat_map(|(_, port)| [(Protocol::UDP, port), (Protocol::TCP, port)]));
    } else if egress && ports.contains(&(Protocol::UDP, DNS)) {
        ports.insert((Protocol::TCP, DNS));
    }
    ports
}

fn policy_port(protocol: Protocol, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some(format!("{protocol:?}")), port: Some(IntOrString::Int(i32::from(port))), end_port: None }
}

/// The same as long as direction, peer and ports are; addresses may come and go.
fn id(key: &Key, ports: &Ports) -> String {
    name::stable_hash(&format!("{key:?} {ports:?}"))
}
