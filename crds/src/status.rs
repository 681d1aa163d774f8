//! Status shared by ApplicationProfile and NetworkNeighborhood.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::revision::RevisionStatus;

/// Whether the profile still learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// New behaviour is still added.
    #[default]
    Learning,
    /// The learning period is over; the profile does not change until it is told to relearn.
    Complete,
}

/// When learning began, how long it lasts and when it ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Learning {
    /// Length of the learning period as a duration, for example 1h.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 32))]
    pub period: String,
    /// When the first container of the workload was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When learning ends or ended. Not set while the recording has no end of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completes_at: Option<Time>,
    /// Revision that is being learned, or was last; status.revisions has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub revision: String,
    /// Value of the annotation runtimemap.io/relearn that was obeyed last. What was first seen after that is new.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub relearned: String,
}

/// How much was learned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Programs started, by path and arguments.
    #[serde(default)]
    pub processes: u32,
    /// Files opened, after collapsing.
    #[serde(default)]
    pub files: u32,
    /// Capabilities asked for.
    #[serde(default)]
    pub capabilities: u32,
    /// System calls made.
    #[serde(default)]
    pub syscalls: u32,
    /// Peers talked to, in either direction.
    #[serde(default)]
    pub peers: u32,
}

/// Why something that happened is not in the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LossCause {
    /// The buffer between kernel and recorder was full.
    RingFull,
    /// A table in the kernel was full.
    MapFull,
    /// A path or an argument list was longer than the recorder reads.
    TooLong,
    /// A path, an address or a container could not be read.
    Unresolved,
    /// The container did more that is new, per second, than its share.
    Throttled,
    /// The kernel skipped a program: it was running on that processor already, or too many calls were under way to be told of their ends.
    Missed,
    /// A record could not be understood.
    Undecodable,
    /// The recorder's own table of this container was full.
    LedgerFull,
    /// Undrained records of an older recorder were dropped at an upgrade.
    Upgrade,
    /// Nobody recorded for a while, or what was recorded is gone. Each such time counts one: nobody knows how much happened.
    Unwatched,
}

/// Facts that were lost, counted by cause.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Why they were lost.
    pub cause: LossCause,
    /// How many since the recorder began to watch the container, at most: one fact lost twice counts twice.
    pub count: u64,
    /// Node where they were lost. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub node: String,
    /// Container that lost them. Empty where the kernel cannot tell whose they were.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub container: String,
}

/// Status of an ApplicationProfile or a NetworkNeighborhood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileStatus {
    /// Learning while new behaviour is still added, Complete after that.
    #[serde(default)]
    pub phase: Phase,
    /// The learning period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// Revisions of the workload that are kept: those with a live pod, and the last that were learned to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub revisions: Vec<RevisionStatus>,
    /// How much was learned.
    #[serde(default)]
    pub counts: Counts,
    /// What a reader should know before trusting the profile, by type: StartupObserved, EventsLost, Truncated and others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub conditions: Vec<Condition>,
    /// What was lost, by cause. Empty means that nothing was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    pub losses: Vec<Loss>,
}
