//! GeneratedNetworkPolicy: a whole NetworkPolicy under `.spec`, its evidence and its review.

pub(crate) mod schema;

use k8s_openapi::{
    api::networking::v1::NetworkPolicy,
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    application_profile::Origin,
    network_neighborhood::{NeighborPort, Peer, PeerClass},
    review::Review,
};

pub use schema::definition;

/// A least-privilege NetworkPolicy made from the traffic a workload was seen to have.
///
/// `.spec` is a complete networking.k8s.io/v1 NetworkPolicy, ready to be applied.
/// The derive of kube cannot put a whole object under `spec`, so this type and its schema are written by hand.
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
    /// What a person decided about its rules. Written by the plugin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Evidence and notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<GeneratedNetworkPolicyStatus>,
}

impl GeneratedNetworkPolicy {
    /// The word under `kind`.
    pub const KIND: &'static str = "GeneratedNetworkPolicy";

    /// A policy that nobody has reviewed, under this name.
    pub fn new(name: &str, spec: NetworkPolicy) -> Self {
        Self { metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }, spec, ..Self::default() }
    }
}

impl Default for GeneratedNetworkPolicy {
    fn default() -> Self {
        Self {
            api_version: format!("{}/{}", crate::GROUP, crate::VERSION),
            kind: Self::KIND.to_owned(),
            metadata: ObjectMeta::default(),
            spec: NetworkPolicy::default(),
            review: None,
            status: None,
        }
    }
}

/// Which way the traffic of a rule goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RuleDirection {
    /// To the workload.
    #[default]
    Ingress,
    /// From the workload.
    Egress,
}

/// Why a rule is in the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleEvidence {
    /// Id of the rule: the same as long as direction, peer and ports are the same.
    #[schemars(length(min = 1, max = 63))]
    pub id: String,
    /// Ingress: somebody came to the workload. Egress: the workload went to somebody.
    pub direction: RuleDirection,
    /// What the peer is: Workload, Service, Node, KubeAPI, ClusterDNS, Self, Multicast or World.
    pub class: PeerClass,
    /// Who the peer is.
    pub peer: Peer,
    /// Ports that were used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub ports: Vec<NeighborPort>,
    /// Names that the workload had resolved to the peer's addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 1024)))]
    pub dns_names: Vec<String>,
    /// Containers of the workload that had this traffic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 63)))]
    pub containers: Vec<String>,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Who was behind it.
    #[serde(default)]
    pub origin: Origin,
    /// Why the rule is as it is, in one sentence for the reviewer.
    #[schemars(length(max = 4096))]
    pub reason: String,
}

/// Evidence for the policy's rules and what a reviewer should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedNetworkPolicyStatus {
    /// The evidence of each rule of the policy, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub rules: Vec<RuleEvidence>,
    /// What a reviewer should know: what was left out of the policy and why, and what in it will not last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(max = 4096)))]
    pub notes: Vec<String>,
    /// Whether the object is still kept up to date: Current is False once the setting that asks for it is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}
