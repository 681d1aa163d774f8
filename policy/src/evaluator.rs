//! What NetworkPolicies allow: the semantics of the Kubernetes API, for every flow of which an end is a pod.
//!
//! Policies are compiled for the pods of one cluster, so that a verdict takes some lookups. All policies that select a pod count,
//! by direction; a flow passes when the egress of its source and the ingress of its destination let it.

mod block;
mod cluster;
mod compiled;
mod peers;
mod port;
mod reason;
pub(crate) mod selector;
mod side;
mod verdict;

use k8s_openapi::api::networking::v1::NetworkPolicy;

pub use cluster::{Cluster, ContainerPort, Namespace, Node, Pod, PodId};
pub use compiled::Evaluator;
pub use verdict::{End, Flow, RulePlace, Ruling, Verdict};

/// A policy that the API server would refuse, and so would never come into force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to evaluate networkpolicy {policy}: {field}: {why}")]
pub struct Invalid {
    /// `NAMESPACE/NAME` of the policy.
    pub policy: String,
    /// Path of the field, as the API server would name it.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

/// Judges flows by these policies, all of them in force: one verdict per flow, in order.
///
/// # Errors
/// If a policy is one that the API server would refuse.
pub fn simulate(policies: &[NetworkPolicy], flows: &[Flow], pods: Vec<Pod>, namespaces: Vec<Namespace>) -> Result<Vec<Verdict>, Invalid> {
    let cluster = Cluster { namespaces, pods, nodes: Vec::new() };
    let evaluator = Evaluator::new(policies, &cluster)?;
    Ok(flows.iter().map(|flow| evaluator.judge(flow)).collect())
}
