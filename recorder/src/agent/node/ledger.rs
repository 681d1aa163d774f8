//! What is written down, and what is found written down.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use runtimemap_crds::{LossCause, NodeObservationSpec};
use serde::{Deserialize, Serialize};

use super::Node;
use crate::{
    agent::{
        Error, batch,
        bundle::Called,
        container::{Container, Kept, Key, Reading, State, Written},
        say,
        store::Entry,
    },
    fact::Slot,
    kernel::Predecessor,
    mailbox,
};

/// Containers of which everything has been told, and that are kept in case it has to be told again.
const ENDED: usize = 200;

/// What the ledger calls the number of programs that the kernel skipped.
const SKIPS: &str = "skips";

/// What the kernel has counted over all containers.
pub(super) struct Totals {
    news: u64,
    common: Vec<(LossCause, u64)>,
}

/// The batch on its way.
#[derive(Serialize, Deserialize)]
struct Outstanding {
    spec: NodeObservationSpec,
    more: Vec<bool>,
}

pub(super) fn name(key: &Key) -> String {
    format!("{}/{}", key.0, key.1)
}

fn key(name: &str) -> Option<Key> {
    name.split_once('/').map(|(uid, id)| (uid.to_owned(), id.to_owned()))
}

impl Node {
    /// Takes up what the agent before this one has left in the ledger and in the kernel.
    pub(super) fn restore(&mut self) -> Result<(), Error> {
        let number = self.store.node("sequence").and_then(|text| serde_json::from_slice(&text).ok());
        self.sequence = number.unwrap_or(0);
        self.ignored = self.store.node("pods").and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let left: Option<Option<Outstanding>> = self.store.node("outstanding").and_then(|text| serde_json::from_slice(&text).ok());
        self.outstanding = left.flatten().and_then(|Outstanding { spec, more }| batch::again(spec, &more));
        // The other totals begin with each agent.
        if self.kernel.adopted() {
            self.skips_written = self.store.node(SKIPS).and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(0);
            self.losses_before = vec![(LossCause::Missed, self.skips_written)];
        }
        let predecessors = self.kernel.predecessors();
        for (name, entry) in self.store.containers() {
            let Some(key) = key(&name) else { continue };
            let container = self.read_back(entry);
            if container.done() {
                self.ended.insert(key, container.kept.closed_at);
            } else {
                self.resume(key, container, &predecessors);
            }
        }
        self.kernel.refill()?;
        self.settle()?;
        // Only now does nothing depend on them any more.
        for predecessor in predecessors {
            if let Err(error) = predecessor.remove() {
                say(&error.to_string());
            }
        }
        Ok(())
    }

    /// Releases slots that nobody knows, once the cgroups were looked at.
    pub(in crate::agent) fn sweep(&mut self) -> Result<(), Error> {
        let used: BTreeSet<Slot> = self.slots.keys().copied().collect();
        self.kernel.keep_only(&used)?;
        self.orphans.clear();
        self.settle()
    }

    fn read_back(&self, entry: Entry) -> Container {
        let Entry { container, letters } = entry;
        let kept: Kept = serde_json::from_slice(&container).unwrap_or_default();
        let letters = letters.into_iter().map(|(text, number)| (text, Written::of(number))).collect();
        let mut container = Container::again(kept, None, self.empty(), letters);
        container.write_down();
        container
    }

