//! The definition of SeccompProfile, put together by hand.

use k8s_openapi::{Resource, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use serde_json::json;

use super::{SeccompProfile, SeccompProfileSpec, SeccompProfileStatus};
use crate::{GROUP, VERSION, definition::schema_of, review::Review};

/// The CustomResourceDefinition of SeccompProfile.
///
/// # Errors
/// Only if the definition written here is none, which a test rules out.
pub fn definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    let column =
        |name: &str, path: &str, description: &str| json!({"name": name, "type": "string", "jsonPath": path, "description": description});
    let count =
        |name: &str, path: &str, description: &str| json!({"name": name, "type": "integer", "jsonPath": path, "description": description});
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("seccompprofiles.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": SeccompProfile::URL_PATH_SEGMENT,
                "singular": "seccompprofile",
                "kind": SeccompProfile::KIND,
                "listKind": "SeccompProfileList",
                "categories": ["runtimemap"],
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.workload.kind"}, {"jsonPath": ".spec.workload.name"}],
                "additionalPrinterColumns": [
                    column("Kind", ".spec.workload.kind", "Kind of the workload"),
                    column("Workload", ".spec.workload.name", "Name of the workload"),
                    column("Current", ".status.conditions[?(@.type==\"Current\")].status", "Whether it is still kept up to date"),
                    count("Wanted", ".status.delivery.nodesWanted", "Nodes that need the approved filters"),
                    count("Ready", ".status.delivery.nodesReady", "Nodes that have them"),
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {"openAPIV3Schema": {
                    "description": "Seccomp filters made from the system calls a workload was seen to make, one for each container.",
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": {"type": "string"},
                        "kind": {"type": "string"},
                        "metadata": {"type": "object"},
                        "spec": schema_of::<SeccompProfileSpec>(),
                        "review": schema_of::<Review>(),
                        "status": schema_of::<SeccompProfileStatus>(),
                    },
                }},
            }],
        },
    }))
}
