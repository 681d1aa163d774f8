//! SeccompProfile: OCI seccomp filters made from the system calls seen, and whether a person wants them on nodes.

mod file;
mod oci;
mod schema;

use std::collections::BTreeMap;

use k8s_openapi::{
    Metadata, NamespaceResourceScope, Resource,
    apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    review::{self, Decision, Review},
    workload::WorkloadReference,
};

pub use file::{FilterFile, filter_name};
pub use oci::{OciArg, OciSeccomp, OciSyscall};
pub use schema::definition;

/// Seccomp filters made from the system calls a workload was seen to make.
///
/// kube's derive knows no part beside `spec` and `status`, so this type and its definition are written by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeccompProfile {
    /// Always runtimemap.io/v1alpha1.
    pub api_version: String,
    /// Always SeccompProfile.
    pub kind: String,
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// The filters.
    pub spec: SeccompProfileSpec,
    /// Whether a person wants them on nodes. Written by the plugin only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Notes, and on how many nodes the filters are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<SeccompProfileStatus>,
}

impl SeccompProfile {
    /// What the decision about the filters is called in the review: they are decided about together.
    pub const DECIDED: &'static str = "filters";

    /// Filters that nobody has reviewed, under this name.
    pub fn new(name: &str, spec: SeccompProfileSpec) -> Self {
        Self {
            api_version: <Self as Resource>::API_VERSION.to_owned(),
            kind: <Self as Resource>::KIND.to_owned(),
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            spec,
            review: None,
            status: None,
        }
    }

    /// What was decided about the filters, if they still are those that were decided about.
    pub fn decision(&self) -> Option<&Decision> {
        let decisions = &self.review.as_ref()?.decisions;
        decisions.iter().find(|decision| decision.rule == Self::DECIDED && decision.hash == review::hash(&self.spec))
    }
}

impl Resource for SeccompProfile {
    const API_VERSION: &'static str = "runtimemap.io/v1alpha1";
    const GROUP: &'static str = crate::GROUP;
    const KIND: &'static str = "SeccompProfile";
    const VERSION: &'static str = crate::VERSION;
    const URL_PATH_SEGMENT: &'static str = "seccompprofiles";
    type Scope = NamespaceResourceScope;
}

impl Metadata for SeccompProfile {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The filters, in the format that container runtimes read from the kubelet's seccomp folder. Written by the recorder only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Where the filters are on nodes, if they were approved and are carried there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Whether the object is still kept up to date: Current is False once the setting that asks for it is off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
}

/// On how many nodes the approved filters are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Hash of the filters as they are.
    #[schemars(length(max = 128))]
    pub hash: String,
    /// Nodes that a pod of the workload is bound to.
    pub nodes_wanted: u32,
    /// Those of them on which all filters are, where the kubelet finds them.
    pub nodes_ready: u32,
    /// Why they are not on the others, for example because more was approved than fits. Empty while they are on their way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 4096))]
    pub message: String,
}