    /// Goes on with a container: in its slot if the kernel's side was taken over, else in a new one, with a loss for the time between.
    fn resume(&mut self, key: Key, mut container: Container, predecessors: &[Predecessor]) {
        let old = container.kept.slot.take();
        if container.kept.closed || container.kept.state == State::Ignored {
            self.containers.insert(key, container);
            return;
        }
        let same = old.filter(|(slot, epoch)| self.kernel.adopted() && self.kernel.epoch(Slot(*slot)) == Some(*epoch));
        if let Some((slot, _)) = same {
            container.slot = Some(Slot(slot));
            // This agent begins to count at nothing.
            container.kept.seen.remove(&LossCause::LedgerFull);
            container.kept.seen.remove(&LossCause::Undecodable);
        } else {
            match predecessors.iter().find(|predecessor| predecessor.same_ledger) {
                Some(predecessor) => {
                    for (cause, count) in fold(predecessor, old, &mut container) {
                        self.metrics.lost(cause, count);
                    }
                }
                None => container.lose(LossCause::Unwatched, 1),
            }
            let directory = container.kept.directory.clone();
            container.begin_losses(self.kernel.common_losses());
            container.slot = if directory.is_dir() { self.existing(&directory) } else { None };
            if let Some(slot) = container.slot {
                self.snapshot(slot, &mut container);
            }
        }
        self.hold_slot(&key, &mut container);
        self.containers.insert(key, container);
    }

    /// Whether something of a container is not on disk.
    pub(super) fn dirty(&self) -> bool {
        self.containers.values().any(|container| container.dirty || container.changed)
    }

    /// Puts everything on disk, and gives the kernel's buffer back.
    pub(in crate::agent) fn settle(&mut self) -> Result<(), Error> {
        let keys: Vec<Key> = self.containers.keys().cloned().collect();
        let totals = self.totals()?;
        for key in &keys {
            self.read_tables(key, &totals)?;
        }
        for (key, container) in &mut self.containers {
            let name = name(key);
            for (letter, written) in container.write_down() {
                self.store.changes().letters.insert((name.clone(), letter), written.map(Written::number));
            }
            if std::mem::take(&mut container.changed) {
                self.store.changes().containers.insert(name, serde_json::to_vec(&container.kept).ok());
            }
        }
        let skips = self.losses_before.iter().filter(|(cause, _)| *cause == LossCause::Missed).map(|(_, count)| count).sum();
        if self.skips_written != skips {
            self.skips_written = skips;
            self.store.changes().node.insert(SKIPS, skips.to_string().into_bytes());
        }
        let sound = self.store.trouble().is_none();
        if self.store.write() {
            if !sound && self.store.trouble().is_none() {
                say("the ledger can be written again");
            }
        } else if sound {
            // Learning goes on: what is not on disk is lost only if the agent ends before it is handed over.
            say(self.store.trouble().unwrap_or_default());
        }
        self.kernel.give_back();
        self.settled = std::time::Instant::now();
        self.put_away();
        self.measure();
        Ok(())
    }

    /// Frees slots of what has ended, and forgets what nobody will ask for.
    fn put_away(&mut self) {
        let ended: Vec<Key> = self
            .containers
            .iter()
            .filter(|(_, container)| container.kept.closed && (container.slot.is_some() || container.done()))
            .map(|(key, _)| key.clone())
            .collect();
        for key in ended {
            self.free_slot(&key);
            let Some(container) = self.containers.get(&key).filter(|container| container.done()) else { continue };
            if container.kept.state == State::Ignored {
                self.store.changes().containers.insert(name(&key), None);
            } else {
                self.ended.insert(key.clone(), container.kept.closed_at);
                self.store.changes().containers.insert(name(&key), serde_json::to_vec(&container.kept).ok());
            }
            self.containers.remove(&key);
        }
        while self.ended.len() > ENDED {
            let Some(oldest) = self.ended.iter().min_by_key(|(_, time)| **time).map(|(key, _)| key.clone()) else { return };
            self.ended.remove(&oldest);
            self.store.changes().containers.insert(name(&oldest), None);
        }
    }

    /// The kernel's totals.
    pub(super) fn totals(&self) -> Result<Totals, Error> {
        Ok(Totals { news: self.kernel.news()?, common: self.kernel.common_losses() })
    }

