//! NodeDirective: what the controller tells one node.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What arrived, and what to watch. Holds no facts. Written by the controller only; agents read it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "runtimemap.io",
    version = "v1alpha1",
    kind = "NodeDirective",
    doc = "What the controller tells the agent of one node: which batch arrived, and which containers to watch. Internal.",
    category = "runtimemap",
    derive = "PartialEq",
    printcolumn(name = "Ledger", type_ = "string", json_path = ".spec.ack.ledger", description = "Ledger that was acknowledged last"),
    printcolumn(name = "Sequence", type_ = "integer", json_path = ".spec.ack.sequence", description = "Batch that was acknowledged last"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct NodeDirectiveSpec {
    /// The batch that was stored last.
    pub ack: Acknowledgement,
    /// What became of each container of that batch, and whether to go on watching it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500))]
    pub containers: Vec<ContainerDirective>,
    /// Pods of this node whose containers are told by their pod, before they have a cgroup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub pods: Vec<PodDirective>,
    /// Whether arguments that look like secrets are kept as they are. They are masked before the ledger otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_secrets: bool,
    /// Seccomp filters that the kubelet of this node is to find. None: what is there stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompDirective>,
}

/// Which seccomp filters have to be on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeccompDirective {
    /// Approved filters of the workloads that have a pod on this node: a list of namespace, name and content as JSON, gzipped, in base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 524_288))]
    pub payload: String,
    /// Others that this node has and that a pod or a pod's template still names, as namespace/name-hash: they are not removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 512)))]
    pub keep: Vec<String>,
}

/// What to do about all containers of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodDirective {
    /// UID of the pod. Of a static pod, the hash of its manifest.
    #[serde(rename = "podUID")]
    #[schemars(length(max = 64))]
    pub pod_uid: String,
    /// Whether to watch its containers.
    pub watch: WatchState,
}

/// Names a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// Ledger of the batch.
    #[schemars(length(max = 64))]
    pub ledger: String,
    /// Number of the batch in that ledger.
    pub sequence: u64,
}

impl Acknowledgement {
    /// Whether the batch of this number in this ledger has been stored.
    pub fn covers(&self, ledger: &str, sequence: u64) -> bool {
        self.ledger == ledger && self.sequence >= sequence
    }
}

/// What to do about one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerDirective {
    /// UID of its pod, as the observation had it.
    #[serde(rename = "podUID")]
    #[schemars(length(max = 64))]
    pub pod_uid: String,
    /// Its id, as the observation had it.
    #[schemars(length(max = 128))]
    pub id: String,
    /// What became of its facts.
    pub verdict: MailVerdict,
    /// Why they were refused or have to wait, for example UnknownPod. Empty where they were taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub cause: String,
    /// Whether to go on watching it.
    pub watch: WatchState,
    /// Name of its workload's profile, as namespace/name. Kept in the node's ledger, it outlives pod and controller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub workload: String,
    /// Name of the container in the pod's spec.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub container: String,
    /// Which list of the pod's spec it is in, where that is not containers: init or ephemeral.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16))]
    pub role: String,
    /// Revision of the workload that it runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub revision: String,
    /// It has said `drained`, or that it has ended, and what it had is stored: the next controller does not ask for it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drained: bool,
}

/// What became of a container's facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MailVerdict {
    /// They are stored.
    #[default]
    Taken,
    /// They could not be placed yet: send them again.
    Later,
    /// They will never be placed: do not send them again.
    Refused,
}

/// Whether to go on watching a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WatchState {
    /// Go on.
    #[default]
    Watch,
    /// Learning ends: hand over everything up to now, say `drained`, and wait without losing anything.
    Close,
    /// Nothing more is wanted of it.
    Ignore,
    /// What was handed over is gone: send all of it again, and go on.
    Repeat,
}
