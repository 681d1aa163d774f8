//! A pod, as much of it as attribution needs.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::{
    api::core::v1::{ContainerStatus, Pod as KubernetesPod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use runtimemap_crds::Image;

/// Annotation that names the manifest of a static pod, which its cgroup is called by.
const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// Annotation that says where a pod was read from; `api` for all that are not static.
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// Which list of a pod's spec a container is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// `containers`
    Main,
    /// `initContainers`
    Init,
    /// `ephemeralContainers`
    Ephemeral,
}

/// A pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pod {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Empty while it is not bound.
    pub(super) node: String,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) host_network: bool,
    pub(super) labels: BTreeMap<String, String>,
    /// Hash of its manifest, if it is static: its cgroup's name.
    pub(super) manifest: Option<String>,
    pub(super) controller: Option<OwnerReference>,
    /// It has ended: its address is another's by now.
    pub(super) finished: bool,
    containers: Vec<(String, Role)>,
    /// By the id that the runtime gave them: name and image.
    ids: BTreeMap<String, (String, Image)>,
}

impl Pod {
    /// From the API's. None of one without a UID, which the API server never has.
    pub(super) fn of(pod: KubernetesPod) -> Option<Self> {
        let metadata = pod.metadata;
        let annotations = metadata.annotations.unwrap_or_default();
        let spec = pod.spec.unwrap_or_default();
        let status = pod.status.unwrap_or_default();
        let named = |names: Vec<String>, role| names.into_iter().map(move |name| (name, role));
        let mut containers: Vec<(String, Role)> = named(spec.containers.into_iter().map(|c| c.name).collect(), Role::Main).collect();
        containers.extend(named(spec.init_containers.unwrap_or_default().into_iter().map(|c| c.name).collect(), Role::Init));
        containers.extend(named(spec.ephemeral_containers.unwrap_or_default().into_iter().map(|c| c.name).collect(), Role::Ephemeral));
        let statuses = [status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses];
        let addresses = status.pod_ips.unwrap_or_default().into_iter().map(|ip| ip.ip).chain(status.pod_ip);
        let mut addresses: Vec<IpAddr> = addresses.filter_map(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let is_static = annotations.get(CONFIG_SOURCE).is_some_and(|source| source != "api");
        Some(Self {
            uid: metadata.uid?,
            namespace: metadata.namespace?,
            name: metadata.name?,
            node: spec.node_name.unwrap_or_default(),
            addresses,
            host_network: spec.host_network.unwrap_or_default(),
            labels: metadata.labels.unwrap_or_default(),
            manifest: annotations.get(CONFIG_HASH).filter(|_| is_static).cloned(),
            controller: metadata.owner_references.unwrap_or_default().into_iter().find(|owner| owner.controller == Some(true)),
            finished: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            containers,
            ids: statuses.into_iter().flatten().flatten().flat_map(ids).collect(),
        })
    }

    /// Name and role of a container: by the name that its node gave it, else by its id. None if the pod has no such container (yet).
    pub(super) fn container(&self, name: &str, id: &str) -> Option<(&str, Role)> {
        let name = if name.is_empty() { self.ids.get(id).map(|(name, _)| name.as_str())? } else { name };
        self.containers.iter().find(|(known, _)| known == name).map(|(name, role)| (name.as_str(), *role))
    }

    /// The image that a container runs, once the API server knows.
    pub(super) fn image(&self, id: &str) -> Option<Image> {
        self.ids.get(id).map(|(_, image)| image.clone())
    }
}

/// The ids under which a container is known: that of its present run and of the last.
fn ids(status: ContainerStatus) -> Vec<(String, (String, Image))> {
    let image = Image { image: status.image, image_id: status.image_id };
    let last = status.last_state.and_then(|state| state.terminated).and_then(|ended| ended.container_id);
    // `containerd://<id>`
    let bare = |id: String| id.rsplit_once("//").map_or(id.clone(), |(_, id)| id.to_owned());
    status.container_id.into_iter().chain(last).map(|id| (bare(id), (status.name.clone(), image.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_is_found_by_name_else_by_id_and_keeps_its_role() {
        let pod = Pod::of(
            serde_json::from_value(json!({
                "metadata": {"uid": "u", "name": "web-1", "namespace": "shop"},
                "spec": {"containers": [{"name": "web"}], "initContainers": [{"name": "setup"}]},
                "status": {
                    "podIP": "::ffff:10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
                    "containerStatuses": [{"name": "web", "image": "web:1", "imageID": "web@sha256:1", "ready": true, "restartCount": 1,
                        "containerID": "containerd://aa", "lastState": {"terminated": {"containerID": "containerd://bb", "exitCode": 1}}}],
                },
            }))
            .unwrap(),
        )
        .unwrap();
        assert_eq!(pod.container("setup", "zz"), Some(("setup", Role::Init)));
        assert_eq!(pod.container("", "aa"), Some(("web", Role::Main)));
        assert_eq!(pod.container("", "bb"), Some(("web", Role::Main)));
        assert_eq!((pod.container("", "zz"), pod.container("other", "aa")), (None, None));
        assert_eq!(pod.image("aa").unwrap().image_id, "web@sha256:1");
        assert_eq!(pod.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn only_a_static_pod_is_known_by_its_manifest() {
        let pod = |source: &str| {
            let annotations = json!({"kubernetes.io/config.hash": "abc", "kubernetes.io/config.source": source});
            let pod = json!({"metadata": {"uid": "u", "name": "x", "namespace": "y", "annotations": annotations}});
            Pod::of(serde_json::from_value(pod).unwrap()).unwrap().manifest
        };
        assert_eq!((pod("file"), pod("api")), (Some("abc".to_owned()), None));
    }
}
