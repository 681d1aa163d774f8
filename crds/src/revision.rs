//! Revisions of a workload: which there are, how far each is learned, and which did what.

mod attribution;
mod facts;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use attribution::Attribution;
pub(crate) use attribution::union;
pub use facts::{Facts, Key};

use crate::status::Phase;

/// Most revisions that are kept of a workload.
pub const REVISIONS: usize = 8;

/// Facts that the same revisions did.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionGroup {
    /// The revisions, by their id in status.revisions.
    #[schemars(length(max = 64), inner(length(max = 128)))]
    pub revisions: Vec<String>,
    /// The facts, each as a hash of eight digits. Not set for the group that holds every fact that no other group names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 131_072))]
    pub facts: String,
}

/// One revision of a workload: the same containers with the same images, commands and security contexts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionStatus {
    /// Hash of the containers as they were admitted, and of their images where one name stood for several.
    #[schemars(length(max = 128))]
    pub id: String,
    /// Learning while new behaviour of this revision is still added, Complete after that.
    #[serde(default)]
    pub phase: Phase,
    /// When it was first seen, or told to learn again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// How much of its learning period was left when its clock was last started or stopped, in seconds.
    #[serde(default)]
    pub remaining_seconds: u64,
    /// Since when its clock runs: a container of it runs under an agent that is ready. Not set while it stands still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Time>,
    /// When its learning ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Images that its containers ran, by container, as far as they are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}
