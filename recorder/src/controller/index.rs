//! Who has which address: pods, Services, nodes, the API server. Plain and synchronous; whatever watches the cluster fills it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{core::v1 as core, discovery::v1::EndpointSlice},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use runtimemap_crds::{Peer, PeerClass, PeerType, Protocol};

use super::{pod::Pod, workload::Workload};
use crate::{
    fact::Direction,
    profile::neighborhood::{Contact, Known, alone},
};

/// How long a pod is known after it is gone: facts of it are still on their way.
const TOMBSTONE: Duration = Duration::from_secs(600);

/// A pod with whose it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) pod: Pod,
    pub(super) workload: Workload,
    gone: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Service {
    namespace: String,
    name: String,
    addresses: BTreeSet<IpAddr>,
    ports: Vec<Port>,
    selector: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Port {
    name: String,
    protocol: Protocol,
    port: u16,
    target: Option<u16>,
}

/// Endpoints of a Service: one slice.
#[derive(Clone, Debug)]
struct Slice {
    service: (String, String),
    addresses: BTreeSet<IpAddr>,
    ports: Vec<(String, Protocol, u16)>,
}

/// The cluster, as far as attribution needs it.
#[derive(Debug, Default)]
pub(super) struct Index {
    pods: HashMap<String, Placed>,
    services: HashMap<(String, String), Service>,
    slices: HashMap<(String, String), Slice>,
    /// Addresses of nodes, from their objects and from their agents.
    nodes: BTreeMap<String, BTreeSet<IpAddr>>,
    reported: BTreeMap<String, BTreeSet<IpAddr>>,
}

impl Index {
    /// A pod appeared or changed.
    pub(super) fn apply_pod(&mut self, pod: Pod, workload: Workload) {
        self.pods.insert(pod.uid.clone(), Placed { pod, workload, gone: None });
    }

    /// A pod is gone; it is known for a while yet.
    pub(super) fn delete_pod(&mut self, uid: &str, now: Instant) {
        if let Some(placed) = self.pods.get_mut(uid) {
            placed.gone = Some(now);
        }
        self.pods.retain(|_, placed| placed.gone.is_none_or(|gone| now.duration_since(gone) < TOMBSTONE));
    }

    /// The pod that a node's cgroup is named after.
    pub(super) fn pod(&self, uid: &str, node: &str) -> Option<&Placed> {
        let by_manifest = || self.pods.values().find(|placed| placed.pod.manifest.as_deref() == Some(uid) && placed.pod.node == node);
        self.pods.get(uid).or_else(by_manifest)
    }

    /// A Service appeared or changed.
    pub(super) fn apply_service(&mut self, service: core::Service) {
        let (Some(namespace), Some(name), Some(spec)) = (service.metadata.namespace, service.metadata.name, service.spec) else { return };
        let addresses = spec.cluster_ips.into_iter().flatten().chain(spec.cluster_ip).chain(spec.external_ips.into_iter().flatten());
        let port = |port: core::ServicePort| {
            let number = u16::try_from(port.port).ok()?;
            let target = match port.target_port {
                Some(IntOrString::Int(target)) => u16::try_from(target).ok(),
                Some(IntOrString::String(_)) => None,
                None => Some(number),
            };
            Some(Port { name: port.name.unwrap_or_default(), protocol: protocol(port.protocol.as_deref())?, port: number, target })
        };
        let service = Service {
            namespace: namespace.clone(),
            name: name.clone(),
            // `None` of a headless Service is no address.
            addresses: addresses.filter_map(|address| address.parse::<IpAddr>().ok()).map(|address| address.to_canonical()).collect(),
            ports: spec.ports.into_iter().flatten().filter_map(port).collect(),
            selector: spec.selector.unwrap_or_default(),
        };
        self.services.insert((namespace, name), service);
    }

    /// A Service is gone.
    pub(super) fn delete_service(&mut self, namespace: &str, name: &str) {
        self.services.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Endpoints appeared or changed.
    pub(super) fn apply_slice(&mut self, slice: EndpointSlice) {
        let (Some(namespace), Some(name)) = (slice.metadata.namespace, slice.metadata.name) else { return };
        let Some(service) = slice.metadata.labels.unwrap_or_default().remove("kubernetes.io/service-name") else { return };
        let addresses = slice.endpoints.into_iter().flat_map(|endpoint| endpoint.addresses);
        let port = |port: k8s_openapi::api::discovery::v1::EndpointPort| {
            Some((port.name.unwrap_or_default(), protocol(port.protocol.as_deref())?, u16::try_from(port.port?).ok()?))
        };
        let slice = Slice {
            service: (namespace.clone(), service),
            addresses: addresses.filter_map(|address| address.parse().ok()).collect(),
            ports: slice.ports.into_iter().flatten().filter_map(port).collect(),
        };
        self.slices.insert((namespace, name), slice);
    }

    /// Endpoints are gone.
    pub(super) fn delete_slice(&mut self, namespace: &str, name: &str) {
        self.slices.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// A node appeared or changed.
    pub(super) fn apply_node(&mut self, node: core::Node) {
        let Some(name) = node.metadata.name else { return };
        let addresses = node.status.and_then(|status| status.addresses).into_iter().flatten();
        self.nodes.insert(name, addresses.filter_map(|address| address.address.parse().ok()).collect());
    }

    /// A node is gone.
    pub(super) fn delete_node(&mut self, name: &str) {
        self.nodes.remove(name);
        self.reported.remove(name);
    }

    /// A node's agent says which addresses are the node's own.
    pub(super) fn report_node(&mut self, name: &str, addresses: &[String]) {
        let addresses = addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok()).map(|address| address.to_canonical());
        // Loopback is everybody's own.
        self.reported.insert(name.to_owned(), addresses.filter(|address| !address.is_loopback()).collect());
    }

    /// Who is behind an address that a pod talked to, or that talked to it.
    pub(super) fn resolve(&self, own: &Pod, contact: Contact) -> Vec<Known> {
        let Contact { direction, address, protocol: _, port } = contact;
        let kind = alone(contact);
        if kind.iter().any(|known| known.peer.class != PeerClass::World) {
            return kind;
        }
        if own.addresses.contains(&address) && !own.host_network {
            return vec![internal(Peer { class: PeerClass::SelfPeer, ..Peer::default() })];
        }
        if direction == Direction::Egress {
            if let Some(service) = self.services.values().find(|service| service.addresses.contains(&address)) {
                return self.behind(service, contact);
            }
            if self.api_server().any(|(addresses, ports)| addresses.contains(&address) && ports.contains(&port)) {
                return vec![internal(Peer { class: PeerClass::KubeAPI, ..Peer::default() })];
            }
        }
        if let Some(placed) = self.by_address(address) {
            return vec![workload(placed, contact, "")];
        }
        if self.nodes.values().chain(self.reported.values()).any(|addresses| addresses.contains(&address)) {
            return vec![internal(Peer { class: PeerClass::Node, ..Peer::default() })];
        }
        if self.near_pods(address) {
            // Of the cluster, but whose is not known: for a person to decide.
            return vec![Known { type_: PeerType::Internal, ..Known::default() }];
        }
        kind
    }

    /// The running pod that has an address for itself.
    fn by_address(&self, address: IpAddr) -> Option<&Placed> {
        let mine = |placed: &&Placed| {
            let pod = &placed.pod;
            !pod.host_network && pod.addresses.contains(&address) && (!pod.finished || placed.gone.is_some())
        };
        // One that is gone had it before one that runs.
        self.pods.values().filter(mine).min_by_key(|placed| (placed.gone.is_some(), placed.pod.finished))
    }

    /// Whether pods have addresses beside this one.
    fn near_pods(&self, address: IpAddr) -> bool {
        let prefix = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address) >> 8),
            IpAddr::V6(address) => u128::from(address) >> 64 | 1 << 127,
        };
        let pods = self.pods.values().filter(|placed| !placed.pod.host_network);
        pods.flat_map(|placed| &placed.pod.addresses).any(|other| prefix(*other) == prefix(address))
    }

    /// Addresses and ports at which the API server itself is.
    fn api_server(&self) -> impl Iterator<Item = (&BTreeSet<IpAddr>, Vec<u16>)> {
        let slices = self.slices.values().filter(|slice| slice.service.0 == "default" && slice.service.1 == "kubernetes");
        slices.map(|slice| (&slice.addresses, slice.ports.iter().map(|(_, _, port)| *port).collect()))
    }

    /// Whoever serves a Service, by the port that policies see.
    fn behind(&self, service: &Service, contact: Contact) -> Vec<Known> {
        let asked = service.ports.iter().find(|port| port.port == contact.port && port.protocol == contact.protocol);
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
                let known = match self.by_address(*address) {
                    Some(placed) => Known { target_port: Some(*target), ..workload(placed, contact, &service.name) },
                    // Of a Service without a selector, or a pod in its node's network.
                    None => Known { target_port: Some(*target), addresses: vec![*address], ..named(service) },
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

fn workload(placed: &Placed, contact: Contact, service: &str) -> Known {
    let Workload { namespace, reference, selector, owned: _ } = &placed.workload;
    let dns = placed.pod.labels.get("k8s-app").is_some_and(|app| app == "kube-dns");
    let class =
        if dns && contact.direction == Direction::Egress && contact.port == 53 { PeerClass::ClusterDNS } else { PeerClass::Workload };
    let peer = Peer {
        class,
        namespace: namespace.clone(),
        kind: reference.kind.clone(),
        name: reference.name.clone(),
        service: service.to_owned(),
    };
    Known { pod_selector: Some(selector.clone()), namespace_selector: Some(namespace_selector(namespace)), ..internal(peer) }
}

fn namespace_selector(namespace: &str) -> LabelSelector {
    let labels = [("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())];
    LabelSelector { match_labels: Some(labels.into()), match_expressions: None }
}

fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name.unwrap_or("TCP") {
        "TCP" => Some(Protocol::TCP),
        "UDP" => Some(Protocol::UDP),
        "SCTP" => Some(Protocol::SCTP),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
