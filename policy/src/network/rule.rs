//! Rules: one per peer, with all its ports; addresses that nothing but their number tells apart together. Each with its evidence.

mod evidence;
mod fit;
mod order;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort};
use runtimemap_crds::{Neighbor, Peer, PeerClass, Protocol, RuleDirection, RuleEvidence};

use super::{
    options::Options,
    peer::{self, Stands},
    world,
};
use evidence::Seen;

/// Peers and ports of one rule.
pub(super) type PeersAndPorts = (Vec<NetworkPolicyPeer>, Vec<NetworkPolicyPort>);
/// Ports that a rule allows.
pub(super) type Ports = BTreeSet<(Protocol, u16)>;

const DNS: u16 = 53;

/// Rules in the making.
pub(super) struct Rules<'a> {
    namespace: &'a str,
    options: &'a Options,
    /// By direction and the peers' JSON.
    pods: BTreeMap<(RuleDirection, String), Group>,
    addresses: BTreeMap<(RuleDirection, IpAddr), Group>,
}

/// All rules.
pub(super) struct Finished {
    pub(super) ingress: Vec<PeersAndPorts>,
    pub(super) egress: Vec<PeersAndPorts>,
    /// One for each rule, in their order, ingress first.
    pub(super) evidence: Vec<RuleEvidence>,
    /// Rules that no object can hold.
    pub(super) dropped: usize,
}

/// A rule in the making: its peers, its ports and what it comes from.
#[derive(Clone, Default)]
pub(super) struct Group {
    peers: Vec<NetworkPolicyPeer>,
    ports: Ports,
    seen: Seen,
}

/// What tells addresses apart. They have to share their ports: else each would be allowed those of the others.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    direction: RuleDirection,
    peer: Peer,
    names: BTreeSet<String>,
    ports: Ports,
}

impl<'a> Rules<'a> {
    /// None yet, for a workload of this namespace.
    pub(super) fn new(namespace: &'a str, options: &'a Options) -> Self {
        Self { namespace, options, pods: BTreeMap::new(), addresses: BTreeMap::new() }
    }

    /// Adds a neighbor; gives the labels that its selector had to do without, or says why it has no rule.
    pub(super) fn add(&mut self, direction: RuleDirection, neighbor: &Neighbor, container: &str) -> Result<Vec<String>, &'static str> {
        self.insert(direction, neighbor, container, peer::of(direction, neighbor, self.namespace)?)
    }

    /// Adds a neighbor that was not seen and that a reviewer asks for; else says why it has no rule.
    pub(super) fn ask(&mut self, direction: RuleDirection, neighbor: &Neighbor) -> Result<(), &'static str> {
        self.insert(direction, neighbor, "", peer::asked_for(direction, neighbor, self.namespace)?).map(|_| ())
    }

    fn insert(
        &mut self,
        direction: RuleDirection,
        neighbor: &Neighbor,
        container: &str,
        stands: Stands,
    ) -> Result<Vec<String>, &'static str> {
        let ports = ports(neighbor, direction, self.options.service_ports);
        if ports.is_empty() {
            return Err("left to you: no port of it is known");
        }
        match stands {
            Stands::Pods(peers, dropped) => {
                let key = (direction, serde_json::to_string(&peers).unwrap_or_default());
                let group = self.pods.entry(key).or_default();
                group.peers = peers;
                group.ports.extend(ports);
                group.seen.add(neighbor, container);
                Ok(dropped)
            }
            Stands::Addresses(addresses) => {
                for address in addresses {
                    let group = self.addresses.entry((direction, address)).or_default();
                    group.ports.extend(ports.iter().copied());
                    group.seen.add(&Neighbor { ip_addresses: vec![address.to_string()], ..neighbor.clone() }, container);
                }
                Ok(Vec::new())
            }
        }
    }

    /// Drops what there is of one direction.
    pub(super) fn forget(&mut self, direction: RuleDirection) {
        self.pods.retain(|(own, _), _| *own != direction);
        self.addresses.retain(|(own, _), _| *own != direction);
    }

    /// Ingress rules, egress rules, and their evidence.
    pub(super) fn finish(self) -> Finished {
        let Self { namespace, options, mut pods, addresses } = self;
        let mut alike = BTreeMap::<Alike, Group>::new();
        for ((direction, address), group) in addresses {
            let peer = Peer { service: String::new(), ..group.seen.peer() };
            let block = if peer.class == PeerClass::World { world::block(address, options.world) } else { world::exactly(address) };
            let whole = block.ip_block.as_ref().is_some_and(|block| block.except.is_some());
            let into = if whole {
                // Everybody on the Internet is one peer, whose ports come together.
                pods.entry((direction, serde_json::to_string(&[&block]).unwrap_or_default())).or_default()
            } else {
                let key = Alike { direction, peer, names: group.seen.names().clone(), ports: group.ports.clone() };
                alike.entry(key).or_default()
            };
            if !into.peers.contains(&block) {
                into.peers.push(block);
            }
            into.ports.extend(group.ports);
            into.seen.extend(group.seen);
        }
        // Same as long as direction, peer and ports are; addresses may come and go.
        let pods = pods.into_iter().map(|((direction, json), group)| (direction, format!("{direction:?} {json} {:?}", group.ports), group));
        let alike = alike.into_iter().map(|(key, group)| (key.direction, format!("{key:?}"), group));
        let mut rules: Vec<order::Placed> =
            pods.chain(alike).map(|(direction, id, group)| order::Placed::new(direction, id, group, namespace)).collect();
        rules.sort_by(|one, other| one.key().cmp(&other.key()));
        fit::finish(rules)
    }
}

/// The ports of a rule.
fn ports(neighbor: &Neighbor, direction: RuleDirection, service_ports: bool) -> Ports {
    let egress = direction == RuleDirection::Egress;
    let service = |port: &runtimemap_crds::NeighborPort| port.service_port.filter(|_| service_ports && egress);
    let both =
        neighbor.ports.iter().flat_map(|port| [Some(port.port), service(port)].into_iter().flatten().map(|number| (port.protocol, number)));
    // Port 0 is nobody's, and the API server refuses it.
    let mut ports: Ports = both.filter(|(_, port)| *port != 0).collect();
    // A long answer comes over TCP.
    if neighbor.peer.class == PeerClass::ClusterDNS {
        let datagrams = ports.clone().into_iter().filter(|(protocol, _)| *protocol != Protocol::SCTP);
        ports.extend(datagrams.flat_map(|(_, port)| [(Protocol::UDP, port), (Protocol::TCP, port)]));
    } else if egress && ports.contains(&(Protocol::UDP, DNS)) {
        ports.insert((Protocol::TCP, DNS));
    }
    ports
}
