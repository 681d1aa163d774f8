//! What all policies of a namespace stand on.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicySpec},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};

use super::options::Directions;

/// A policy that restricts every pod of a namespace and allows nothing: to be applied last, when each workload has its own.
pub fn default_deny(namespace: &str, directions: Directions) -> NetworkPolicy {
    let types: &[&str] = match directions {
        Directions::Both => &["Ingress", "Egress"],
        Directions::Ingress => &["Ingress"],
        Directions::Egress => &["Egress"],
    };
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some("runtimemap-default-deny".to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "runtimemap".to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(types.iter().map(|type_| (*type_).to_owned()).collect()),
            ..NetworkPolicySpec::default()
        }),
    }
}
