//! The opens of one container, collapsed as they come.

use std::collections::BTreeSet;

use super::{
    Thresholds, literal_path,
    path_tree::{Entry, PathTree},
};
use crate::{
    application_profile::Open,
    merge::{Evidence, Merge},
};

/// The opens of one container, collapsed as they come and never larger than the budget.
#[derive(Clone, Debug)]
pub struct OpenSet {
    tree: PathTree<OpenUse>,
}

#[derive(Clone, Debug, Default)]
struct OpenUse {
    flags: BTreeSet<String>,
    evidence: Option<Evidence>,
}

impl OpenSet {
    /// An empty set, kept below [`Thresholds::open_bytes`].
    pub fn new(thresholds: &Thresholds) -> Self {
        Self { tree: PathTree::new(thresholds, thresholds.open_bytes) }
    }

    /// Adds a file that was opened. Its path is text as [`escape`](super::escape) writes it, no pattern.
    pub fn insert(&mut self, open: Open) {
        let path = literal_path(&open.path);
        self.insert_pattern(Open { path, ..open });
    }

    /// Adds what a profile holds: its path is a pattern.
    pub fn insert_pattern(&mut self, open: Open) {
        let Open { path, flags, first_seen, pod } = open;
        let usage = OpenUse { flags: flags.into_iter().collect(), evidence: Some(Evidence { first_seen, pod }) };
        self.tree.insert(&path, usage);
    }

    /// Folds the biggest directories until the set fits into this many bytes of YAML.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.tree.shrink_to(bytes);
    }

    /// Its size in bytes of YAML, about.
    pub fn bytes(&self) -> usize {
        self.tree.bytes()
    }

    /// Whether it was folded further than the thresholds ask for, to fit its budget.
    pub fn truncated(&self) -> bool {
        self.tree.truncated()
    }

    /// The opens as a profile has them: patterns, sorted by path.
    pub fn into_opens(self) -> Vec<Open> {
        let open = |(path, usage): (String, OpenUse)| {
            let OpenUse { flags, evidence } = usage;
            let Evidence { first_seen, pod } = evidence.unwrap_or_default();
            Open { path, flags: flags.into_iter().collect(), first_seen, pod }
        };
        self.tree.into_entries().into_iter().map(open).collect()
    }
}

impl Entry for OpenUse {
    fn absorb(&mut self, other: Self, _: &Thresholds) {
        let Self { flags, evidence } = other;
        self.flags.extend(flags);
        self.evidence = match (self.evidence.take(), evidence) {
            (Some(a), Some(b)) => Some(a.merge(b)),
            (a, b) => a.or(b),
        };
    }

    fn bytes(&self, path: &str) -> usize {
        let flags = self.flags.iter().map(|flag| flag.len() + 9).sum::<usize>();
        // Indentation, names of fields and quotes.
        32 + path.len() + flags + self.evidence.as_ref().map_or(0, evidence_bytes)
    }

    fn coarsen(&mut self) -> bool {
        false
    }
}

/// Bytes of YAML that a fact's evidence takes.
pub(super) fn evidence_bytes(evidence: &Evidence) -> usize {
    let time = if evidence.first_seen.is_some() { 42 } else { 0 };
    let pod = if evidence.pod.is_empty() { 0 } else { evidence.pod.len() + 14 };
    time + pod
}
