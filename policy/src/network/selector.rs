//! Label selectors that outlive a rollout.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// Labels that controllers add, with values that change.
const CHANGING: [&str; 8] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "job-name",
    "batch.kubernetes.io/job-name",
    "statefulset.kubernetes.io/pod-name",
];

/// The selector without changing labels, and which those were.
pub(super) fn stable(selector: &LabelSelector) -> (LabelSelector, Vec<String>) {
    let mut stable = selector.clone();
    let mut dropped = Vec::new();
    let mut keep = |key: &String| {
        let changes = CHANGING.contains(&key.as_str());
        if changes {
            dropped.push(key.clone());
        }
        !changes
    };
    if let Some(labels) = &mut stable.match_labels {
        labels.retain(|key, _| keep(key));
    }
    if let Some(expressions) = &mut stable.match_expressions {
        expressions.retain(|expression| keep(&expression.key));
    }
    stable.match_labels = stable.match_labels.filter(|labels| !labels.is_empty());
    stable.match_expressions = stable.match_expressions.filter(|expressions| !expressions.is_empty());
    (stable, dropped)
}

/// Whether a selector selects everything.
pub(super) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
        && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}
