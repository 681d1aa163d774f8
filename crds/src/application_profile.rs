//! ApplicationProfile: what a workload runs, opens, may do and calls.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{status::ProfileStatus, workload::WorkloadReference};

/// What a workload does: the programs it starts, the files it opens, the capabilities and system calls it uses.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "runtimemap.io", version = "v1alpha1", kind = "ApplicationProfile", namespaced, category = "runtimemap", status = "ProfileStatus", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct ApplicationProfileSpec {
    /// The workload described.
    pub workload: WorkloadReference,
    /// Processor architectures it was seen on, in the words of GOARCH: amd64, arm64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerProfile>,
    /// Its init containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<ContainerProfile>,
    /// Its ephemeral containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ephemeral_containers: Vec<ContainerProfile>,
}

/// What one container does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProfile {
    /// Name of the container.
    pub name: String,
    /// Images it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
    /// Programs started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub execs: Vec<Exec>,
    /// Files opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opens: Vec<Open>,
    /// Capabilities that the kernel was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<CapabilityUse>,
    /// System calls made by the container's own programs, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<String>,
    /// System calls that only one origin other than the entrypoint made.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub syscall_origins: BTreeMap<Origin, Vec<String>>,
    /// System calls that a seccomp filter in force refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls_denied: Vec<String>,
    /// System calls made through another ABI of the processor, by architecture (x86, arm).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub syscall_architectures: BTreeMap<String, Vec<String>>,
}

/// An image and the digest it resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// Image as the pod names it.
    pub image: String,
    /// Image with its digest, as the container runtime reports it.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "imageID")]
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
    /// Absolute path in the container. For a script, the script.
    pub path: String,
    /// For a script, the absolute path of the interpreter that ran it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub interpreter: String,
    /// Arguments, the first of them the name it was started under. `⋯` stands for one argument that varied, `*` for the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Who started it.
    #[serde(default)]
    pub origin: Origin,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
}

/// A file that was opened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// Absolute path in the container. `⋯` stands for one segment that varied, `*` for the rest.
    pub path: String,
    /// All flags it was opened with, as open(2) names them.
    pub flags: Vec<String>,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
}

/// A capability that the kernel was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityUse {
    /// Name without the CAP_ prefix, as a pod's securityContext wants it.
    pub name: String,
    /// Whether the container had it.
    pub granted: bool,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
}
