//! Peers in Cilium's words.

use k8s_openapi::{api::networking::v1::NetworkPolicyPeer, apimachinery::pkg::apis::meta::v1::LabelSelector};
use serde_json::{Map, Value, json};

/// The label that Cilium gives to every pod: its namespace's name.
const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";
/// What it puts before a label of the namespace.
const OF_NAMESPACE: &str = "k8s:io.cilium.k8s.namespace.labels.";
/// The label by which Kubernetes names a namespace.
const NAME: &str = "kubernetes.io/metadata.name";

/// A selector of the policy's own pods.
pub(super) fn labels(selector: &LabelSelector) -> Value {
    let mut written = Written::default();
    written.add(selector, |key| format!("k8s:{key}"));
    written.finish()
}

/// Pods and their namespaces as one selector. Without a namespace it means the policy's own.
pub(super) fn endpoints(peer: &NetworkPolicyPeer) -> Value {
    let mut written = Written::default();
    if let Some(pods) = &peer.pod_selector {
        written.add(pods, |key| format!("k8s:{key}"));
    }
    if let Some(namespaces) = &peer.namespace_selector {
        written.add(namespaces, |key| if key == NAME { NAMESPACE.to_owned() } else { format!("{OF_NAMESPACE}{key}") });
        if *namespaces == LabelSelector::default() {
            written.expressions.push(json!({"key": NAMESPACE, "operator": "Exists"}));
        }
    }
    written.finish()
}

/// A block of addresses.
pub(super) fn block(peer: &NetworkPolicyPeer) -> Option<Value> {
    let block = peer.ip_block.as_ref()?;
    Some(match &block.except {
        Some(except) => json!({"cidr": block.cidr, "except": except}),
        None => json!({"cidr": block.cidr}),
    })
}

/// A name that Cilium can match: of letters, digits, hyphens, underscores and dots.
pub(super) fn name(name: &str) -> Option<&str> {
    let name = name.trim_end_matches('.');
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (!name.is_empty() && name.len() <= 255 && name.bytes().all(valid)).then_some(name)
}

#[derive(Default)]
struct Written {
    labels: Map<String, Value>,
    expressions: Vec<Value>,
}

impl Written {
    fn add(&mut self, selector: &LabelSelector, key: impl Fn(&str) -> String) {
        for (label, value) in selector.match_labels.iter().flatten() {
            self.labels.insert(key(label), json!(value));
        }
        for expression in selector.match_expressions.iter().flatten() {
            let mut written = json!({"key": key(&expression.key), "operator": expression.operator});
            if let Some(values) = expression.values.as_ref().filter(|values| !values.is_empty()) {
                written["values"] = json!(values);
            }
            self.expressions.push(written);
        }
    }

    fn finish(self) -> Value {
        let mut selector = Map::new();
        if !self.labels.is_empty() {
            selector.insert("matchLabels".to_owned(), Value::Object(self.labels));
        }
        if !self.expressions.is_empty() {
            selector.insert("matchExpressions".to_owned(), json!(self.expressions));
        }
        Value::Object(selector)
    }
}
