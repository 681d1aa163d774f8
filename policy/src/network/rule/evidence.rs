//! What a rule was made from.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{Neighbor, NeighborPort, Origin, Peer, PeerClass, Protocol, RuleDirection, RuleEvidence};

use crate::{network::describe, notes::shortened};

/// Ports that the evidence of one rule holds.
const PORTS: usize = 1000;
/// Names that it holds.
const NAMES: usize = 1000;

/// The neighbors of one rule, together. In whatever order they come, it is the same.
#[derive(Clone, Default)]
pub(super) struct Seen {
    peers: BTreeSet<Peer>,
    addresses: BTreeSet<String>,
    names: BTreeSet<String>,
    ports: BTreeSet<NeighborPort>,
    containers: BTreeSet<String>,
    origins: BTreeSet<Origin>,
    first: Option<Time>,
    /// Not seen, or not only: a reviewer asked for it.
    asked_for: bool,
}

impl Seen {
    /// Adds a neighbor of a container.
    pub(super) fn add(&mut self, neighbor: &Neighbor, container: &str) {
        let Neighbor { peer, ip_addresses, dns_names, ports, first_seen, origin, .. } = neighbor;
        self.peers.insert(peer.clone());
        self.addresses.extend(ip_addresses.iter().cloned());
        self.names.extend(dns_names.iter().cloned());
        self.ports.extend(ports.iter().cloned());
        if container.is_empty() {
            self.asked_for = true;
        } else {
            self.containers.insert(container.to_owned());
        }
        self.origins.insert(*origin);
        self.first = match (self.first.take(), first_seen.clone()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Adds those of another rule.
    pub(super) fn extend(&mut self, other: Self) {
        let Self { peers, addresses, names, ports, containers, origins, first, asked_for } = other;
        self.peers.extend(peers);
        self.addresses.extend(addresses);
        self.names.extend(names);
        self.ports.extend(ports);
        self.containers.extend(containers);
        self.origins.extend(origins);
        self.asked_for |= asked_for;
        self.first = match (self.first.take(), first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Who it is; of several the one that the cluster knows best.
    pub(super) fn peer(&self) -> Peer {
        self.peers.first().cloned().unwrap_or_default()
    }

    /// Names that were resolved to it.
    pub(super) fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The evidence of the rule, which allows these ports.
    pub(super) fn evidence(self, id: String, direction: RuleDirection, allowed: &BTreeSet<(Protocol, u16)>) -> RuleEvidence {
        let reason = shortened(self.reason(direction, allowed));
        let peer = self.peer();
        RuleEvidence {
            id,
            direction,
            class: peer.class,
            peer,
            ports: self.ports.into_iter().take(PORTS).collect(),
            dns_names: self.names.into_iter().take(NAMES).collect(),
            containers: self.containers.into_iter().take(100).collect(),
            first_seen: self.first,
            origin: self.origins.into_iter().next().unwrap_or_default(),
            reason,
        }
    }

    fn reason(&self, direction: RuleDirection, allowed: &BTreeSet<(Protocol, u16)>) -> String {
        let together = Neighbor {
            peer: self.peer(),
            ip_addresses: self.addresses.iter().cloned().collect(),
            dns_names: self.names.iter().cloned().collect(),
            ports: self.ports.iter().cloned().collect(),
            ..Neighbor::default()
        };
        let mut reason = describe::neighbor(direction, &together);
        if self.asked_for {
            reason.push_str("; not seen, and asked for");
        }
        if self.peers.len() > 1 {
            reason.push_str(&format!("; with {} more peers of the same rule", self.peers.len() - 1));
        }
        let seen: BTreeSet<(Protocol, u16)> = self.ports.iter().map(|port| (port.protocol, port.port)).collect();
        let asked = |protocol| seen.iter().any(|(_, port)| allowed.contains(&(protocol, *port)) && !seen.contains(&(protocol, *port)));
        if asked(Protocol::TCP) || asked(Protocol::UDP) {
            reason.push_str("; DNS asks over UDP and, for long answers, over TCP, so both are allowed");
        }
        if together.peer.class == PeerClass::World {
            reason.push_str("; addresses outside the cluster may change");
        }
        reason
    }
}
