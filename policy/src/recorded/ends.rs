//! The pods and addresses that recorded traffic stands for.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use runtimemap_crds::{Neighbor, NeighborPort, NetworkNeighborhood, PeerClass};

use crate::{
    evaluator::{Cluster, ContainerPort, End, Namespace, Pod, PodId, selector::Selector},
    network::{own_selector, peer},
    notes::Notes,
};

/// Namespace, kind and name of a workload, or what else tells one from another.
type Key = (String, String, String);

/// Ends of flows, and the pods that were made up for them.
pub(super) struct Ends {
    pub(super) cluster: Cluster,
    /// Selectors of workloads whose neighborhood is there.
    selectors: BTreeMap<Key, LabelSelector>,
    pods: BTreeMap<Key, PodId>,
    /// Pods of the cluster that was given, by namespace and name; none in its node's network.
    names: BTreeMap<(String, String), PodId>,
    made: BTreeSet<PodId>,
}

impl Ends {
    pub(super) fn new(neighborhoods: &[NetworkNeighborhood], cluster: Cluster) -> Self {
        let selectors = neighborhoods.iter().map(|one| (key(one), own_selector(one, &mut Notes::default()))).collect();
        let pods = cluster.pods.iter().enumerate().filter(|(_, pod)| !pod.host_network);
        let names = pods.map(|(place, pod)| ((pod.namespace.clone(), pod.name.clone()), PodId(place))).collect();
        Self { cluster, selectors, pods: BTreeMap::new(), names, made: BTreeSet::new() }
    }

    /// A pod of a workload: the one that was seen, if it is still there, else the first.
    pub(super) fn of_workload(&mut self, neighborhood: &NetworkNeighborhood, seen: &str) -> End {
        let key = key(neighborhood);
        if let Some(pod) = self.names.get(&(key.0.clone(), seen.to_owned())) {
            return End::Pod(*pod);
        }
        let selector = self.selectors.get(&key).cloned().unwrap_or_default();
        End::Pod(self.pod(key, &selector, None))
    }

    /// All that stand for a neighbor; none where nothing of it is known.
    pub(super) fn of_neighbor(&mut self, neighborhood: &NetworkNeighborhood, neighbor: &Neighbor, own: End) -> BTreeSet<End> {
        let addresses = || peer::addresses(neighbor).into_iter().map(End::Address).collect();
        match neighbor.peer.class {
            PeerClass::SelfPeer => [own].into(),
            PeerClass::Multicast => BTreeSet::new(),
            PeerClass::Node | PeerClass::KubeAPI | PeerClass::World => addresses(),
            PeerClass::Service if neighbor.pod_selector.is_none() && !neighbor.ip_addresses.is_empty() => addresses(),
            PeerClass::ClusterDNS => {
                let local: BTreeSet<End> = peer::addresses(neighbor).into_iter().filter(peer::is_link_local).map(End::Address).collect();
                if local.is_empty() || neighbor.pod_selector.is_some() {
                    let pods = self.pods_of(neighborhood, neighbor);
                    local.into_iter().chain([pods]).collect()
                } else {
                    local
                }
            }
            PeerClass::Service | PeerClass::Workload => [self.pods_of(neighborhood, neighbor)].into(),
        }
    }

    /// Names a port of a pod that was made up; of others the cluster knows.
    pub(super) fn learn(&mut self, end: End, port: &NeighborPort) {
        let End::Pod(id) = end else { return };
        let named = ContainerPort { name: port.port_name.clone(), protocol: port.protocol, port: port.port };
        if let Some(pod) = self.cluster.pods.get_mut(id.0)
            && self.made.contains(&id)
            && !named.name.is_empty()
            && !pod.ports.contains(&named)
        {
            pod.ports.push(named);
        }
    }

    fn pods_of(&mut self, neighborhood: &NetworkNeighborhood, neighbor: &Neighbor) -> End {
        let Neighbor { peer, pod_selector, namespace_selector, .. } = neighbor;
        let by_label = namespace_selector.as_ref().and_then(|selector| selector.match_labels.as_ref());
        let named = by_label.and_then(|labels| labels.get("kubernetes.io/metadata.name")).cloned();
        let dns = peer.class == PeerClass::ClusterDNS && pod_selector.is_none();
        let namespace = match peer.namespace.as_str() {
            "" if dns => "kube-system".to_owned(),
            "" => named.unwrap_or_else(|| own_namespace(neighborhood).to_owned()),
            namespace => namespace.to_owned(),
        };
        let key = match (peer.kind.as_str(), peer.name.as_str()) {
            ("", "") => (namespace, "Service".to_owned(), peer.service.clone()),
            (kind, name) => (namespace, kind.to_owned(), name.to_owned()),
        };
        let selector = match (pod_selector, self.selectors.get(&key)) {
            (Some(selector), _) => selector.clone(),
            (None, _) if dns => peer::kube_dns().pod_selector.unwrap_or_default(),
            (None, own) => own.cloned().unwrap_or_default(),
        };
        End::Pod(self.pod(key, &selector, by_label))
    }

    /// A pod that the selector selects: of the cluster, or else made up.
    fn pod(&mut self, key: Key, selector: &LabelSelector, namespace_labels: Option<&BTreeMap<String, String>>) -> PodId {
        if let Some(known) = self.pods.get(&key) {
            return *known;
        }
        let (namespace, kind, name) = &key;
        let read = Selector::parse(selector).ok().filter(|_| *selector != LabelSelector::default());
        let selected = |pod: &Pod| {
            !pod.host_network && pod.namespace == *namespace && read.as_ref().is_some_and(|selector| selector.matches(&pod.labels))
        };
        let there = self.cluster.pods.iter().enumerate().filter(|(_, pod)| selected(pod)).min_by_key(|(_, pod)| pod.name.clone());
        let id = match there {
            Some((place, _)) => PodId(place),
            None => {
                if !self.cluster.namespaces.iter().any(|known| known.name == *namespace) {
                    let labels = namespace_labels.cloned().unwrap_or_default();
                    self.cluster.namespaces.push(Namespace { name: namespace.clone(), labels });
                }
                let name = format!("{}-{name}", kind.to_lowercase());
                let id = self.cluster.add(Pod { namespace: namespace.clone(), name, labels: satisfying(selector), ..Pod::default() });
                self.made.insert(id);
                id
            }
        };
        self.pods.insert(key, id);
        id
    }
}

fn key(neighborhood: &NetworkNeighborhood) -> Key {
    let workload = &neighborhood.spec.workload;
    let name = if workload.name.is_empty() { neighborhood.metadata.name.clone().unwrap_or_default() } else { workload.name.clone() };
    (own_namespace(neighborhood).to_owned(), workload.kind.clone(), name)
}

fn own_namespace(neighborhood: &NetworkNeighborhood) -> &str {
    neighborhood.metadata.namespace.as_deref().unwrap_or("default")
}

/// Labels that a selector selects.
fn satisfying(selector: &LabelSelector) -> BTreeMap<String, String> {
    let mut labels = selector.match_labels.clone().unwrap_or_default();
    for expression in selector.match_expressions.iter().flatten() {
        let value = match expression.operator.as_str() {
            "In" => expression.values.iter().flatten().next().cloned(),
            "Exists" => Some(String::new()),
            _ => None,
        };
        if let Some(value) = value {
            labels.entry(expression.key.clone()).or_insert(value);
        }
    }
    labels
}
