//! Filters as the OCI runtime specification has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
