//! What manifests, or the objects of a cluster, declare.

use k8s_openapi::api::{core::v1::PodSpec, networking::v1::NetworkPolicy};
use runtimemap_policy::evaluator;
use serde_json::Value;

use crate::{manifests, map::Map, workload::Workload};

/// Workloads and policies.
pub(super) struct Declared {
    pub(super) workloads: Vec<Workload>,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) cluster: evaluator::Cluster,
}

impl Declared {
    /// From manifests; what has no namespace is of this one.
    pub(super) fn of(objects: Vec<Value>, namespace: &str, cluster: evaluator::Cluster) -> anyhow::Result<Self> {
        let policies = manifests::network_policies(&objects, namespace)?;
        let mut workloads = Vec::new();
        for object in objects {
            workloads.extend(Workload::of(&object, namespace)?);
        }
        Ok(Self { workloads, policies, cluster })
    }

    /// The pods of a map's workload.
    pub(super) fn pod_of(&self, map: &Map) -> Option<&PodSpec> {
        let workload = map.workload()?;
        let namespace = if map.namespace.is_empty() { "default" } else { &map.namespace };
        let is = |declared: &&Workload| declared.kind == workload.kind && declared.name == workload.name && declared.namespace == namespace;
        self.workloads.iter().find(is).map(|declared| &declared.pod)
    }
}
