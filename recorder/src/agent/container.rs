//! One container of the node: its slot, its ledger, and what of it has been told.

mod kept;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{ContainerDirective, LossCause, ObservedContainer};

pub(super) use kept::{Kept, State, Told, Written};

use super::bundle::Called;
use crate::{
    fact::{Fact, Slot},
    ledger::Ledger,
    mailbox::{self, Letter},
};

/// Names a container: UID of its pod and its own id.
pub(super) type Key = (String, String);

/// Longest pause between two times that a container's name is asked for.
const ASKED: Duration = Duration::from_secs(60);

/// Whether to ask again, after having asked for so long, and so long ago.
fn due(asked: Duration, ago: Duration) -> bool {
    ago >= (asked / 4).min(ASKED)
}

/// When a slot's tables and counters were read: at how many news, and losses of no one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) slot: Slot,
    pub(super) news: u64,
    pub(super) common: u64,
}

/// A container that is, or was, on this node.
#[derive(Debug)]
pub(super) struct Container {
    /// What is written down of it.
    pub(super) kept: Kept,
    /// While it is recorded.
    pub(super) slot: Option<Slot>,
    /// Marks of its system calls in that slot's table that the ledger has.
    pub(super) calls: Option<(Slot, usize)>,
    /// The last two readings of them, newest first.
    pub(super) readings: [Option<Reading>; 2],
    /// Everything it was seen to do within its window.
    pub(super) ledger: Ledger,
    /// What it did after a directive closed the window.
    after: Option<Ledger>,
    /// Whether the ledger may hold what is not written down.
    pub(super) dirty: bool,
    /// Whether something of `kept` may have changed.
    pub(super) changed: bool,
    /// When it was found.
    pub(super) found: Instant,
    /// When its name was asked for last.
    pub(super) asked: Instant,
    /// Until when its facts have to wait.
    pub(super) not_before: Option<Instant>,
    /// Its letters, as they are written down.
    letters: BTreeMap<String, Written>,
    /// The batch whose answer asked for all of it again.
    repeated: Option<u64>,
}

/// What a batch says of one container.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Which.
    pub(super) key: Key,
    /// About it.
    pub(super) observed: ObservedContainer,
    /// Its facts.
    pub(super) letters: Vec<Letter>,
    /// Whether more facts are to follow.
    pub(super) more: bool,
}

impl Part {
    /// Of a container of which nothing is left but that somebody asks about it: it has ended.
    pub(super) fn missing(key: &Key) -> Self {
        let (pod_uid, id) = key.clone();
        // Nothing is said of what it did, nor of how it began.
        let observed =
            ObservedContainer { pod_uid, id, startup_observed: true, closed: true, drained: true, ..ObservedContainer::default() };
        Self { key: key.clone(), observed, letters: Vec::new(), more: false }
    }
}

impl Container {
    /// A container that was found just now.
    pub(super) fn new(directory: PathBuf, elsewhere: Vec<PathBuf>, slot: Option<Slot>, ledger: Ledger, startup_observed: bool) -> Self {
        let kept = Kept { directory, elsewhere, startup_observed, ..Kept::default() };
        Self::again(kept, slot, ledger, BTreeMap::new())
    }

    /// A container as it was written down, with an empty ledger.
    pub(super) fn again(kept: Kept, slot: Option<Slot>, mut ledger: Ledger, letters: BTreeMap<String, Written>) -> Self {
        let mut after = (kept.state == State::Closing).then(|| ledger.clone());
        for (text, written) in &letters {
            if let Ok(letter) = serde_json::from_str(text) {
                let to = if *written == Written::After { after.get_or_insert_with(|| ledger.clone()) } else { &mut ledger };
                mailbox::restore(to, letter);
            }
        }
        let now = Instant::now();
        Self {
            kept,
            slot,
            calls: None,
            readings: [None; 2],
            ledger,
            after,
            dirty: true,
            changed: true,
            found: now,
            asked: now,
            not_before: None,
            letters,
            repeated: None,
        }
    }

    /// Whether it is time to ask for its name: the longer in vain, the less often.
    pub(super) fn asks(&mut self) -> bool {
        let now = Instant::now();
        let due = due(self.asked.duration_since(self.found), now.duration_since(self.asked));
        if due {
            self.asked = now;
        }
        due
    }

    /// Adds a fact.
    pub(super) fn add(&mut self, fact: Fact, first_seen: Option<Time>) {
        self.dirty = true;
        self.after.as_mut().unwrap_or(&mut self.ledger).add(fact, first_seen);
    }

