//! The definition of SeccompProfile.

use k8s_openapi::{Resource, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};

use super::{SeccompProfile, SeccompProfileSpec, SeccompProfileStatus};
use crate::definition::{Reviewed, column, schema_of};

/// The CustomResourceDefinition of SeccompProfile.
///
/// # Errors
/// Only if the definition written here is none, which a test rules out.
pub fn definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    let current = ".status.conditions[?(@.type==\"Current\")].status";
    Reviewed {
        kind: SeccompProfile::KIND,
        plural: SeccompProfile::URL_PATH_SEGMENT,
        singular: "seccompprofile",
        description: "Seccomp filters made from the system calls a workload was seen to make, one for each container.",
        columns: vec![
            column("Kind", "string", ".spec.workload.kind", "Kind of the workload"),
            column("Workload", "string", ".spec.workload.name", "Name of the workload"),
            column("Current", "string", current, "Whether it is still kept up to date"),
            column("Wanted", "integer", ".status.delivery.nodesWanted", "Nodes that need the approved filters"),
            column("Ready", "integer", ".status.delivery.nodesReady", "Nodes that have them"),
        ],
        selectable: &[".spec.workload.kind", ".spec.workload.name"],
        spec: schema_of::<SeccompProfileSpec>(),
        status: schema_of::<SeccompProfileStatus>(),
    }
    .definition()
}
