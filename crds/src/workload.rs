//! Which workload an object describes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The workload whose behaviour was recorded: the highest controller above the pods, or the pod itself where none is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference {
    /// API version of the workload, for example apps/v1. Empty for a command recorded without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 317))]
    pub api_version: String,
    /// Kind of the workload, for example Deployment. "Command" for one recorded without a cluster.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Name of the workload, as its own object has it.
    #[schemars(length(max = 253))]
    pub name: String,
    /// UID of the workload in the cluster. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub uid: String,
}
