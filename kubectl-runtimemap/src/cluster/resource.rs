//! Where kinds are found on an API server.

use runtimemap_crds::{GROUP, VERSION};

/// A kind of object, by its place in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// Empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
}

const fn ours(plural: &'static str, kind: &'static str) -> Resource {
    Resource { group: GROUP, version: VERSION, plural, kind, namespaced: true }
}

const fn theirs(group: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version: "v1", plural, kind, namespaced: true }
}

pub(crate) const PROFILES: Resource = ours("applicationprofiles", "ApplicationProfile");
pub(crate) const NEIGHBORHOODS: Resource = ours("networkneighborhoods", "NetworkNeighborhood");
pub(crate) const POLICIES: Resource = ours("generatednetworkpolicies", "GeneratedNetworkPolicy");
pub(crate) const FILTERS: Resource = ours("seccompprofiles", "SeccompProfile");
pub(crate) const OBSERVATIONS: Resource = Resource { namespaced: false, ..ours("nodeobservations", "NodeObservation") };

pub(crate) const NETWORK_POLICIES: Resource = theirs("networking.k8s.io", "networkpolicies", "NetworkPolicy");
pub(crate) const PODS: Resource = theirs("", "pods", "Pod");
pub(crate) const NODES: Resource = Resource { namespaced: false, ..theirs("", "nodes", "Node") };
pub(crate) const NAMESPACES: Resource = Resource { namespaced: false, ..theirs("", "namespaces", "Namespace") };
pub(crate) const DEPLOYMENTS: Resource = theirs("apps", "deployments", "Deployment");
pub(crate) const DAEMONSETS: Resource = theirs("apps", "daemonsets", "DaemonSet");

/// Workloads whose objects hold a pod's template.
pub(crate) const WORKLOADS: [Resource; 8] = [
    DEPLOYMENTS,
    theirs("apps", "statefulsets", "StatefulSet"),
    DAEMONSETS,
    theirs("apps", "replicasets", "ReplicaSet"),
    theirs("", "replicationcontrollers", "ReplicationController"),
    theirs("batch", "jobs", "Job"),
    theirs("batch", "cronjobs", "CronJob"),
    PODS,
];

impl Resource {
    /// Path of its collection: in one namespace, or in all.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let Self { group, version, plural, namespaced, .. } = self;
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        match namespace.filter(|_| *namespaced) {
            Some(namespace) => format!("{root}/namespaces/{}/{plural}", segment(namespace)),
            None => format!("{root}/{plural}"),
        }
    }

    /// Path of one object.
    pub(crate) fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.path(Some(namespace)), segment(name))
    }

    /// As messages name it: `deployment.apps/web`.
    pub(crate) fn named(&self, name: &str) -> String {
        let Self { group, kind, .. } = self;
        let dot = if group.is_empty() { "" } else { "." };
        format!("{}{dot}{group}/{name}", kind.to_lowercase())
    }
}

/// A name as one segment of a path: it was typed by somebody, or stood in a file.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~');
    // A dot alone would lead to the folder above.
    let dots = !name.bytes().all(|byte| byte == b'.');
    name.bytes()
        .map(|byte| if plain(byte) || (dots && byte == b'.') { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_of_the_path() {
        assert_eq!(PROFILES.object("shop", "web"), "/apis/runtimemap.io/v1alpha1/namespaces/shop/applicationprofiles/web");
        assert_eq!(PODS.path(None), "/api/v1/pods");
        assert_eq!(segment("../a?b#c"), "..%2Fa%3Fb%23c");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(NAMESPACES.object("x", "shop"), "/api/v1/namespaces/shop");
    }
}
