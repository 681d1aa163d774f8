//! When something was first seen, and who did it.

use std::cmp::Ordering;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Merge;

/// When something was first seen, and by which pod. The earlier of two; where both are equally old, the pod that comes
/// first by name; what is known before what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When.
    pub first_seen: Option<Time>,
    /// The pod. Empty where there is none.
    pub pod: String,
}

impl Evidence {
    /// Evidence of a time, without a pod.
    pub fn at(first_seen: Time) -> Self {
        Self { first_seen: Some(first_seen), pod: String::new() }
    }
}

impl Ord for Evidence {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |evidence: &Self| (evidence.first_seen.is_none(), evidence.first_seen.clone(), evidence.pod.is_empty());
        key(self).cmp(&key(other)).then_with(|| self.pod.cmp(&other.pod))
    }
}

impl PartialOrd for Evidence {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Merge for Evidence {
    fn merge(self, other: Self) -> Self {
        self.min(other)
    }
}
