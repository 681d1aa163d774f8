//! Which workload an object describes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The workload whose behaviour was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference {
    /// API version of the workload, for example apps/v1. Empty for a command recorded without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Kind of the workload, for example Deployment. "Command" for one recorded without a cluster.
    pub kind: String,
    /// Name of the workload.
    pub name: String,
    /// UID of the workload in the cluster. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}
