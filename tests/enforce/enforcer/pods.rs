//! What rules need to know of pods.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1::Pod;

/// No labels.
pub(super) static NONE: BTreeMap<String, String> = BTreeMap::new();

/// Whether a pod has addresses of its own: one in the node's network never, one that has ended no more.
pub(super) fn is_placed(pod: &Pod) -> bool {
    let in_nodes = pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or_default();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    !in_nodes && !matches!(phase, "Succeeded" | "Failed")
}

pub(super) fn addresses(pod: &Pod) -> impl Iterator<Item = IpAddr> {
    pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten()).filter_map(|address| address.ip.parse().ok())
}

/// Its labels.
pub(super) fn labels(pod: &Pod) -> &BTreeMap<String, String> {
    pod.metadata.labels.as_ref().unwrap_or(&NONE)
}

pub(super) fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap()
}

pub(super) fn family(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ip6" } else { "ip" }
}