    /// Reads a container's tables, unless nothing is new since the last two readings: of one alone, the news could have come before what
    /// they are about.
    pub(super) fn read_tables(&mut self, key: &Key, totals: &Totals) -> Result<(), Error> {
        let Some(container) = self.containers.get_mut(key) else { return Ok(()) };
        let Some(slot) = container.slot else { return Ok(()) };
        let now = Some(Reading { slot, news: totals.news, common: totals.common.iter().map(|(_, count)| count).sum() });
        if !container.dirty && container.readings == [now, now] {
            return Ok(());
        }
        container.readings = if container.kept.state == State::Closing { [None; 2] } else { [now, container.readings[0]] };
        // While its window is closed they wait there.
        if container.kept.state != State::Closing {
            let mut known = container.calls.filter(|(of, _)| *of == slot).map_or(0, |(_, marks)| marks);
            container.add_calls(self.kernel.more_syscalls(slot, &mut known)?);
            container.calls = Some((slot, known));
        }
        for (cause, count) in container.add_losses(self.kernel.losses(slot, &totals.common)?) {
            self.metrics.lost(cause, count);
        }
        Ok(())
    }

    /// Writes down which batch is on its way.
    pub(super) fn note_outstanding(&mut self) {
        let outstanding = self
            .outstanding
            .as_ref()
            .map(|batch| Outstanding { spec: batch.spec.clone(), more: batch.parts.iter().map(|part| part.more).collect() });
        let changes = self.store.changes();
        changes.node.insert("outstanding", serde_json::to_vec(&outstanding).unwrap_or_default());
        changes.node.insert("sequence", self.sequence.to_string().into_bytes());
    }

    /// Takes a container back from the store, where everything of it has been told.
    pub(super) fn bring_back(&mut self, key: &Key) {
        if self.ended.remove(key).is_some()
            && let Some(entry) = self.store.container(&name(key))
        {
            let container = self.read_back(entry);
            self.containers.insert(key.clone(), container);
        }
    }

    /// Takes over the batch of a ledger that is lost: the controller may not have it.
    pub(super) fn import(&mut self, spec: &NodeObservationSpec) {
        let letters = match mailbox::decode(&spec.payload) {
            Ok(letters) => letters,
            Err(error) => return say(&format!("failed to read the batch of the ledger before this one, which is lost: {error}")),
        };
        for (observed, letters) in spec.containers.iter().zip(letters.into_iter().chain(std::iter::repeat(Vec::new()))) {
            let key = (observed.pod_uid.clone(), observed.id.clone());
            if !self.containers.contains_key(&key) {
                let mut container = Container::new(PathBuf::new(), Vec::new(), None, self.empty(), observed.startup_observed);
                container.kept.closed = true;
                self.containers.insert(key.clone(), container);
            }
            let Some(container) = self.containers.get_mut(&key) else { continue };
            container.import(letters);
            for (cause, count) in &observed.losses {
                container.lose(*cause, *count);
            }
            // What was in that ledger and in no batch is gone.
            container.lose(LossCause::Unwatched, 1);
            if container.kept.called.is_none() && !observed.type_.is_empty() {
                container.kept.called = Some(Called { name: observed.name.clone(), type_: observed.type_.clone() });
            }
            (container.kept.workload, container.kept.revision) = (observed.workload.clone(), observed.revision.clone());
        }
        say(&format!("took over batch {} of a ledger that is lost", spec.sequence));
    }
}

/// Adds what an older recorder's tables hold, and counts what nobody has read. Gives what it lost that nobody had counted.
fn fold(predecessor: &Predecessor, old: Option<(u32, u32)>, container: &mut Container) -> BTreeMap<LossCause, u64> {
    let mut lost = BTreeMap::new();
    if let Some((slot, _)) = old {
        match predecessor.syscalls(Slot(slot)) {
            Ok(facts) => container.add_calls(facts),
            Err(error) => say(&error.to_string()),
        }
        match predecessor.losses(Slot(slot)) {
            Ok(totals) => lost = container.add_losses(totals),
            Err(error) => say(&error.to_string()),
        }
    }
    // Whose records they are only the older recorder can read: they count for each.
    match predecessor.unread() {
        Ok(0) => {}
        Ok(count) => container.lose(LossCause::Upgrade, count),
        Err(error) => {
            say(&error.to_string());
            container.lose(LossCause::Upgrade, 1);
        }
    }
    lost
}
