//! What manifests, or the objects of a cluster, declare.

use k8s_openapi::api::{core::v1::PodSpec, networking::v1::NetworkPolicy};
use runtimemap_policy::evaluator;
use serde_json::Value;

use crate::{
    cluster::{Cluster, WORKLOADS},
    manifests,
    map::Map,
};

/// Workloads and policies.
pub(super) struct Declared {
    pub(super) workloads: Vec<Workload>,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) cluster: evaluator::Cluster,
}

/// A workload with the spec of its pods.
pub(super) struct Workload {
    namespace: String,
    kind: String,
    name: String,
    pod: PodSpec,
}

impl Declared {
    /// From manifests; what has no namespace is of this one.
    pub(super) fn of(objects: Vec<Value>, namespace: &str, cluster: evaluator::Cluster) -> anyhow::Result<Self> {
        let policies = manifests::network_policies(&objects, namespace)?;
        let mut workloads = Vec::new();
        for object in objects {
            if let Some(workload) = workload(&object, namespace)? {
                workloads.push(workload);
            }
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

/// A workload of the cluster; a remark where it is not there any more, or may not be read.
pub(super) fn live(cluster: &Cluster, map: &Map, remarks: &mut Vec<String>) -> anyhow::Result<Option<Workload>> {
    let Some(reference) = map.workload() else { return Ok(None) };
    let Some(resource) = WORKLOADS.iter().find(|resource| resource.kind == reference.kind) else { return Ok(None) };
    match cluster.find::<Value>(&resource.object(&map.namespace, &reference.name)) {
        Ok(Some(object)) => workload(&object, &map.namespace),
        Ok(None) => {
            remarks.push(format!("Warning: {} is not in the cluster any more", map.title()));
            Ok(None)
        }
        Err(failure) if failure.is_forbidden() => {
            remarks.push(format!("Warning: {} is left out: {failure}", map.title()));
            Ok(None)
        }
        Err(failure) => Err(failure.into()),
    }
}

fn workload(object: &Value, namespace: &str) -> anyhow::Result<Option<Workload>> {
    let kind = object["kind"].as_str().unwrap_or_default();
    let path = match kind {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let Some(pod) = object.pointer(path).filter(|pod| pod["containers"].is_array()) else { return Ok(None) };
    let pod = serde_json::from_value(pod.clone()).map_err(|error| anyhow::anyhow!("{kind} {name:?} is malformed: {error}"))?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(namespace).to_owned();
    Ok(Some(Workload { namespace, kind: kind.to_owned(), name, pod }))
}