    /// Adds what the kernel's tables hold. While the window is closed they wait there.
    pub(super) fn add_calls(&mut self, facts: Vec<Fact>) {
        if self.kept.state == State::Closing {
            return;
        }
        let calls = |ledger: &Ledger| (ledger.syscalls.values().map(BTreeSet::len).sum::<usize>(), ledger.denied.len());
        let before = calls(&self.ledger);
        facts.into_iter().for_each(|fact| self.ledger.add(fact, None));
        self.dirty |= calls(&self.ledger) != before;
    }

    /// Adds what somebody else wrote down of it.
    pub(super) fn import(&mut self, letters: Vec<Letter>) {
        letters.into_iter().for_each(|letter| mailbox::restore(&mut self.ledger, letter));
        self.dirty = true;
    }

    /// Takes totals of the kernel's counters as those from which its own begin.
    pub(super) fn begin_losses(&mut self, totals: Vec<(LossCause, u64)>) {
        self.kept.seen = sums(totals);
        self.changed = true;
    }

    /// Takes totals of counters, and adds what they grew by. One that is lower than it was began anew. Gives what was added.
    pub(super) fn add_losses(&mut self, totals: Vec<(LossCause, u64)>) -> BTreeMap<LossCause, u64> {
        let mut totals = sums(totals);
        totals.insert(LossCause::LedgerFull, self.ledger.network.dropped.values().sum());
        let mut grown = BTreeMap::new();
        for (cause, total) in totals {
            let before = self.kept.seen.insert(cause, total).unwrap_or(0);
            let more = if total >= before { total - before } else { total };
            if more > 0 {
                grown.insert(cause, more);
                self.lose(cause, more);
            }
        }
        grown
    }

    /// Counts a loss.
    pub(super) fn lose(&mut self, cause: LossCause, count: u64) {
        *self.kept.losses.entry(cause).or_insert(0) += count;
        self.changed = true;
    }

    /// Brings what is written down in line with the ledger, and gives the letters that changed.
    pub(super) fn write_down(&mut self) -> Vec<(String, Option<Written>)> {
        if !self.dirty {
            return Vec::new();
        }
        self.dirty = false;
        let mut now = BTreeMap::new();
        if let Some(after) = &self.after {
            now.extend(texts(after).map(|text| (text, Written::After)));
        }
        now.extend(texts(&self.ledger).map(|text| (text, Written::Untold)));
        let mut changes = Vec::new();
        let before = std::mem::take(&mut self.letters);
        for (text, written) in &mut now {
            match before.get(text) {
                Some(Written::Told) if *written != Written::After => *written = Written::Told,
                Some(known) if known == written => {}
                _ => changes.push((text.clone(), Some(*written))),
            }
        }
        changes.extend(before.into_keys().filter(|text| !now.contains_key(text)).map(|text| (text, None)));
        self.letters = now;
        changes
    }

    /// What is to be told of it, if anything is. It has to be written down.
    pub(super) fn part(&self, key: &Key) -> Option<Part> {
        let Kept { directory: _, elsewhere: _, startup_observed, called, closed, state, losses, seen: _, told, .. } = &self.kept;
        let drained = *state == State::Closing;
        let letters = self.news();
        let same = told.any && *losses == told.losses && *closed == told.closed && drained == told.drained;
        if *state == State::Ignored || (letters.is_empty() && same) {
            return None;
        }
        let (pod_uid, id) = key.clone();
        let Called { name, type_ } = called.clone().unwrap_or_default();
        let observed = ObservedContainer {
            pod_uid,
            id,
            name,
            type_,
            workload: self.kept.workload.clone(),
            revision: self.kept.revision.clone(),
            startup_observed: *startup_observed,
            losses: losses.clone(),
            closed: *closed,
            drained,
        };
        Some(Part { key: key.clone(), observed, letters, more: false })
    }

    /// What is written down and the controller does not have. A flow and the names of its address belong together: whichever is new
    /// takes the other along.
    fn news(&self) -> Vec<Letter> {
        let mut addresses = BTreeSet::new();
        let parsed: Vec<(Letter, Written)> = if self.letters.values().any(|written| *written == Written::Untold) {
            self.letters.iter().filter_map(|(text, written)| Some((serde_json::from_str(text).ok()?, *written))).collect()
        } else {
            Vec::new()
        };
        addresses.extend(parsed.iter().filter(|(_, written)| *written == Written::Untold).filter_map(|(letter, _)| address(letter)));
        let wanted = |(letter, written): &(Letter, Written)| match written {
            Written::Untold => true,
            Written::Told => address(letter).is_some_and(|address| addresses.contains(&address)),
            Written::After => false,
        };
        let mut letters: Vec<Letter> = parsed.into_iter().filter(wanted).map(|(letter, _)| letter).collect();
        // Names first: who reads a flow wants to know by which name it went.
        letters.sort_by_key(|letter| !matches!(letter, Letter::Name(..)));
        letters
    }

