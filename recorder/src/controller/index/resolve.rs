//! Who had an address when it was talked to.

use std::{collections::BTreeSet, net::IpAddr};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::LabelSelector,
    jiff::{SignedDuration, Timestamp},
};
use runtimemap_crds::{Peer, PeerClass, PeerType};

use super::{Index, Placed, Pod, Workload, service::Service};
use crate::{
    fact::Direction,
    profile::neighborhood::{Contact, Known, alone},
};

/// Times are whole seconds of different clocks.
const SLACK: SignedDuration = SignedDuration::from_secs(2);
/// Ports of the cluster's DNS: that of OpenShift's pods is another.
const DNS: [u16; 2] = [53, 5353];
/// Where NodeLocal DNS listens on every node.
const NODE_LOCAL: &str = "169.254.20.10";

/// Who has an address.
enum Holder<'a> {
    One(&'a Placed),
    /// Two could have had it then: evidence, and no permission.
    Several,
    Nobody,
}

impl Index {
    /// Who is behind an address that a pod talked to, or that talked to it.
    pub(in crate::controller) fn resolve(&self, own: &Pod, contact: &Contact) -> Vec<Known> {
        let Contact { direction, address, port, .. } = *contact;
        let kind = alone(contact);
        if kind.iter().any(|known| known.peer.class != PeerClass::World) {
            return kind;
        }
        if own.addresses.contains(&address) && !own.host_network {
            return vec![internal(Peer { class: PeerClass::SelfPeer, ..Peer::default() })];
        }
        let is_node = self.is_node(address);
        if direction == Direction::Egress {
            if let Some(service) = self.services.values().find(|service| service.addresses.contains(&address)) {
                return self.behind(service, contact);
            }
            if self.api_server().any(|(addresses, ports)| addresses.contains(&address) && ports.contains(&port)) {
                return vec![internal(Peer { class: PeerClass::KubeAPI, ..Peer::default() })];
            }
            if address.to_string() == NODE_LOCAL && port == DNS[0] {
                return vec![Known { addresses: vec![address], ..internal(Peer { class: PeerClass::ClusterDNS, ..Peer::default() }) }];
            }
            let leads = |service: &&Service| service.ports.iter().any(|known| known.node_port == Some(port));
            if is_node && let Some(service) = self.services.values().find(leads) {
                return self.behind(service, contact);
            }
        }
        match self.holder(address, contact.at) {
            Holder::One(placed) => return vec![workload(placed, contact, "")],
            Holder::Several => return vec![Known { type_: PeerType::Internal, ..Known::default() }],
            Holder::Nobody => {}
        }
        if is_node {
            return vec![internal(Peer { class: PeerClass::Node, ..Peer::default() })];
        }
        if self.near_pods(address) {
            // Of the cluster, but whose is not known: for a person to decide.
            return vec![Known { type_: PeerType::Internal, ..Known::default() }];
        }
        kind
    }

    /// The same for a pod of which only its node was told.
    pub(in crate::controller) fn resolve_for_gone(&self, contact: &Contact) -> Vec<Known> {
        self.resolve(&Pod::default(), contact)
    }

    fn is_node(&self, address: IpAddr) -> bool {
        self.nodes.values().map(|node| &node.addresses).chain(self.reported.values()).any(|addresses| addresses.contains(&address))
    }

