//! What people decided about what was generated.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::generated_network_policy::schema;

/// What a person decided about a generated object: about each rule of a policy, or about the filters of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// One decision per rule, by rule. A rule without one is not decided yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub decisions: Vec<Decision>,
}

/// What a person decided about one rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The rule, by its id in status.rules. Of a SeccompProfile all filters are decided about together, as filters.
    #[schemars(length(min = 1, max = 63))]
    pub rule: String,
    /// Hash of the content when it was decided about. What has another one since is undecided again.
    #[schemars(length(min = 1, max = 128))]
    pub hash: String,
    /// What was decided.
    pub decision: Verdict,
    /// Rules in its place, where the reviewer widened, narrowed, split or edited it: a list of peers and ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::replacement")]
    pub replacement: Option<serde_json::Value>,
    /// User who decided, by the name the API server knows.
    #[schemars(length(max = 253))]
    pub by: String,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// What can be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// It is meant to be.
    #[default]
    Approved,
    /// It is not meant to be: a rule is left out when the policy is applied or exported, filters are not carried to nodes.
    Rejected,
}

/// The first half of SHA-256 of a value's JSON, by which a decision knows what it is about.
pub fn hash(value: &impl Serialize) -> String {
    // What a decision is about can always be written; nothing else has the hash of nothing.
    digest(&serde_json::to_vec(value).unwrap_or_default())
}

/// The first half of SHA-256, in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
