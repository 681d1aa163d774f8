//! Between the node's seccomp filters and what is told of them.

use k8s_openapi::jiff::Timestamp;
use runtimemap_crds::{SeccompDirective, SeccompReport};

use super::Node;

/// What the ledger calls the filters that were written.
pub(in crate::agent) const SECCOMP: &str = "seccomp";

impl Node {
    /// Takes which filters there have to be. They are written once the ledger says so.
    pub(super) fn follow_filters(&mut self, directive: Option<&SeccompDirective>) {
        let noted = self.settings.filters.as_mut().and_then(|filters| filters.follow(directive));
        self.note_filters(noted);
    }

    /// Writes and removes files, as far as that goes in a moment.
    pub(super) fn tend_filters(&mut self) {
        let noted = self.settings.filters.as_mut().and_then(|filters| filters.tend(Timestamp::now()));
        self.note_filters(noted);
    }

    /// What is to be told of the filters, and whether that is new.
    pub(super) fn filters_report(&self) -> (Option<SeccompReport>, bool) {
        let Some(filters) = &self.settings.filters else { return (None, false) };
        // In the middle of its work it says what it said before.
        let report = filters.report().or_else(|| self.reported.clone());
        // Also that there is none: the controller then knows that there can be.
        let new = report != self.reported;
        (report, new)
    }

    fn note_filters(&mut self, noted: Option<Vec<u8>>) {
        if let Some(text) = noted {
            self.store.changes().node.insert(SECCOMP, text);
        }
    }
}
