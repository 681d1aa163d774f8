//! What is in the cluster: pods, Services, nodes, the API server. Plain and synchronous; whatever watches the cluster fills it.

mod pods;
mod resolve;
mod service;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{core::v1 as core, discovery::v1::EndpointSlice},
    jiff::Timestamp,
};

use self::{
    pods::Pods,
    service::{Service, Slice},
};
use super::{
    pod::Pod,
    settings::{Prefix, Settings},
    workload::Workload,
    workloads::{Key, Workloads},
};

/// How long a pod is known after it is gone: facts of it are still on their way.
pub(super) const TOMBSTONE: Duration = Duration::from_secs(600);

/// A pod with whose it is.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) pod: Pod,
    pub(super) workload: Workload,
    gone: Option<(Instant, Timestamp)>,
}

impl Placed {
    /// Whether it is there and has not ended.
    pub(super) fn is_live(&self) -> bool {
        self.gone.is_none() && !self.pod.finished
    }

    /// Until when its addresses were its own. None as long as they are.
    fn until(&self) -> Option<Timestamp> {
        self.pod.ended.or(self.gone.map(|(_, at)| at))
    }
}

/// A node.
#[derive(Clone, Debug, Default)]
struct Node {
    labels: BTreeMap<String, String>,
    addresses: BTreeSet<IpAddr>,
    pods: Vec<Prefix>,
}

/// The cluster, as far as the controller needs it.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Where the agents run, and so which pods are agents.
    home: String,
    pods: Pods,
    services: HashMap<(String, String), Service>,
    slices: HashMap<(String, String), Slice>,
    nodes: BTreeMap<String, Node>,
    /// Addresses of nodes, from their agents.
    reported: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Agents' pods by node and UID, and whether they are ready: one that goes is there beside the next one for a while.
    agents: BTreeMap<String, BTreeMap<String, bool>>,
    /// Addresses of the cluster, by the settings.
    cluster: Vec<Prefix>,
}

impl Index {
    /// An empty one. Agents are pods of the namespace `home`.
    pub(super) fn new(home: &str) -> Self {
        Self { home: home.to_owned(), ..Self::default() }
    }

    /// The settings name addresses of the cluster.
    pub(super) fn set_cluster(&mut self, prefixes: &[Prefix]) {
        prefixes.clone_into(&mut self.cluster);
    }

    /// A pod appeared or changed.
    pub(super) fn apply_pod(&mut self, pod: Pod, workload: Workload) {
        let label = |name: &str| pod.labels.get(name).map(String::as_str);
        if pod.namespace == self.home
            && label("app.kubernetes.io/name") == Some("runtimemap")
            && label("app.kubernetes.io/component") == Some("agent")
            && !pod.node.is_empty()
        {
            self.agents.entry(pod.node.clone()).or_default().insert(pod.uid.clone(), pod.ready && !pod.finished);
        }
        self.pods.insert(Placed { pod, workload, gone: None });
    }

    /// A pod is gone; it is known for a while yet.
    pub(super) fn delete_pod(&mut self, uid: &str, now: Instant, wall: Timestamp) {
        for agents in self.agents.values_mut() {
            agents.remove(uid);
        }
        self.pods.bury(uid, now, wall);
    }

    /// The pod that a node's cgroup is named after.
    pub(super) fn pod(&self, uid: &str, node: &str) -> Option<&Placed> {
        self.pods.get(uid, node)
    }

    /// All pods by their workload, those that are gone but not forgotten too.
    pub(super) fn by_workload(&self) -> BTreeMap<Key, Vec<&Placed>> {
        self.pods.by_workload()
    }

    /// Revisions of a workload that a live pod runs.
    pub(super) fn live(&self, workloads: &Workloads, key: &Key) -> BTreeSet<String> {
        let pods: Vec<&Placed> = self.pods.of_workload(key).collect();
        workloads.live(key, &pods)
    }

    /// Pods of a node that are there and have not ended.
    pub(super) fn of_node(&self, node: &str) -> impl Iterator<Item = &Placed> {
        self.pods.of_node(node).filter(|placed| placed.is_live())
    }

