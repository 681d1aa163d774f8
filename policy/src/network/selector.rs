//! Label selectors that outlive a rollout.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::name;
use crate::notes::{Notes, listed};

/// Labels that controllers add, with values that change.
const CHANGING: [&str; 11] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-generation",
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// The label that Kubernetes recommends for an application's name.
const APPLICATION: &str = "app.kubernetes.io/name";

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
    dropped.sort_unstable();
    dropped.dedup();
    (stable, dropped)
}

/// Whether a selector selects everything.
pub(super) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_none_or(BTreeMap::is_empty) && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
}

/// What the policy applies to. Never the whole namespace because a workload has nothing to select it by.
pub(super) fn of_workload(selector: &LabelSelector, workload: &str, notes: &mut Notes) -> LabelSelector {
    let (stable, dropped) = stable(selector);
    if !dropped.is_empty() {
        notes.add(format!("the pod selector is without {}, which changes with every rollout", listed(&dropped)));
    }
    if !is_empty(&stable) {
        return stable;
    }
    let value = name::as_label(workload);
    notes.add(format!("nothing is known to select the pods by, so the policy applies to those with the label {APPLICATION}={value}"));
    LabelSelector { match_labels: Some(BTreeMap::from([(APPLICATION.to_owned(), value)])), match_expressions: None }
}
