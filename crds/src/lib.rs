//! The API of runtimemap: group `runtimemap.io`, version `v1alpha1`.
//!
//! Types, the merge law, collapsing and the names of conditions. No input or output, nothing asynchronous.

pub mod application_profile;
pub mod collapse;
pub mod condition;
pub mod definition;
pub mod generated_network_policy;
pub mod masking;
pub mod merge;
pub mod network_neighborhood;
pub mod node_directive;
pub mod node_observation;
pub mod object;
pub mod review;
pub mod revision;
pub mod seccomp_profile;
pub mod status;
pub mod workload;
pub mod yaml;

pub use application_profile::{ApplicationProfile, ApplicationProfileSpec, CapabilityUse, ContainerProfile, Exec, Image, Open, Origin};
pub use generated_network_policy::{GeneratedNetworkPolicy, GeneratedNetworkPolicyStatus, RuleDirection, RuleEvidence};
pub use merge::{Evidence, Merge};
pub use network_neighborhood::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Outcome, Peer, PeerClass, PeerType,
    Protocol,
};
pub use node_directive::{
    Acknowledgement, ContainerDirective, MailVerdict, NodeDirective, NodeDirectiveSpec, PodDirective, SeccompDirective, WatchState,
};
pub use node_observation::{NodeObservation, NodeObservationSpec, ObservedContainer, SeccompReport};
pub use object::Object;
pub use review::{Decision, Review, Verdict};
pub use revision::{Attribution, RevisionGroup, RevisionStatus};
pub use seccomp_profile::{Delivery, FilterFile, OciSeccomp, SeccompProfile, SeccompProfileSpec};
pub use status::{Counts, Learning, Loss, LossCause, Phase, ProfileStatus};
pub use workload::WorkloadReference;

/// API group of every kind.
pub const GROUP: &str = "runtimemap.io";
/// API version of every kind.
pub const VERSION: &str = "v1alpha1";
