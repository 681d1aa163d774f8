//! The cluster, as far as NetworkPolicies can tell its parts apart.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1 as core;
use runtimemap_crds::Protocol;

use super::block::Range;

/// Pods, namespaces and nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Namespaces. One that a pod names and that is not here has the label that every namespace has, its name, and no other.
    pub namespaces: Vec<Namespace>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Nodes: a pod's own can always reach it, whatever policies say.
    pub nodes: Vec<Node>,
}

/// A pod by its place in [`Cluster::pods`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId(pub usize);

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its addresses, of both families where it has both. Only blocks of addresses ask for them.
    pub addresses: Vec<IpAddr>,
    /// Its containers' ports that have a name.
    pub ports: Vec<ContainerPort>,
    /// The node that it runs on. Empty where that is not known.
    pub node: String,
    /// Whether it is in its node's network: then no policy selects it, and for others it is an address.
    pub host_network: bool,
}

/// A named port of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContainerPort {
    /// Its name.
    pub name: String,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its number.
    pub port: u16,
}

/// A namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its addresses, also the one from which its pods see it.
    pub addresses: Vec<IpAddr>,
}

impl Cluster {
    /// Adds a pod.
    pub fn add(&mut self, pod: Pod) -> PodId {
        self.pods.push(pod);
        PodId(self.pods.len() - 1)
    }

    /// The labels of a namespace: at least its name, which the API server gives to each.
    pub fn namespace_labels(&self, name: &str) -> BTreeMap<String, String> {
        let known = self.namespaces.iter().find(|namespace| namespace.name == name);
        let mut labels = known.map(|namespace| namespace.labels.clone()).unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
        labels
    }
}

impl From<&core::Namespace> for Namespace {
    fn from(object: &core::Namespace) -> Self {
        let metadata = object.metadata.clone();
        Self { name: metadata.name.unwrap_or_default(), labels: metadata.labels.unwrap_or_default() }
    }
}

impl From<&core::Node> for Node {
    fn from(object: &core::Node) -> Self {
        let addresses = object.status.iter().flat_map(|status| status.addresses.iter().flatten());
        let networks = object.spec.iter().flat_map(|spec| spec.pod_cidrs.iter().flatten());
        let gateways = networks.filter_map(|cidr| Range::parse(cidr)?.first_host());
        Self {
            name: object.metadata.name.clone().unwrap_or_default(),
            // A host name is among them.
            addresses: addresses.filter_map(|address| address.address.parse().ok()).chain(gateways).collect(),
        }
    }
}

impl From<&core::Pod> for Pod {
    fn from(object: &core::Pod) -> Self {
        let metadata = object.metadata.clone();
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.as_ref();
        let listed = status.iter().flat_map(|status| status.pod_ips.iter().flatten()).map(|address| &address.ip);
        let mut addresses: Vec<IpAddr> =
            listed.chain(status.and_then(|status| status.pod_ip.as_ref())).filter_map(|address| address.parse().ok()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        // Init containers that go on running (sidecars) serve, too.
        let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
        let ports = containers.flat_map(|container| container.ports.iter().flatten()).filter_map(ContainerPort::of).collect();
        Self {
            namespace: metadata.namespace.unwrap_or_else(|| "default".to_owned()),
            name: metadata.name.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            addresses,
            ports,
            node: spec.node_name.unwrap_or_default(),
            host_network: spec.host_network.unwrap_or_default(),
        }
    }
}

impl ContainerPort {
    fn of(port: &core::ContainerPort) -> Option<Self> {
        let protocol = super::port::protocol(port.protocol.as_deref())?;
        Some(Self { name: port.name.clone()?, protocol, port: u16::try_from(port.container_port).ok()? })
    }
}
