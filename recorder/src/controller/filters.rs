//! Which seccomp filters each node has to have, and where they are. Pure.

mod delivery;
mod seen;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::{FilterFile, SeccompDirective, SeccompReport};

use super::{index::Index, workloads::Key};
use crate::mailbox;

pub(super) use seen::Seen;
pub(super) use template::{named, of_pod};

/// Most filters that a node keeps although no pod of their workload is on it.
const KEEP: usize = 1000;

/// Label of a node whose agent carries filters, and nothing stands in the way.
pub(super) const READY: (&str, &str) = ("runtimemap.io/seccomp", "ready");

/// What a node was told, and of which workloads.
#[derive(Clone, Debug, Default)]
struct Told {
    chosen: BTreeMap<Key, String>,
    /// Their ids, whether or not they fit.
    wanted: BTreeSet<String>,
    keep: Vec<String>,
    payload: String,
    left_out: BTreeSet<Key>,
}

/// What an agent says of its node's filters.
#[derive(Debug)]
struct Report {
    there: BTreeSet<String>,
    trouble: String,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Filters {
    seen: BTreeMap<Key, Seen>,
    /// Those of a list that is being read anew which have not come yet.
    stale: BTreeSet<Key>,
    /// Why a workload's filters cannot be on any node. None where that has to be found out anew.
    blocked: Option<BTreeMap<Key, String>>,
    reports: BTreeMap<String, Option<Report>>,
    told: BTreeMap<String, Told>,
    /// Filters that templates of pods name. None before they were read.
    templates: Option<BTreeSet<String>>,
}

impl Filters {
    /// A SeccompProfile as it is now; None for one that is gone.
    pub(super) fn take(&mut self, key: Key, seen: Option<Seen>) {
        self.stale.remove(&key);
        match seen {
            Some(seen) => self.seen.insert(key, seen),
            None => self.seen.remove(&key),
        };
        self.blocked = None;
    }

    /// All of them are about to be told anew.
    pub(super) fn begin(&mut self) {
        self.stale = self.seen.keys().cloned().collect();
    }

    /// All of them have been told.
    pub(super) fn end(&mut self) {
        for key in std::mem::take(&mut self.stale) {
            self.seen.remove(&key);
        }
        self.blocked = None;
    }

    /// What an agent says of its node.
    pub(super) fn report(&mut self, node: &str, report: Option<SeccompReport>) {
        let report = report.map(|SeccompReport { there, trouble }| Report { there: there.into_iter().collect(), trouble });
        self.reports.insert(node.to_owned(), report);
    }

    /// A node is gone.
    pub(super) fn forget_node(&mut self, node: &str) {
        self.reports.remove(node);
        self.told.remove(node);
    }

    /// Whether a node has filters that no pod on it needs: then it matters what templates name.
    pub(super) fn asks_for_templates(&self) -> bool {
        self.reports.iter().any(|(node, report)| {
            let told = self.told.get(node);
            report.iter().flat_map(|report| &report.there).any(|id| !told.is_some_and(|told| told.wanted.contains(id)))
        })
    }

    /// What templates of pods name.
    pub(super) fn set_templates(&mut self, named: BTreeSet<String>) {
        self.templates = Some(named);
    }

    /// What a node is told: the filters of the workloads that have a pod on it.
    pub(super) fn of_node(&mut self, node: &str, index: &Index) -> SeccompDirective {
        self.block();
        let mut chosen = BTreeMap::<Key, String>::new();
        let mut named = BTreeSet::<&str>::new();
        for placed in index.of_node(node) {
            named.extend(placed.pod.filters.iter().map(String::as_str));
            let key = placed.workload.key();
            let seen = self.seen.get(&key).filter(|seen| !seen.files.is_empty() && self.why_blocked(&key).is_none());
            if let Some(hash) = seen.and_then(|seen| seen.hash.clone()) {
                chosen.insert(key, hash);
            }
        }
        let mut told = match self.told.remove(node) {
            Some(told) if told.chosen == chosen => told,
            _ => self.choose(chosen),
        };
        let is_named = |id: &String| {
            let by_template = |profile: &String| self.templates.as_ref().is_none_or(|templates| templates.contains(profile));
            FilterFile::profiles_of(id).iter().any(|profile| named.contains(profile.as_str()) || by_template(profile))
        };
        let there = self.reports.get(node).into_iter().flatten().flat_map(|report| &report.there);
        told.keep = there.filter(|id| !told.wanted.contains(*id) && is_named(id)).take(KEEP).cloned().collect();
        let directive = SeccompDirective { payload: told.payload.clone(), keep: told.keep.clone() };
        self.told.insert(node.to_owned(), told);
        directive
    }

    fn choose(&self, chosen: BTreeMap<Key, String>) -> Told {
        let seen = chosen.keys().filter_map(|key| Some((key, self.seen.get(key)?)));
        let files: Vec<(&Key, &FilterFile)> =
            seen.clone().flat_map(|(key, seen)| seen.files.values().map(move |file| (key, file))).collect();
        let wanted = seen.flat_map(|(_, seen)| seen.files.keys().cloned()).collect();
        let (payload, left_out) = fit(files);
        Told { chosen, wanted, keep: Vec::new(), payload, left_out }
    }

    /// Nodes whose label is to change, with whether they are to have it.
    pub(super) fn labels(&self, index: &Index, on: bool) -> Vec<(String, bool)> {
        let is_ready = |node: &str| {
            let report = self.reports.get(node).and_then(Option::as_ref);
            on && report.is_some_and(|report| report.trouble.is_empty())
        };
        let change = |(node, value): (&str, Option<&str>)| {
            let ready = is_ready(node);
            ((value == Some(READY.1)) != ready).then(|| (node.to_owned(), ready))
        };
        index.labelled(READY.0).filter_map(change).collect()
    }

    /// Finds out whose files cannot be: names too long, or those of another workload, of which the first in order has it.
    fn block(&mut self) {
        if self.blocked.is_some() {
            return;
        }
        let mut owners = BTreeMap::<String, &Key>::new();
        let mut blocked = BTreeMap::new();
        for (key, seen) in &self.seen {
            let profiles = || seen.files.keys().flat_map(|id| FilterFile::profiles_of(id));
            let long =
                seen.files.values().find(|file| !file.is_possible()).map(|file| format!("the name {} is too long for a file", file.name));
            let taken = || {
                profiles()
                    .find_map(|profile| owners.get(&profile).map(|owner| format!("the file {profile} is that of {} already", owner.1)))
            };
            match long.or_else(taken) {
                Some(why) => {
                    blocked.insert(key.clone(), why);
                }
                None => owners.extend(profiles().map(|profile| (profile, key))),
            }
        }
        self.blocked = Some(blocked);
    }

    fn why_blocked(&self, key: &Key) -> Option<&str> {
        self.blocked.as_ref()?.get(key).map(String::as_str)
    }
}

/// As many filters as a directive holds, those of a workload together, and whose are left out.
fn fit(mut files: Vec<(&Key, &FilterFile)>) -> (String, BTreeSet<Key>) {
    let mut left_out = BTreeSet::new();
    loop {
        let plain: Vec<FilterFile> = files.iter().map(|(_, file)| (*file).clone()).collect();
        if let Ok(Some(payload)) = mailbox::encode_filters(&plain) {
            return (payload, left_out);
        }
        // A tenth at a time: how small it gets is known only then.
        for _ in 0..files.len().div_ceil(10) {
            let Some((last, _)) = files.last() else { break };
            left_out.insert((*last).clone());
            files.retain(|(key, _)| !left_out.contains(*key));
        }
    }
}

#[cfg(test)]
mod tests;
