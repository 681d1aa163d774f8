//! Who the peers of a rule are, among the pods of a cluster.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::{api::networking::v1::NetworkPolicyPeer, apimachinery::pkg::apis::meta::v1::LabelSelector};

use super::{
    block::Block,
    cluster::{Cluster, Pod},
    selector::Selector,
};

/// Pods that no policy can tell apart by labels, by number.
pub(super) type ClassId = u32;

/// What no policy tells apart: namespace and labels.
type Kind = (String, BTreeMap<String, String>);

/// The peers of one rule.
pub(super) enum Peers {
    /// Everybody.
    Any,
    /// Pods of these classes, and whoever has an address in these blocks.
    Some { classes: BTreeSet<ClassId>, blocks: Vec<Block> },
}

/// The pods of a cluster, by what policies can tell apart.
pub(super) struct Classes {
    /// By pod; none in its node's network.
    pub(super) of_pod: Vec<Option<ClassId>>,
    pub(super) count: usize,
    namespaces: BTreeMap<String, Namespace>,
}

struct Namespace {
    labels: BTreeMap<String, String>,
    classes: Vec<(ClassId, BTreeMap<String, String>)>,
}

impl Classes {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let mut known = HashMap::<Kind, ClassId>::new();
        let mut namespaces = BTreeMap::<String, Namespace>::new();
        let mut of_pod = Vec::new();
        for Pod { namespace, labels, host_network, .. } in &cluster.pods {
            if *host_network {
                of_pod.push(None);
                continue;
            }
            // There cannot be more classes than pods, and memory ends before their number does.
            let next = ClassId::try_from(known.len()).unwrap_or(ClassId::MAX);
            let class = *known.entry((namespace.clone(), labels.clone())).or_insert_with(|| {
                let empty = || Namespace { labels: cluster.namespace_labels(namespace), classes: Vec::new() };
                namespaces.entry(namespace.clone()).or_insert_with(empty).classes.push((next, labels.clone()));
                next
            });
            of_pod.push(Some(class));
        }
        Self { of_pod, count: known.len(), namespaces }
    }

    /// Classes in one namespace that a selector selects.
    pub(super) fn selected(&self, namespace: &str, selector: &Selector) -> Vec<ClassId> {
        self.namespaces.get(namespace).map(|namespace| namespace.selected(selector)).unwrap_or_default()
    }

    /// The peers of a rule of a policy in `namespace`; else which field is wrong, and how.
    pub(super) fn peers(&self, namespace: &str, peers: Option<&Vec<NetworkPolicyPeer>>) -> Result<Peers, (String, String)> {
        // None and an empty list are the same.
        let Some(peers) = peers.filter(|peers| !peers.is_empty()) else { return Ok(Peers::Any) };
        let (mut classes, mut blocks) = (BTreeSet::new(), Vec::new());
        for (place, peer) in peers.iter().enumerate() {
            let at = |(field, why): (String, String)| (format!("[{place}].{field}"), why);
            let NetworkPolicyPeer { ip_block, namespace_selector, pod_selector } = peer;
            match (ip_block, namespace_selector, pod_selector) {
                (Some(block), None, None) => {
                    blocks.push(Block::parse(block).map_err(|(field, why)| at((format!("ipBlock.{field}"), why)))?);
                }
                (None, None, None) => return Err((format!("[{place}]"), "a peer has to say whom it means".to_owned())),
                (Some(_), _, _) => return Err((format!("[{place}]"), "an ipBlock stands alone in its peer".to_owned())),
                (None, namespaces, pods) => {
                    // Absent: all pods. Empty: all pods, too.
                    let pods = read("podSelector", pods.as_ref()).map_err(at)?.unwrap_or_default();
                    match read("namespaceSelector", namespaces.as_ref()).map_err(at)? {
                        // Absent: the policy's own. Empty: all.
                        None => classes.extend(self.selected(namespace, &pods)),
                        Some(selector) => {
                            let selected = self.namespaces.values().filter(|namespace| selector.matches(&namespace.labels));
                            classes.extend(selected.flat_map(|namespace| namespace.selected(&pods)));
                        }
                    }
                }
            }
        }
        Ok(Peers::Some { classes, blocks })
    }
}

impl Namespace {
    fn selected(&self, selector: &Selector) -> Vec<ClassId> {
        self.classes.iter().filter(|(_, labels)| selector.matches(labels)).map(|(class, _)| *class).collect()
    }
}

fn read(field: &str, selector: Option<&LabelSelector>) -> Result<Option<Selector>, (String, String)> {
    selector.map(Selector::parse).transpose().map_err(|(inner, why)| (format!("{field}.{inner}"), why))
}
