//! Emptying mailboxes: store, then acknowledge.

use std::time::Instant;

use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{Acknowledgement, MailVerdict, NodeObservationSpec, condition::TRUNCATED};

use super::Controller;
use crate::controller::{
    generate::Occasion,
    learn::{self, Addition, Now},
    objects::{self, Progress},
    say, store,
};

impl Controller {
    pub(super) async fn empty_mailboxes(&mut self) {
        for (node, batch) in std::mem::take(&mut self.mail) {
            self.deliver(&node, &batch).await;
            self.write_directive(&node).await;
        }
    }

    /// Stores a batch. What cannot be stored waits on its node.
    pub(super) async fn deliver(&mut self, node: &str, batch: &NodeObservationSpec) {
        let now = Now { instant: Instant::now(), wall: Timestamp::now() };
        let desk = self.desks.entry(node.to_owned()).or_default().clone();
        let mut sorted = learn::sort(&self.index, &mut self.workloads, &desk, node, batch, &mut self.waiting, now);
        for addition in &sorted.additions {
            let (verdict, cause) = self.add(addition).await;
            for place in &addition.from {
                if let Some(said) = sorted.verdicts.get_mut(*place) {
                    said.verdict = verdict;
                    cause.clone_into(&mut said.cause);
                }
            }
        }
        for said in &sorted.verdicts {
            self.health.count_verdict(match said.verdict {
                MailVerdict::Taken => "taken",
                MailVerdict::Later => "later",
                MailVerdict::Refused => "refused",
            });
        }
        let ack = Acknowledgement { ledger: batch.ledger.clone(), sequence: batch.sequence };
        if let Some(desk) = self.desks.get_mut(node) {
            desk.answer(ack, &batch.containers, sorted.verdicts);
        }
        self.health.batches.inc();
    }

    /// Adds to a workload's objects.
    async fn add(&mut self, addition: &Addition) -> (MailVerdict, &'static str) {
        let key = addition.workload.key();
        let Some(revisions) = self.workloads.tracked.get(&key).map(|tracked| tracked.revisions.clone()) else {
            return (MailVerdict::Later, "NotStored");
        };
        let live = self.index.live(&self.workloads, &key);
        let progress = Progress { revisions: &revisions, live: &live, now: Timestamp::now() };
        // Whether a list was cut for the first time.
        let cut = std::cell::Cell::new(false);
        let change = |old: objects::Objects| {
            let is_cut = |objects: &objects::Objects| objects.profile_status.conditions.iter().any(|known| known.type_ == TRUNCATED);
            let was = is_cut(&old);
            let new = objects::merge(old, addition, progress);
            cut.set(!was && is_cut(&new));
            new
        };
        match store::update(&self.client, &addition.workload, true, &change).await {
            Ok(written) => {
                // Where nothing is generated, nothing is out of date.
                if written.is_some() && self.workloads.settings.generates() {
                    self.owe(key, Occasion::Learned);
                }
                if cut.get() {
                    let note = "its map was cut or collapsed further than usual, to stay small; condition Truncated names the lists";
                    self.announcer.about(&addition.workload, "ProfileTruncated", note.to_owned(), true).await;
                }
                (MailVerdict::Taken, "")
            }
            Err(kube::Error::Api(status)) if is_ending(&status) => (MailVerdict::Refused, "NamespaceGone"),
            Err(error) => {
                say(&format!("failed to store {}/{}: {error}; its node keeps it", key.0, key.1));
                (MailVerdict::Later, "NotStored")
            }
        }
    }
}

/// Whether the namespace is going, or gone: nothing can be made in it ever again.
pub(super) fn is_ending(status: &kube::core::Status) -> bool {
    let ending = |cause: &kube::core::response::StatusCause| cause.reason == "NamespaceTerminating";
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let gone = status.code == 404 && status.details.as_ref().is_some_and(|details| details.kind == "namespaces");
    gone || (status.code == 403 && causes.into_iter().any(ending))
}
