//! The order in which a person reads rules.

use runtimemap_crds::{PeerClass, RuleDirection};

use super::Group;

/// A rule with its place: ingress before egress; DNS, then pods, those of the own namespace first, then the API server, then the world.
pub(super) struct Placed {
    pub(super) direction: RuleDirection,
    /// What its id is made of.
    pub(super) identity: String,
    pub(super) group: Group,
    place: Place,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    direction: RuleDirection,
    rank: u8,
    elsewhere: bool,
    namespace: String,
    name: [String; 3],
    dns: Vec<String>,
}

impl Placed {
    pub(super) fn new(direction: RuleDirection, identity: String, group: Group, own: &str) -> Self {
        let peer = group.seen.peer();
        let rank = match peer.class {
            PeerClass::ClusterDNS => 0,
            PeerClass::Workload | PeerClass::Service => 1,
            PeerClass::KubeAPI => 2,
            PeerClass::Node => 3,
            PeerClass::World | PeerClass::SelfPeer | PeerClass::Multicast => 4,
        };
        let place = Place {
            direction,
            rank,
            elsewhere: !peer.namespace.is_empty() && peer.namespace != own,
            namespace: peer.namespace,
            name: [peer.name, peer.kind, peer.service],
            dns: group.seen.names().iter().cloned().collect(),
        };
        Self { direction, identity, group, place }
    }

    /// Where it stands among others.
    pub(super) fn key(&self) -> (&Place, &str) {
        (&self.place, &self.identity)
    }
}
