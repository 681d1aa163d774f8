//! The definition of GeneratedNetworkPolicy, and the schema of a whole NetworkPolicy.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{GeneratedNetworkPolicy, GeneratedNetworkPolicyStatus};
use crate::definition::{Reviewed, column, schema_of};

/// The CustomResourceDefinition of GeneratedNetworkPolicy.
///
/// # Errors
/// Only if the definition written here is none, which a test rules out.
pub fn definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    let current = ".status.conditions[?(@.type==\"Current\")].status";
    Reviewed {
        kind: GeneratedNetworkPolicy::KIND,
        plural: "generatednetworkpolicies",
        singular: "generatednetworkpolicy",
        description: "A least-privilege NetworkPolicy made from the traffic a workload was seen to have. \
            Review it, then apply what is under .spec: \
            kubectl get generatednetworkpolicy NAME -o json | jq .spec | kubectl apply -f -",
        columns: vec![
            column("Policy", "string", ".spec.metadata.name", "Name of the NetworkPolicy under .spec"),
            column("Types", "string", ".spec.spec.policyTypes", "Directions that the policy restricts"),
            column("Current", "string", current, "Whether it is still kept up to date"),
        ],
        selectable: &[],
        spec: policy(),
        status: schema_of::<GeneratedNetworkPolicyStatus>(),
    }
    .definition()
}

/// A whole NetworkPolicy. Limits are what keeps the rules of its nested lists below the API server's cost budget (O8).
fn policy() -> Value {
    json!({
        "type": "object",
        "description": "A complete networking.k8s.io/v1 NetworkPolicy, ready to be applied.",
        "x-kubernetes-embedded-resource": true,
        "required": ["metadata", "spec"],
        "properties": {
            "apiVersion": {"type": "string", "enum": ["networking.k8s.io/v1"]},
            "kind": {"type": "string", "enum": ["NetworkPolicy"]},
            "metadata": {
                "type": "object",
                "description": "Name, namespace and labels of the policy once it is applied.",
                "required": ["name", "namespace"],
                "properties": {
                    "name": {
                        "type": "string", "minLength": 1, "maxLength": 253,
                        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                    },
                    "namespace": {"type": "string", "minLength": 1, "maxLength": 63},
                },
            },
            "spec": {
                "type": "object",
                "description": "What the policy selects and what it allows.",
                "required": ["podSelector"],
                "properties": {
                    "podSelector": selector("Pods that the policy applies to: the workload's own selector."),
                    "policyTypes": {
                        "type": "array", "maxItems": 2, "x-kubernetes-list-type": "atomic",
                        "description": "Directions that the policy restricts: only those in which traffic was seen.",
                        "items": {"type": "string", "enum": ["Ingress", "Egress"]},
                    },
                    "ingress": rules("from", "Traffic allowed to the workload."),
                    "egress": rules("to", "Traffic allowed from the workload."),
                },
            },
        },
    })
}

fn rules(peers_under: &str, description: &str) -> Value {
    json!({
        "type": "array", "maxItems": 200, "x-kubernetes-list-type": "atomic",
        "description": description,
        "items": {
            "type": "object",
            "properties": {peers_under: peers(), "ports": ports()},
        },
    })
}

fn peers() -> Value {
    let cidr = json!({"type": "string", "maxLength": 43, "format": "cidr"});
    json!({
        "type": "array", "maxItems": 100, "x-kubernetes-list-type": "atomic",
        "description": "Peers of the rule; one of them must match. None means any peer.",
        "items": {
            "type": "object",
            "properties": {
                "podSelector": selector("Pods, in the namespaces of namespaceSelector or else in the policy's own."),
                "namespaceSelector": selector("Namespaces, by their labels."),
                "ipBlock": {
                    "type": "object",
                    "description": "A range of addresses outside the cluster.",
                    "required": ["cidr"],
                    "properties": {
                        "cidr": cidr,
                        "except": {"type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic", "items": cidr},
                    },
                },
            },
            "x-kubernetes-validations": [{
                "rule": "has(self.ipBlock) ? (!has(self.podSelector) && !has(self.namespaceSelector)) \
                    : (has(self.podSelector) || has(self.namespaceSelector))",
                "message": "a peer is either an ipBlock, or a podSelector and/or namespaceSelector",
            }],
        },
    })
}

fn ports() -> Value {
    json!({
        "type": "array", "maxItems": 100, "x-kubernetes-list-type": "atomic",
        "description": "Ports of the rule; one of them must match. None means any port.",
        "items": {
            "type": "object",
            "properties": {
                "protocol": {"type": "string", "enum": ["TCP", "UDP", "SCTP"]},
                "port": {
                    "x-kubernetes-int-or-string": true,
                    "anyOf": [{"type": "integer"}, {"type": "string"}],
                    "minimum": 1, "maximum": 65535,
                    "maxLength": 15, "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
                },
                "endPort": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535},
            },
            "x-kubernetes-validations": [{
                "rule": "!has(self.endPort) || (has(self.port) && type(self.port) == int && self.endPort >= int(self.port))",
                "message": "endPort needs a numeric port that is not larger",
            }],
        },
    })
}

fn selector(description: &str) -> Value {
    json!({
        "type": "object",
        "description": description,
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "type": "object", "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array", "maxItems": 8, "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "minLength": 1, "maxLength": 317},
                        "operator": {"type": "string", "enum": ["In", "NotIn", "Exists", "DoesNotExist"]},
                        "values": {
                            "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
                            "items": {"type": "string", "maxLength": 63},
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "self.operator in ['In','NotIn'] ? (has(self.values) && size(self.values) > 0) \
                            : (!has(self.values) || size(self.values) == 0)",
                        "message": "values is required for In/NotIn and forbidden for Exists/DoesNotExist",
                    }],
                },
            },
        },
    })
}

/// The rules that stand for one that was reviewed: what a NetworkPolicy's own schema checks once it is applied.
pub(crate) fn replacement(_: &mut SchemaGenerator) -> Schema {
    let list = |description: &str| {
        json!({
            "type": "array", "maxItems": 100, "description": description,
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
        })
    };
    json_schema!({
        "type": "array", "maxItems": 100,
        "items": {
            "type": "object",
            "properties": {
                "peers": list("Peers, as a NetworkPolicy has them under from or to. None means anybody."),
                "ports": list("Ports, as a NetworkPolicy has them. None means any port."),
            },
        },
    })
}