    /// Pods of all nodes that are there and have not ended.
    pub(super) fn bound(&self) -> impl Iterator<Item = &Placed> {
        self.pods.iter().filter(|placed| !placed.pod.node.is_empty() && placed.is_live())
    }

    /// Whether any of a pod's images can be another one than it was: then it has to be seen first.
    pub(super) fn is_certain(&self, pod: &Pod) -> bool {
        let known = pod.images();
        pod.sources().all(|(name, image, pulled)| {
            known.contains_key(name)
                || image.contains("@sha256:")
                // What the node has already, it takes.
                || (!pulled && self.of_node(&pod.node).any(|other| other.pod.uid != pod.uid && other.pod.ran(image)))
        })
    }

    /// Whether the settings want a node to be watched.
    pub(super) fn covered(&self, node: &str, settings: &Settings) -> bool {
        settings.covers(self.nodes.get(node).map_or(&BTreeMap::new(), |node| &node.labels))
    }

    /// Whether a node is watched now: its agent's pod is ready, or an agent that is no pod has told of it.
    pub(super) fn is_watched(&self, node: &str, settings: &Settings) -> bool {
        let ready = self.agents.get(node).map_or_else(|| self.reported.contains_key(node), |agents| agents.values().any(|ready| *ready));
        ready && self.covered(node, settings)
    }

    /// A Service appeared or changed.
    pub(super) fn apply_service(&mut self, service: core::Service) {
        if let Some(service) = Service::of(service) {
            self.services.insert((service.namespace.clone(), service.name.clone()), service);
        }
    }

    /// A Service is gone.
    pub(super) fn delete_service(&mut self, namespace: &str, name: &str) {
        self.services.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// Endpoints appeared or changed.
    pub(super) fn apply_slice(&mut self, slice: EndpointSlice) {
        if let Some((key, slice)) = Slice::of(slice) {
            self.slices.insert(key, slice);
        }
    }

    /// Endpoints are gone.
    pub(super) fn delete_slice(&mut self, namespace: &str, name: &str) {
        self.slices.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// A node appeared or changed.
    pub(super) fn apply_node(&mut self, node: core::Node) {
        let Some(name) = node.metadata.name else { return };
        let addresses = node.status.and_then(|status| status.addresses).into_iter().flatten();
        let pods = node.spec.into_iter().flat_map(|spec| spec.pod_cidrs.into_iter().flatten().chain(spec.pod_cidr));
        let node = Node {
            labels: node.metadata.labels.unwrap_or_default(),
            addresses: addresses.filter_map(|address| address.address.parse().ok()).collect(),
            pods: pods.filter_map(|prefix| Prefix::parse(&prefix).ok()).collect(),
        };
        self.nodes.insert(name, node);
    }

    /// A node is gone.
    pub(super) fn delete_node(&mut self, name: &str) {
        self.nodes.remove(name);
        self.reported.remove(name);
        self.agents.remove(name);
    }

    /// Whether there is such a node.
    pub(super) fn has_node(&self, name: &str) -> bool {
        self.nodes.contains_key(name)
    }

    /// Nodes with what a label of theirs says.
    pub(super) fn labelled<'a>(&'a self, label: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.nodes.iter().map(move |(name, node)| (name.as_str(), node.labels.get(label).map(String::as_str)))
    }

    /// A node's agent says which addresses are the node's own.
    pub(super) fn report_node(&mut self, name: &str, addresses: &[String]) {
        let addresses = addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok()).map(|address| address.to_canonical());
        // Loopback is everybody's own.
        self.reported.insert(name.to_owned(), addresses.filter(|address| !address.is_loopback()).collect());
    }

    /// All pods that are there.
    pub(super) fn pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(|placed| placed.gone.is_none()).map(|placed| &placed.pod)
    }

    /// How many pods, Services and nodes are known.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.pods.len(), self.services.len(), self.nodes.len()]
    }
}

#[cfg(test)]
mod tests;
