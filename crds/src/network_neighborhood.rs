//! NetworkNeighborhood: whom a workload talks to, and who talks to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{application_profile::Origin, status::ProfileStatus, workload::WorkloadReference};

/// Whom a workload talks to and who talks to it, by peer and port.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "runtimemap.io", version = "v1alpha1", kind = "NetworkNeighborhood", namespaced, category = "runtimemap", status = "ProfileStatus", derive = "PartialEq")]
#[serde(rename_all = "camelCase")]
pub struct NetworkNeighborhoodSpec {
    /// The workload described.
    pub workload: WorkloadReference,
    /// The workload's own pod selector.
    #[serde(default)]
    pub pod_selector: LabelSelector,
    /// Its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ContainerNeighborhood>,
    /// Its init containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub init_containers: Vec<ContainerNeighborhood>,
    /// Its ephemeral containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ephemeral_containers: Vec<ContainerNeighborhood>,
}

/// The neighborhood of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerNeighborhood {
    /// Name of the container.
    pub name: String,
    /// Ports it listens on, whether or not anybody came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listens: Vec<NeighborPort>,
    /// Who talks to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<Neighbor>,
    /// Whom it talks to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<Neighbor>,
}

/// Whether a peer lives in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PeerType {
    /// In the cluster.
    Internal,
    /// Anywhere else.
    #[default]
    External,
}

/// What a peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PeerClass {
    /// Pods of a workload.
    Workload,
    /// A Service whose pods are not known.
    Service,
    /// A node, or a pod in a node's network.
    Node,
    /// The Kubernetes API server.
    KubeAPI,
    /// The cluster's DNS.
    ClusterDNS,
    /// The workload itself over its loopback address.
    #[serde(rename = "Self")]
    SelfPeer,
    /// A multicast or broadcast address.
    Multicast,
    /// Any other address.
    #[default]
    World,
}

/// Who a peer is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// What it is.
    pub class: PeerClass,
    /// Namespace of the workload or Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Kind of the workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name of the workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Service through which it was reached.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::upper_case_acronyms, reason = "the words of the Kubernetes API")]
pub enum Protocol {
    /// Transmission Control Protocol.
    #[default]
    TCP,
    /// User Datagram Protocol.
    UDP,
    /// Stream Control Transmission Protocol.
    SCTP,
}

/// Whether a connection came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It did.
    #[default]
    Established,
    /// It never did: evidence, not permission.
    Attempted,
}

/// A port of a peer or of the container itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NeighborPort {
    /// Protocol and port, for example TCP-8080.
    pub name: String,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Port as network policies see it: the target port, after any Service.
    pub port: u16,
    /// Port of the Service that was addressed, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_port: Option<u16>,
    /// Name of the container port.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub port_name: String,
    /// Addresses it listens on. Only in `listens`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
}

/// One peer, with its ports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Neighbor {
    /// Stable hash of the peer and the outcome.
    pub identifier: String,
    /// In the cluster or outside.
    #[serde(rename = "type")]
    pub type_: PeerType,
    /// Who it is.
    pub peer: Peer,
    /// Selector of the peer's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// Selector of the peer's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Addresses it was seen under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_addresses: Vec<String>,
    /// Names that the container resolved to these addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_names: Vec<String>,
    /// Ports used. For ingress the container's own, for egress the peer's.
    pub ports: Vec<NeighborPort>,
    /// Whether a connection came about.
    #[serde(default)]
    pub outcome: Outcome,
    /// Who was behind it.
    #[serde(default)]
    pub origin: Origin,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pod: String,
}
