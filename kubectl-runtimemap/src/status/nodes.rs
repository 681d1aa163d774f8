//! What each node's agent says of its kernel, for those who may read it.

use runtimemap_crds::NodeObservation;
use serde_json::{Value, json};

use crate::cluster::{Cluster, OBSERVATIONS, Query};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) architecture: String,
    pub(super) gaps: Vec<String>,
    /// Facts that its batch counts as lost.
    pub(super) lost: u64,
}

impl Node {
    pub(super) fn json(&self) -> Value {
        let Self { name, architecture, gaps, lost } = self;
        json!({"name": name, "architecture": architecture, "gaps": gaps, "lost": lost})
    }
}

/// The nodes, or None: mailboxes are the controller's, and few others may read them.
pub(super) fn nodes(cluster: &Cluster) -> anyhow::Result<Option<Vec<Node>>> {
    match cluster.list::<NodeObservation>(&OBSERVATIONS, Query::default()) {
        Ok(list) => Ok(Some(list.into_iter().map(node).collect())),
        Err(failure) if failure.is_forbidden() || failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

fn node(observation: NodeObservation) -> Node {
    let spec = observation.spec;
    Node {
        name: observation.metadata.name.unwrap_or_default(),
        architecture: spec.architecture,
        gaps: spec.gaps,
        lost: spec.containers.iter().flat_map(|container| container.losses.values()).sum(),
    }
}
