//! SeccompProfile: OCI seccomp filters made from the system calls seen.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workload::WorkloadReference;

/// The filters, in the format that container runtimes read from the kubelet's seccomp folder. Written by the recorder only.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::duplicated_attributes, reason = "several columns share a type")]
#[kube(
    group = "runtimemap.io",
    version = "v1alpha1",
    kind = "SeccompProfile",
    doc = "Seccomp filters made from the system calls a workload was seen to make, one for each container.",
    namespaced,
    category = "runtimemap",
    status = "SeccompProfileStatus",
    derive = "PartialEq",
    selectable = ".spec.workload.kind",
    selectable = ".spec.workload.name",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind", description = "Kind of the workload"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name", description = "Name of the workload"),
    printcolumn(
        name = "Current",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Current\")].status",
        description = "Whether it is still kept up to date"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfileSpec {
    /// The workload described.
    pub workload: WorkloadReference,
    /// Filter for the whole pod, that is for every container and the pause container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<OciSeccomp>,
    /// Filter per container, by the container's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<String, OciSeccomp>,
}

/// Status of a SeccompProfile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfileStatus {
    /// What a reviewer should know: which calls were added to those seen and why, and what is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(max = 4096)))]
    pub notes: Vec<String>,
    /// Whether the object is still kept up to date: Current is False once the setting that asks for it is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// A seccomp filter as the OCI runtime specification has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSeccomp {
    /// What happens to calls that no entry names, for example SCMP_ACT_ERRNO.
    #[schemars(length(max = 64))]
    pub default_action: String,
    /// Error number that such a call returns, where defaultAction is SCMP_ACT_ERRNO: 1 is EPERM, 38 is ENOSYS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures that the filter is for, for example SCMP_ARCH_X86_64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 64)))]
    pub architectures: Vec<String>,
    /// Entries, each an action for a list of calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub syscalls: Vec<OciSyscall>,
}

/// One entry of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSyscall {
    /// Names of the calls, as the architecture's table has them.
    #[schemars(length(max = 1024), inner(length(max = 64)))]
    pub names: Vec<String>,
    /// What happens to them, for example SCMP_ACT_ALLOW.
    #[schemars(length(max = 64))]
    pub action: String,
    /// Error number that they return, where the action is SCMP_ACT_ERRNO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions on arguments; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 6))]
    pub args: Vec<OciArg>,
}

/// A condition on one argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciArg {
    /// Which argument, from 0 to 5.
    #[schemars(range(min = 0, max = 5))]
    pub index: u32,
    /// Value to compare with.
    pub value: u64,
    /// Second value: for SCMP_CMP_MASKED_EQ, value is the mask and this what is left under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_two: Option<u64>,
    /// Comparison, for example SCMP_CMP_EQ.
    #[schemars(length(max = 64))]
    pub op: String,
}
