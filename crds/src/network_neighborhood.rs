//! NetworkNeighborhood: whom a workload talks to, and who talks to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{application_profile::Origin, revision::RevisionGroup, status::ProfileStatus, workload::WorkloadReference};

/// What was seen: per container, every peer that the kernel reported and nothing else. Written by the recorder only.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::duplicated_attributes, reason = "several columns share a type")]
#[kube(
    group = "runtimemap.io",
    version = "v1alpha1",
    kind = "NetworkNeighborhood",
    doc = "Whom a workload talks to and who talks to it, by peer and port, as the kernel saw it.",
    namespaced,
    category = "runtimemap",
    status = "ProfileStatus",
    derive = "PartialEq",
    selectable = ".spec.workload.kind",
    selectable = ".spec.workload.name",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind", description = "Kind of the workload"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name", description = "Name of the workload"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Learning or Complete"),
    printcolumn(
        name = "Completes",
        type_ = "string",
        json_path = ".status.learning.completesAt",
        description = "When learning ends or ended",
        priority = 1
    ),
    printcolumn(
        name = "Startup",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"StartupObserved\")].status",
        description = "Whether it was watched from its first instruction"
    ),
    printcolumn(
        name = "Lost",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"EventsLost\")].status",
        description = "Whether something was lost; status.losses says what"
    ),
    printcolumn(name = "Peers", type_ = "integer", json_path = ".status.counts.peers", description = "Peers in either direction"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct NetworkNeighborhoodSpec {
    /// The workload described.
    pub workload: WorkloadReference,
    /// The workload's own pod selector, from its spec. Empty without a cluster.
    #[serde(default)]
    pub pod_selector: LabelSelector,
    /// Its containers, by name. A command recorded without a cluster has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub containers: Vec<ContainerNeighborhood>,
    /// Its init containers, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub init_containers: Vec<ContainerNeighborhood>,
    /// Its ephemeral containers, such as those of kubectl debug, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub ephemeral_containers: Vec<ContainerNeighborhood>,
    /// Which revisions of the workload did what: a group of facts for each set of revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 300))]
    pub revisions: Vec<RevisionGroup>,
}

/// The neighborhood of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerNeighborhood {
    /// Name of the container, as the pod's spec has it.
    #[schemars(length(max = 63))]
    pub name: String,
    /// Ports it listens on, whether or not anybody came. Evidence, not traffic: no rule is made from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub listens: Vec<NeighborPort>,
    /// Who talks to it: peers that opened a connection to the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    pub ingress: Vec<Neighbor>,
    /// Whom it talks to: peers that the container opened a connection to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
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
    /// What it is. All but World and Multicast are known to the cluster.
    pub class: PeerClass,
    /// Namespace of the workload or Service.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Kind of the workload, for example Deployment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Name of the workload.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub name: String,
    /// Service through which it was reached. Empty where it was addressed directly.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub service: String,
}

/// Transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
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
    #[schemars(length(max = 32))]
    pub name: String,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Port as network policies see it: the target port, after any Service. From 1 to 65535.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// Port of the Service that was addressed, if it was one. From 1 to 65535.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub service_port: Option<u16>,
    /// Name of the container port, where the pod's spec gives it one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 15))]
    pub port_name: String,
    /// Addresses it listens on; 0.0.0.0 and :: mean all. Only in listens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 45)))]
    pub addresses: Vec<String>,
}

/// One peer, with its ports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Neighbor {
    /// Stable hash of the peer, the outcome and the origin: the same in every recording.
    #[schemars(length(max = 63))]
    pub identifier: String,
    /// In the cluster or outside.
    #[serde(rename = "type")]
    pub type_: PeerType,
    /// Who the peer is: its class, and what the cluster calls it.
    pub peer: Peer,
    /// Selector of the peer's pods: that of their owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// Selector of the peer's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Addresses it was seen under, without prefix length. Only for peers that no selector names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000), inner(length(max = 45)))]
    pub ip_addresses: Vec<String>,
    /// Names that this container resolved to these addresses, by the answers it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = 1024)))]
    pub dns_names: Vec<String>,
    /// Ports used. For ingress the container's own, for egress the peer's.
    #[schemars(length(max = 5000))]
    pub ports: Vec<NeighborPort>,
    /// established: a connection came about, or datagrams went. attempted: it never did; evidence, not permission.
    #[serde(default)]
    pub outcome: Outcome,
    /// Who was behind it: entrypoint for the container's own command and its children.
    #[serde(default)]
    pub origin: Origin,
    /// When it was first seen, by the clock of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Pod that was first seen doing it. Empty without a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub pod: String,
}

impl Neighbor {
    /// The identifier of a neighbor: the same for the same peer, outcome and origin in every recording, whatever its
    /// ports. `address` tells peers of class World apart (a DNS name, else an address) and is empty for all others.
    pub fn identifier_of(peer: &Peer, address: &str, outcome: Outcome, origin: Origin) -> String {
        let Peer { class, namespace, kind, name, service } = peer;
        // NUL is in none of the parts.
        let text = format!("{class:?}\0{namespace}\0{kind}\0{name}\0{service}\0{address}\0{outcome:?}\0{origin:?}");
        // FNV-1a: written into objects, so it must never change with a version of a library.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{hash:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_the_same_in_every_recording_and_for_one_peer_only() {
        let peer = |class, name: &str| Peer { class, name: name.to_owned(), ..Peer::default() };
        let of = |peer: &Peer, address, outcome| Neighbor::identifier_of(peer, address, outcome, Origin::Entrypoint);
        let world = peer(PeerClass::World, "");
        let identifier = of(&world, "192.0.2.1", Outcome::Established);
        assert_eq!(identifier, "893f083b6a1a5450");
        assert_ne!(identifier, of(&world, "192.0.2.2", Outcome::Established));
        assert_ne!(identifier, of(&world, "192.0.2.1", Outcome::Attempted));
        assert_ne!(
            of(&peer(PeerClass::Workload, "a"), "", Outcome::Established),
            of(&peer(PeerClass::Service, "a"), "", Outcome::Established)
        );
    }
}
