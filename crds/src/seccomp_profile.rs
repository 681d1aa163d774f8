//! SeccompProfile: OCI seccomp filters made from the system calls seen.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::workload::WorkloadReference;

/// Seccomp filters made from the system calls a workload was seen to make.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "runtimemap.io", version = "v1alpha1", kind = "SeccompProfile", namespaced, category = "runtimemap", status = "SeccompProfileStatus", derive = "PartialEq")]
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
    /// What a reviewer should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A seccomp filter as the OCI runtime specification has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSeccomp {
    /// What happens to calls that no entry names, for example SCMP_ACT_ERRNO.
    pub default_action: String,
    /// Error number that a refused call returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// Architectures, for example SCMP_ARCH_X86_64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<String>,
    /// Entries, each an action for a list of calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<OciSyscall>,
}

/// One entry of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciSyscall {
    /// Names of the calls.
    pub names: Vec<String>,
    /// What happens to them, for example SCMP_ACT_ALLOW.
    pub action: String,
    /// Error number, where the action is SCMP_ACT_ERRNO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// Conditions on arguments; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<OciArg>,
}

/// A condition on one argument.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OciArg {
    /// Which argument, from 0.
    pub index: u32,
    /// Value to compare with.
    pub value: u64,
    /// Second value, for masked comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_two: Option<u64>,
    /// Comparison, for example SCMP_CMP_EQ.
    pub op: String,
}
