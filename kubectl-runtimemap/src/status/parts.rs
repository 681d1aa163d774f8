//! Controller and agents.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use serde_json::{Value, json};

use crate::cluster::{Cluster, DAEMONSETS, DEPLOYMENTS, Failure, Query, Resource};

/// What the chart's objects have in common.
const LABELS: &str = "app.kubernetes.io/name=runtimemap";

/// A part that runs in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) namespace: String,
    /// Tag of its image, or its digest.
    pub(crate) version: String,
    pub(crate) ready: i32,
    pub(crate) wanted: i32,
    resource: Resource,
}

impl Part {
    /// `Controller`, `Agent`: its last word.
    pub(crate) fn title(&self) -> String {
        let word = self.name.rsplit('-').next().unwrap_or_default();
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    /// As kubectl takes it.
    pub(super) fn reference(&self) -> String {
        self.resource.named(&self.name)
    }

    pub(super) fn json(&self) -> Value {
        let Self { name, namespace, version, ready, wanted, resource } = self;
        json!({"name": name, "namespace": namespace, "kind": resource.kind, "version": version, "ready": ready, "wanted": wanted})
    }
}

/// The parts that are there and may be seen.
pub(crate) fn parts(cluster: &Cluster) -> anyhow::Result<Vec<Part>> {
    let query = Query { labels: LABELS, ..Query::default() };
    let mut parts = Vec::new();
    for Deployment { metadata, spec, status } in allowed(cluster.list(&DEPLOYMENTS, query))? {
        let spec = spec.unwrap_or_default();
        parts.push(Part {
            name: metadata.name.unwrap_or_default(),
            namespace: metadata.namespace.unwrap_or_default(),
            version: version(spec.template.spec.iter().flat_map(|pod| &pod.containers).find_map(|container| container.image.as_deref())),
            ready: status.and_then(|status| status.ready_replicas).unwrap_or_default(),
            wanted: spec.replicas.unwrap_or(1),
            resource: DEPLOYMENTS,
        });
    }
    for DaemonSet { metadata, spec, status } in allowed(cluster.list(&DAEMONSETS, query))? {
        let spec = spec.unwrap_or_default();
        let status = status.unwrap_or_default();
        parts.push(Part {
            name: metadata.name.unwrap_or_default(),
            namespace: metadata.namespace.unwrap_or_default(),
            version: version(spec.template.spec.iter().flat_map(|pod| &pod.containers).find_map(|container| container.image.as_deref())),
            ready: status.number_ready,
            wanted: status.desired_number_scheduled,
            resource: DAEMONSETS,
        });
    }
    Ok(parts)
}

fn allowed<T>(list: Result<Vec<T>, Failure>) -> Result<Vec<T>, Failure> {
    match list {
        Err(failure) if failure.is_forbidden() => Ok(Vec::new()),
        list => list,
    }
}

/// What an image's name says of its version.
fn version(image: Option<&str>) -> String {
    let Some(image) = image else { return "unknown".to_owned() };
    if let Some((_, digest)) = image.split_once('@') {
        return digest.to_owned();
    }
    // A colon before the last slash is a registry's port.
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').map_or("latest", |(_, tag)| tag).to_owned()
}

/// Whether the API server knows our kinds.
pub(super) fn kinds_are_installed(cluster: &Cluster) -> Result<bool, Failure> {
    let found: Option<Value> = cluster.find(&format!("/apis/{}/{}", runtimemap_crds::GROUP, runtimemap_crds::VERSION))?;
    Ok(found.is_some_and(|list| list["resources"].as_array().is_some_and(|resources| !resources.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_its_version() {
        for (image, expected) in
            [("registry:5000/runtimemap:0.1.0", "0.1.0"), ("registry:5000/runtimemap", "latest"), ("runtimemap@sha256:12", "sha256:12")]
        {
            assert_eq!(version(Some(image)), expected);
        }
    }
}
