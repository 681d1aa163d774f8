//! GeneratedNetworkPolicy: a whole NetworkPolicy under `.spec`, its evidence and its review.

use k8s_openapi::{api::networking::v1::NetworkPolicy, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use serde::{Deserialize, Serialize};

/// A least-privilege NetworkPolicy made from the traffic a workload was seen to have.
///
/// `.spec` is a complete networking.k8s.io/v1 NetworkPolicy, ready to be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedNetworkPolicy {
    /// Always runtimemap.io/v1alpha1.
    pub api_version: String,
    /// Always GeneratedNetworkPolicy.
    pub kind: String,
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// The policy.
    pub spec: NetworkPolicy,
    /// Evidence and notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GeneratedNetworkPolicyStatus>,
}

/// Evidence for the policy's rules and what a reviewer should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedNetworkPolicyStatus {
    /// What a reviewer should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
