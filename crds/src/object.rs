//! Any object of the API, for streams that hold several kinds.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::{ApplicationProfile, GeneratedNetworkPolicy, NetworkNeighborhood, SeccompProfile};

/// An object of any kind.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Object {
    /// What a workload does.
    ApplicationProfile(Box<ApplicationProfile>),
    /// Whom it talks to.
    NetworkNeighborhood(Box<NetworkNeighborhood>),
    /// The NetworkPolicy made from that.
    GeneratedNetworkPolicy(Box<GeneratedNetworkPolicy>),
    /// The seccomp filters made from that.
    SeccompProfile(Box<SeccompProfile>),
}

impl Object {
    /// The words that may stand under `kind`.
    pub const KINDS: [&'static str; 4] = ["ApplicationProfile", "NetworkNeighborhood", GeneratedNetworkPolicy::KIND, "SeccompProfile"];

    /// The word under `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ApplicationProfile(_) => "ApplicationProfile",
            Self::NetworkNeighborhood(_) => "NetworkNeighborhood",
            Self::GeneratedNetworkPolicy(_) => GeneratedNetworkPolicy::KIND,
            Self::SeccompProfile(_) => "SeccompProfile",
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::ApplicationProfile(object) => &object.metadata,
            Self::NetworkNeighborhood(object) => &object.metadata,
            Self::GeneratedNetworkPolicy(object) => &object.metadata,
            Self::SeccompProfile(object) => &object.metadata,
        }
    }

    /// Its name, empty where it has none.
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }
}

impl From<ApplicationProfile> for Object {
    fn from(object: ApplicationProfile) -> Self {
        Self::ApplicationProfile(Box::new(object))
    }
}

impl From<NetworkNeighborhood> for Object {
    fn from(object: NetworkNeighborhood) -> Self {
        Self::NetworkNeighborhood(Box::new(object))
    }
}

impl From<GeneratedNetworkPolicy> for Object {
    fn from(object: GeneratedNetworkPolicy) -> Self {
        Self::GeneratedNetworkPolicy(Box::new(object))
    }
}

impl From<SeccompProfile> for Object {
    fn from(object: SeccompProfile) -> Self {
        Self::SeccompProfile(Box::new(object))
    }
}
