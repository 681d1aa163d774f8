//! Approved seccomp filters of this node, where its kubelet finds them.
//!
//! The controller says which filters there have to be. What nobody names any more goes, but not at once: whoever wrote a manifest a
//! moment ago still counts on it. Files that this agent did not write are nobody's business but of whoever did.

mod folder;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    time::{Duration, Instant},
};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_crds::{FilterFile, SeccompDirective, SeccompReport};

use folder::Folder;

use crate::mailbox;

/// How often all files are compared with what they have to be.
const AGAIN: Duration = Duration::from_secs(60);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(5);
/// How long files are written in one go: what the kernel has to tell does not wait for a slow disk.
const MOMENT: Duration = Duration::from_millis(50);
/// Most filters that are told of.
const TOLD: usize = 1000;

/// Filters that were ever written by this node's agents and are not removed yet: since when nobody names each, in seconds since 1970.
/// None for one that is named.
type Record = BTreeMap<String, Option<i64>>;

/// Everything about the filters of this node.
pub(super) struct Filters {
    folder: Folder,
    /// How long one stays that nobody names.
    stay: SignedDuration,
    /// What there has to be, by id. None before the controller has said it, and while it wants nothing changed.
    wanted: Option<BTreeMap<String, FilterFile>>,
    keep: BTreeSet<String>,
    record: Record,
    /// Those that are there.
    there: BTreeSet<String>,
    /// Those that have to be looked at.
    queue: VecDeque<String>,
    looked: Instant,
    not_before: Option<Instant>,
    trouble: String,
}

impl Filters {
    /// Those of this folder, which is `runtimemap` in the kubelet's, as the ledger knows them.
    pub(super) fn new(folder: PathBuf, stay: Duration, ledger: Option<&[u8]>) -> Self {
        let mut record: Record = ledger.and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
        let folder = Folder::new(folder);
        // A file that an agent was killed over has no name yet.
        folder.sweep();
        record.retain(|id, _| folder.holds(id));
        Self {
            folder,
            stay: SignedDuration::try_from(stay).unwrap_or(SignedDuration::MAX),
            wanted: None,
            keep: BTreeSet::new(),
            there: record.keys().cloned().collect(),
            record,
            queue: VecDeque::new(),
            looked: Instant::now(),
            not_before: None,
            trouble: String::new(),
        }
    }

    /// Takes what the controller says. Gives what has to be in the ledger before anything is written, if that is something new.
    pub(super) fn follow(&mut self, directive: Option<&SeccompDirective>) -> Option<Vec<u8>> {
        let Some(directive) = directive else {
            self.wanted = None;
            self.queue.clear();
            return None;
        };
        let files: Vec<FilterFile> = match mailbox::decode_filters(&directive.payload) {
            Ok(files) => files,
            Err(error) => {
                // What is there stays until something better is said.
                self.trouble_with(&error.to_string());
                self.wanted = None;
                return None;
            }
        };
        // Names come from a cluster's objects; they never lead out of the folder.
        let wanted: BTreeMap<String, FilterFile> =
            files.into_iter().filter(FilterFile::is_possible).map(|file| (file.id(), file)).collect();
        self.keep = directive.keep.iter().cloned().collect();
        if self.wanted.as_ref() != Some(&wanted) {
            self.queue = wanted.keys().cloned().collect();
            self.there.retain(|id| wanted.contains_key(id) || self.record.contains_key(id));
        }
        let before = self.record.len();
        for id in wanted.keys() {
            self.record.entry(id.clone()).or_insert(None);
        }
        self.wanted = Some(wanted);
        (self.record.len() > before).then(|| self.written_down())
    }

    /// Writes what is missing, as far as that goes in a moment, and removes what nobody has named for long enough. Gives what has to be in
    /// the ledger, if that is something new.
    pub(super) fn tend(&mut self, now: Timestamp) -> Option<Vec<u8>> {
        if self.wanted.is_none() || self.not_before.is_some_and(|time| Instant::now() < time) {
            return None;
        }
        if self.queue.is_empty() && self.looked.elapsed() >= AGAIN {
            self.queue = self.wanted.iter().flat_map(BTreeMap::keys).cloned().collect();
            self.looked = Instant::now();
        }
        let mut changed = false;
        match self.write().and_then(|()| self.remove(now, &mut changed)) {
            Ok(()) => {
                if self.queue.is_empty() && !self.trouble.is_empty() {
                    self.trouble.clear();
                    super::say("seccomp filters can be written again");
                }
                self.not_before = None;
            }
            Err(error) => {
                self.trouble_with(&error.to_string());
                self.not_before = Some(Instant::now() + PAUSE);
            }
        }
        changed.then(|| self.written_down())
    }

    /// What the controller is told, once there is nothing left to do for now.
    pub(super) fn report(&self) -> Option<SeccompReport> {
        let settled = self.queue.is_empty() || !self.trouble.is_empty();
        settled.then(|| SeccompReport { there: self.there.iter().take(TOLD).cloned().collect(), trouble: self.trouble.clone() })
    }

    fn write(&mut self) -> Result<(), folder::Error> {
        let began = Instant::now();
        while let Some(id) = self.queue.front() {
            if let Some(file) = self.wanted.as_ref().and_then(|wanted| wanted.get(id)) {
                self.there.remove(id);
                // The one that manifests may name for ever comes first: then whoever sees the other can name either.
                self.folder.put(&file.namespace, &file.hashed(), &file.content)?;
                self.folder.put(&file.namespace, &file.name, &file.content)?;
                self.there.insert(id.clone());
            }
            self.queue.pop_front();
            if began.elapsed() > MOMENT {
                break;
            }
        }
        Ok(())
    }

    /// Sets `changed` if anything of the record did, also before a failure.
    fn remove(&mut self, now: Timestamp, changed: &mut bool) -> Result<(), folder::Error> {
        let Self { folder, stay, wanted, keep, record, there, .. } = self;
        let mut over = Vec::new();
        for (id, since) in record.iter_mut() {
            if keep.contains(id) || wanted.as_ref().is_some_and(|wanted| wanted.contains_key(id)) {
                *changed |= since.take().is_some();
                continue;
            }
            *changed |= since.is_none();
            if now.duration_since(second(*since.get_or_insert(now.as_second()))) >= *stay {
                over.push(id.clone());
            }
        }
        for id in over {
            folder.remove(&id)?;
            record.remove(&id);
            there.remove(&id);
            *changed = true;
        }
        Ok(())
    }

    fn written_down(&self) -> Vec<u8> {
        serde_json::to_vec(&self.record).unwrap_or_default()
    }

    /// Says what is wrong, once.
    fn trouble_with(&mut self, text: &str) {
        let text: String = text.chars().take(1000).collect();
        if self.trouble != text {
            super::say(&format!("{text}; trying again"));
            self.trouble = text;
        }
    }
}

fn second(since: i64) -> Timestamp {
    Timestamp::from_second(since).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
