//! A SeccompProfile, as much of it as is needed.

use std::collections::BTreeMap;

use runtimemap_crds::{Delivery, FilterFile, SeccompProfile, Verdict, review};

use crate::controller::{watches, workloads::Key};

/// What is known of a SeccompProfile.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::controller) struct Seen {
    /// Its filters by id, if a person wants just these on nodes.
    pub(super) files: BTreeMap<String, FilterFile>,
    /// Hash of what it holds, if a person has ever approved it.
    pub(super) hash: Option<String>,
    /// What its status says, and the version of that.
    pub(super) delivery: Option<Delivery>,
    pub(super) version: Option<String>,
}

impl Seen {
    /// As much of an object as is needed.
    pub(in crate::controller) fn of(object: &SeccompProfile) -> Self {
        let approves = |verdict| verdict == Verdict::Approved;
        let ever = object.review.iter().flat_map(|review| &review.decisions).any(|decision| approves(decision.decision));
        let now = object.decision().is_some_and(|decision| approves(decision.decision));
        // One that cannot be written is one that nobody approved.
        let files = if now { object.files().unwrap_or_default() } else { Vec::new() };
        Self {
            files: files.into_iter().map(|file| (file.id(), file)).collect(),
            hash: ever.then(|| review::hash(&object.spec)),
            delivery: object.status.as_ref().and_then(|status| status.delivery.clone()),
            version: object.metadata.resource_version.clone(),
        }
    }

    /// The same, with the key of the object.
    pub(in crate::controller) fn cut(object: SeccompProfile) -> Box<(Key, Self)> {
        let seen = Self::of(&object);
        Box::new((watches::key(object.metadata), seen))
    }
}