    /// The controller has taken this. Gives the letters that changed.
    pub(super) fn taken(&mut self, part: &Part) -> Vec<(String, Option<Written>)> {
        let mut changes = Vec::new();
        for text in part.letters.iter().filter_map(text) {
            if let Some(written) = self.letters.get_mut(&text).filter(|written| **written == Written::Untold) {
                *written = Written::Told;
                changes.push((text, Some(Written::Told)));
            }
        }
        let ObservedContainer { losses, closed, drained, .. } = &part.observed;
        let told = Told { losses: losses.clone(), closed: *closed, drained: *drained && !part.more, any: true };
        self.changed |= self.kept.told != told;
        self.kept.told = told;
        changes
    }

    /// Remembers what a directive calls it.
    pub(super) fn named(&mut self, directive: &ContainerDirective) {
        let ContainerDirective { workload, container, revision, .. } = directive;
        for (text, kept) in
            [(workload, &mut self.kept.workload), (container, &mut self.kept.container), (revision, &mut self.kept.revision)]
        {
            if !text.is_empty() && kept != text {
                kept.clone_from(text);
                self.changed = true;
            }
        }
    }

    /// The window is closed: what comes from now on is kept apart. Everything before has to be in the ledger.
    pub(super) fn close(&mut self, empty: Ledger) {
        if self.kept.state == State::Watched {
            self.kept.state = State::Closing;
            self.after = Some(empty);
            self.changed = true;
        }
    }

    /// The window is open again: what came meanwhile belongs to it.
    pub(super) fn reopen(&mut self) {
        if let Some(after) = self.after.take() {
            mailbox::letters(&after).into_iter().for_each(|letter| mailbox::restore(&mut self.ledger, letter));
            self.dirty = true;
        }
        self.kept.state = State::Watched;
        self.changed = true;
    }

    /// Everything of it is to be told again, once for each batch whose answer says so. Gives the letters that changed.
    pub(super) fn repeat(&mut self, batch: u64) -> Vec<(String, Option<Written>)> {
        if self.repeated == Some(batch) {
            return Vec::new();
        }
        self.repeated = Some(batch);
        self.kept.told = Told::default();
        self.changed = true;
        let told = self.letters.iter_mut().filter(|(_, written)| **written == Written::Told);
        told.map(|(text, written)| {
            *written = Written::Untold;
            (text.clone(), Some(Written::Untold))
        })
        .collect()
    }

    /// Whether everything has been told and nothing more will be.
    pub(super) fn done(&self) -> bool {
        let Kept { closed, state, told, losses, .. } = &self.kept;
        let answered = *state != State::Closing || told.drained;
        let untold = || self.letters.values().any(|written| *written == Written::Untold);
        let all = || told.closed && answered && told.losses == *losses && !self.dirty && !untold();
        *closed && (*state == State::Ignored || all())
    }

    /// Nobody wants to hear of it any more: what it did is forgotten. Gives the letters that changed.
    pub(super) fn ignore(&mut self, empty: Ledger) -> Vec<(String, Option<Written>)> {
        self.kept.state = State::Ignored;
        self.changed = true;
        self.dirty = false;
        self.ledger = empty;
        self.calls = None;
        self.readings = [None; 2];
        self.after = None;
        self.kept.told = Told::default();
        std::mem::take(&mut self.letters).into_keys().map(|text| (text, None)).collect()
    }
}

fn address(letter: &Letter) -> Option<IpAddr> {
    match letter {
        Letter::Flow(flow) => Some(flow.address),
        Letter::Name(_, address) => Some(*address),
        _ => None,
    }
}

fn text(letter: &Letter) -> Option<String> {
    serde_json::to_string(letter).ok()
}

fn texts(ledger: &Ledger) -> impl Iterator<Item = String> {
    mailbox::letters(ledger).into_iter().filter_map(|letter| text(&letter))
}

fn sums(totals: Vec<(LossCause, u64)>) -> BTreeMap<LossCause, u64> {
    let mut sums = BTreeMap::new();
    for (cause, count) in totals {
        *sums.entry(cause).or_insert(0) += count;
    }
    sums
}

/// Processes in a cgroup and below.
pub(super) fn processes(directory: &std::path::Path) -> BTreeSet<u32> {
    let found = crate::cgroup::Found { dirs: vec![directory.to_owned()], root: false };
    found.processes()
}

#[cfg(test)]
mod tests;
