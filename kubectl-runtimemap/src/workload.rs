//! Workloads as their owners wrote them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::Value;

use crate::{
    cluster::{Cluster, WORKLOADS},
    map::Map,
};

/// A workload with the spec of its pods.
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) pod: PodSpec,
}

impl Workload {
    /// From an object, if it is one that has pods; what has no namespace is of this one.
    pub(crate) fn of(object: &Value, namespace: &str) -> anyhow::Result<Option<Self>> {
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
        Ok(Some(Self { namespace, kind: kind.to_owned(), name, pod }))
    }

    /// From the cluster; a remark where it is not there any more, or may not be read.
    pub(crate) fn live(cluster: &Cluster, map: &Map, remarks: &mut Vec<String>) -> anyhow::Result<Option<Self>> {
        let Some(reference) = map.workload() else { return Ok(None) };
        let Some(resource) = WORKLOADS.iter().find(|resource| resource.kind == reference.kind) else { return Ok(None) };
        match cluster.find::<Value>(&resource.object(&map.namespace, &reference.name)) {
            Ok(Some(object)) => Self::of(&object, &map.namespace),
            Ok(None) => {
                remarks.push(format!("Warning: {} is not in the cluster any more", map.title()));
                Ok(None)
            }
            Err(failure) if failure.is_forbidden() => {
                remarks.push(format!("Warning: what is declared of {} is not known: {failure}", map.title()));
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    fn containers(&self) -> impl Iterator<Item = &Container> {
        self.pod.init_containers.iter().flatten().chain(&self.pod.containers)
    }

    /// Where volumes are mounted, by container.
    pub(crate) fn mounts(&self) -> BTreeMap<String, Vec<String>> {
        self.containers().map(|container| (container.name.clone(), mounts(container))).collect()
    }

    /// Containers that are privileged.
    pub(crate) fn privileged(&self) -> Vec<String> {
        let is = |container: &&Container| container.security_context.as_ref().is_some_and(|context| context.privileged == Some(true));
        self.containers().filter(is).map(|container| container.name.clone()).collect()
    }
}

/// Where volumes are mounted in a container.
pub(crate) fn mounts(container: &Container) -> Vec<String> {
    container.volume_mounts.iter().flatten().map(|mount| mount.mount_path.clone()).collect()
}
