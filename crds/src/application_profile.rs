//! ApplicationProfile: what a workload runs, opens, may do and calls.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{revision::RevisionGroup, status::ProfileStatus, workload::WorkloadReference};

/// What was seen: per container, everything that the kernel reported and nothing else. Written by the recorder only.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::duplicated_attributes, reason = "several columns share a type")]
#[kube(
    group = "runtimemap.io",
    version = "v1alpha1",
    kind = "ApplicationProfile",
    doc = "What a workload does, as the kernel saw it: the programs it starts, the files it opens, the capabilities and system calls it uses.",
    namespaced,
    category = "runtimemap",
    status = "ProfileStatus",
    derive = "PartialEq",
    selectable = ".spec.workload.kind",
    selectable = ".spec.workload.name",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind", description = "Kind of the workload"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name", description = "Name of the workload"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Learning or Complete"),
    printcolumn(
        name = "Completes",
        type_ = "string",
        json_path = ".status.learning.completesAt",
        description = "When learning ends or ended",
        priority = 1
    ),
    printcolumn(
        name = "Startup",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"StartupObserved\")].status",
        description = "Whether it was watched from its first instruction"
    ),
    printcolumn(
        name = "Lost",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"EventsLost\")].status",
        description = "Whether something was lost; status.losses says what"
    ),
    printcolumn(name = "Processes", type_ = "integer", json_path = ".status.counts.processes", description = "Programs started"),
    printcolumn(name = "Files", type_ = "integer", json_path = ".status.counts.files", description = "Files opened"),
    printcolumn(name = "Caps", type_ = "integer", json_path = ".status.counts.capabilities", description = "Capabilities asked for"),
    printcolumn(name = "Syscalls", type_ = "integer", json_path = ".status.counts.syscalls", description = "System calls made"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationProfileSpec {
    /// The workload described.
    pub workload: WorkloadReference,
    /// Processor architectures it was seen on, in the words of GOARCH: amd64, arm64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 32)))]
    pub architectures: Vec<String>,
    /// Its containers, by name. A command recorded without a cluster has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub containers: Vec<ContainerProfile>,
    /// Its init containers, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub init_containers: Vec<ContainerProfile>,
    /// Its ephemeral containers, such as those of kubectl debug, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub ephemeral_containers: Vec<ContainerProfile>,
    /// Which revisions of the workload did what: a group of facts for each set of revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 300))]
    pub revisions: Vec<RevisionGroup>,
}

/// What one container does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProfile {
    /// Name of the container, as the pod's spec has it.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Images it ran while it was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub images: Vec<Image>,
    /// Programs that were started, each with its arguments. Those that varied are collapsed; see path and args.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    pub execs: Vec<Exec>,
    /// Files and directories that were opened with success. Names that varied are collapsed; see path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    pub opens: Vec<Open>,
    /// Capabilities that the kernel checked for on the container's behalf. Checks that the kernel makes in passing are not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    pub capabilities: Vec<CapabilityUse>,
    /// System calls made by the container's own programs, by name; by number where the recorder knows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 64)))]
    pub syscalls: Vec<String>,
    /// System calls that only others than the container's own programs made, by who: probe, exec, runtime or snapshot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub syscall_origins: BTreeMap<Origin, Vec<String>>,
    /// System calls that a seccomp filter in force refused, so that they never ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(max = 64)))]
    pub syscalls_denied: Vec<String>,
    /// System calls made through the processor's 32-bit ABI, by that architecture (386, arm). Only when one was made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub syscall_architectures: BTreeMap<String, Vec<String>>,
}

/// An image and the digest it resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Image as the pod's spec names it.
    #[schemars(length(max = 1024))]
    pub image: String,
    /// Image with its digest, as the container runtime reports it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "imageID")]
    #[schemars(length(max = 1024))]
    pub image_id: String,
}

/// Who was behind an act of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The container's own command and what it started.
    #[default]
    Entrypoint,
    /// An exec probe of the kubelet.
    Probe,
    /// A command entered from outside, such as kubectl exec.
    Exec,
    /// The container runtime, before the container's own command ran.
    Runtime,
    /// Already so when the recorder came.
    Snapshot,
}

/// A program that was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// Absolute path in the container, symbolic links resolved. For a script, the script.
    /// `⋯` stands for one name that is made up at run time (a pid, a uuid, a hash, a date), a final `*` for everything below.
    /// A backslash and bytes that are not UTF-8 are written `\\` and `\xNN`; a name that is `⋯` or `*` itself has a backslash before it.
    #[schemars(length(max = 16384))]
    pub path: String,
    /// For a script, the absolute path of the interpreter that ran it. `*` where it varied.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 16384))]
    pub interpreter: String,
    /// Arguments, the first of them the name it was started under.
    /// `⋯` stands for one argument that varied, a final `*` for any number of them, `⋯` at the end of an argument for the rest of it.
    /// Values that look like secrets are `***`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = 4096)))]
    pub args: Vec<String>,
    /// Who started it: entrypoint for the container's own command and its children.
    #[serde(default)]
    pub origin: Origin,
    /// When it was first seen, by the clock of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub pod: String,
}

/// A file that was opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// Absolute path in the container, symbolic links resolved.
    /// `⋯` stands for one name that is made up at run time (a pid, a uuid, a hash, a date), a final `*` for everything below.
    /// A backslash and bytes that are not UTF-8 are written `\\` and `\xNN`; a name that is `⋯` or `*` itself has a backslash before it.
    #[schemars(length(max = 16384))]
    pub path: String,
    /// All flags it was ever opened with, as open(2) names them, for example O_RDONLY, O_CREAT.
    #[schemars(length(max = 32), inner(length(max = 32)))]
    pub flags: Vec<String>,
    /// When it was first seen, by the clock of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub pod: String,
}

/// A capability that the kernel was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityUse {
    /// Name without the CAP_ prefix, as a pod's securityContext wants it, for example NET_BIND_SERVICE.
    #[schemars(length(max = 64))]
    pub name: String,
    /// Whether the container had it. false means that the kernel refused what was asked.
    pub granted: bool,
    /// When it was first seen, by the clock of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub pod: String,
}
