//! What was recorded, as flows that policies can be tried on.

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use runtimemap_crds::{NetworkNeighborhood, Origin, Outcome};
use runtimemap_policy::{evaluator, recorded::Seen};

use crate::{
    cluster::{Cluster, Failure, NAMESPACES, NODES, PODS, Query, Resource},
    map::Map,
};

/// The neighborhoods of maps.
pub(crate) fn neighborhoods(maps: &[Map]) -> Vec<NetworkNeighborhood> {
    maps.iter().filter_map(|map| map.neighborhood.as_deref().cloned()).collect()
}

/// What a cluster has now. Kinds that whoever asks may not read are as if there were none: then workloads stand for their pods.
pub(crate) fn live(cluster: &Cluster) -> Result<evaluator::Cluster, Failure> {
    fn all<T: serde::de::DeserializeOwned>(cluster: &Cluster, resource: &Resource) -> Result<Vec<T>, Failure> {
        match cluster.list(resource, Query::default()) {
            Err(failure) if failure.is_forbidden() => Ok(Vec::new()),
            list => list,
        }
    }
    Ok(evaluator::Cluster {
        pods: all::<Pod>(cluster, &PODS)?.iter().map(Into::into).collect(),
        namespaces: all::<Namespace>(cluster, &NAMESPACES)?.iter().map(Into::into).collect(),
        nodes: all::<Node>(cluster, &NODES)?.iter().map(Into::into).collect(),
    })
}

/// Why what was seen is evidence and no permission, so that it does not count when it is cut.
pub(crate) fn aside(seen: &Seen<'_>) -> Option<&'static str> {
    if seen.neighbor.outcome == Outcome::Attempted {
        Some("never connected")
    } else if seen.ephemeral {
        Some("an ephemeral container did it")
    } else {
        (seen.neighbor.origin == Origin::Exec).then_some("a command from outside did it")
    }
}

/// Whose neighborhood it is: `shop/Deployment/web`, or without a namespace what it is called.
pub(crate) fn whose(neighborhood: &NetworkNeighborhood) -> String {
    let workload = &neighborhood.spec.workload;
    match neighborhood.metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
        Some(namespace) => format!("{namespace}/{}/{}", workload.kind, workload.name),
        None => format!("{}/{}", workload.kind, workload.name),
    }
}