    /// The pod that had an address for itself at a time: addresses are used again.
    fn holder(&self, address: IpAddr, at: Option<Timestamp>) -> Holder<'_> {
        let had = |placed: &Placed, slack: SignedDuration| {
            let Some(at) = at else { return placed.is_live() };
            placed.pod.created.is_none_or(|created| created.checked_sub(slack).is_ok_and(|from| from <= at))
                && placed.until().is_none_or(|until| until.checked_add(slack).is_ok_and(|until| at <= until))
        };
        for slack in [SignedDuration::ZERO, SLACK] {
            let mut found = self.pods.with_address(address).filter(|placed| had(placed, slack));
            match (found.next(), found.next()) {
                (Some(one), None) => return Holder::One(one),
                // A pod that ended gives its address to the next one of its own workload at the earliest.
                (Some(one), Some(other)) if one.workload == other.workload => return Holder::One(one),
                (Some(_), Some(_)) => return Holder::Several,
                (None, _) => {}
            }
        }
        // A flow of which nobody knows when it was, and only pods that are gone.
        let mut gone = self.pods.with_address(address).filter(|placed| at.is_none() && placed.gone.is_some());
        match (gone.next(), gone.next()) {
            (Some(one), None) => Holder::One(one),
            (Some(_), Some(_)) => Holder::Several,
            (None, _) => Holder::Nobody,
        }
    }

    /// Whether an address is of the cluster: nodes or settings say so, or pods have addresses beside it.
    fn near_pods(&self, address: IpAddr) -> bool {
        let said = self.nodes.values().flat_map(|node| &node.pods).chain(&self.cluster).any(|prefix| prefix.holds(address));
        said || self.pods.any_near(address)
    }

    /// Addresses and ports at which the API server itself is.
    fn api_server(&self) -> impl Iterator<Item = (&BTreeSet<IpAddr>, Vec<u16>)> {
        let slices = self.slices.values().filter(|slice| slice.service.0 == "default" && slice.service.1 == "kubernetes");
        slices.map(|slice| (&slice.addresses, slice.ports.iter().map(|(_, _, port)| *port).collect()))
    }

    /// Whoever serves a Service, by the port that policies see.
    fn behind(&self, service: &Service, contact: &Contact) -> Vec<Known> {
        let same = |port: &&super::service::Port| port.protocol == contact.protocol;
        let asked = service.ports.iter().filter(same).find(|port| port.port == contact.port || port.node_port == Some(contact.port));
        let key = (service.namespace.clone(), service.name.clone());
        let slices = self.slices.values().filter(|slice| slice.service == key);
        let mut found: Vec<Known> = Vec::new();
        for slice in slices {
            let target =
                asked.and_then(|asked| slice.ports.iter().find(|(name, protocol, _)| (name, protocol) == (&asked.name, &asked.protocol)));
            let Some((_, _, target)) = target else { continue };
            if key == ("default".to_owned(), "kubernetes".to_owned()) {
                let peer = Peer { class: PeerClass::KubeAPI, ..Peer::default() };
                found.push(Known { target_port: Some(*target), addresses: slice.addresses.iter().copied().collect(), ..internal(peer) });
                continue;
            }
            for address in &slice.addresses {
                // Endpoints are those of now.
                let known = match self.holder(*address, None) {
                    Holder::One(placed) => Known { target_port: Some(*target), ..workload(placed, contact, &service.name) },
                    // Of a Service without a selector, or a pod in its node's network.
                    Holder::Several | Holder::Nobody => Known { target_port: Some(*target), addresses: vec![*address], ..named(service) },
                };
                if !found.contains(&known) {
                    found.push(known);
                }
            }
        }
        if found.is_empty() {
            let selector = (!service.selector.is_empty())
                .then(|| LabelSelector { match_labels: Some(service.selector.clone()), match_expressions: None });
            found.push(Known { target_port: asked.and_then(|asked| asked.target), pod_selector: selector, ..named(service) });
        }
        found
    }
}

fn internal(peer: Peer) -> Known {
    Known { type_: PeerType::Internal, peer, ..Known::default() }
}

fn named(service: &Service) -> Known {
    let (namespace, service) = (service.namespace.clone(), service.name.clone());
    let namespace_selector = Some(namespace_selector(&namespace));
    Known { namespace_selector, ..internal(Peer { class: PeerClass::Service, namespace, service, ..Peer::default() }) }
}

fn workload(placed: &Placed, contact: &Contact, service: &str) -> Known {
    let Workload { namespace, reference, selector, .. } = &placed.workload;
    let asked = contact.direction == Direction::Egress && DNS.contains(&contact.port);
    let class = if asked && is_dns(&placed.pod) { PeerClass::ClusterDNS } else { PeerClass::Workload };
    let peer = Peer {
        class,
        namespace: namespace.clone(),
        kind: reference.kind.clone(),
        name: reference.name.clone(),
        service: service.to_owned(),
    };
    Known { pod_selector: Some(selector.clone()), namespace_selector: Some(namespace_selector(namespace)), ..internal(peer) }
}

/// Whether a pod answers for the cluster's DNS, by the labels that it has everywhere.
fn is_dns(pod: &Pod) -> bool {
    let app = pod.labels.get("k8s-app").is_some_and(|app| ["kube-dns", "coredns", "node-local-dns"].contains(&app.as_str()));
    (app && pod.namespace == "kube-system") || pod.labels.contains_key("dns.operator.openshift.io/daemonset-dns")
}

fn namespace_selector(namespace: &str) -> LabelSelector {
    let labels = [("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())];
    LabelSelector { match_labels: Some(labels.into()), match_expressions: None }
}
