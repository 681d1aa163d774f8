//! NodeObservation: a node's outgoing mailbox.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::LossCause;

/// One batch of what a node saw. Written by that node's agent only, and not changed until the controller has acknowledged it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "runtimemap.io",
    version = "v1alpha1",
    kind = "NodeObservation",
    doc = "What one node saw and has not yet handed over: internal, between the agent of that node and the controller.",
    category = "runtimemap",
    derive = "PartialEq",
    printcolumn(name = "Ledger", type_ = "string", json_path = ".spec.ledger", description = "Ledger of the node's agent"),
    printcolumn(name = "Sequence", type_ = "integer", json_path = ".spec.sequence", description = "Number of the batch"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct NodeObservationSpec {
    /// Name of the agent's ledger, made up when the ledger was. A new one begins again at sequence 1.
    #[schemars(length(max = 64))]
    pub ledger: String,
    /// Number of this batch in its ledger, from 1. The next batch comes once this one is acknowledged.
    pub sequence: u64,
    /// Processor architecture of the node, in the words of GOARCH: amd64, arm64.
    #[schemars(length(max = 32))]
    pub architecture: String,
    /// Addresses of the node itself, as its kernel has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(max = 45)))]
    pub addresses: Vec<String>,
    /// How far the node's clock is ahead of the API server's, in seconds; negative if behind. 0 also where it is not known yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub clock_ahead_seconds: i64,
    /// What the kernel of this node cannot show, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 1024)))]
    pub gaps: Vec<String>,
    /// Containers that have something to tell. The payload speaks of them by their place in this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub containers: Vec<ObservedContainer>,
    /// The facts: JSON, gzipped, in base64. At most 32 KiB before base64, 1 MiB once decoded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 65536))]
    pub payload: String,
    /// Seccomp filters that the agent has put where the kubelet finds them. None: it has no folder for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompReport>,
}

/// Seccomp filters of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeccompReport {
    /// Those that are there, whole and under both names, as namespace/name-hash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 512)))]
    pub there: Vec<String>,
    /// Why others are not, in words. Empty where nothing stands in the way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub trouble: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// A container as its node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedContainer {
    /// UID of its pod, from its cgroup's path. Of a static pod, the hash of its manifest.
    #[serde(rename = "podUID")]
    #[schemars(length(max = 64))]
    pub pod_uid: String,
    /// Id that the container runtime gave it, from its cgroup's path.
    #[schemars(length(max = 128))]
    pub id: String,
    /// Name in the pod's spec, from the runtime's own files. Empty where they could not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub name: String,
    /// What the runtime says it is, for example container. Empty where its files could not be read.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub type_: String,
    /// Workload that a directive named for it, as namespace/name of its profile. Empty before that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub workload: String,
    /// Revision of the workload that a directive named for it. Empty before that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub revision: String,
    /// Whether it was watched from its first instruction.
    pub startup_observed: bool,
    /// What was lost since it has been watched, by cause: totals, not differences.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub losses: BTreeMap<LossCause, u64>,
    /// Whether it has ended and this is the last that will be heard of it.
    #[serde(default)]
    pub closed: bool,
    /// Whether everything up to the directive `close` was handed over with this batch or before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
}
