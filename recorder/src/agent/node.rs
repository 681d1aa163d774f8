//! The node: its pods and containers, as their cgroups come and go.

mod cgroups;
mod directive;
mod filters;
mod ledger;
mod mail;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    os::fd::BorrowedFd,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use runtimemap_crds::{LossCause, SeccompReport, collapse::Thresholds};

pub(super) use self::filters::SECCOMP;
use super::{
    Error,
    batch::Batch,
    container::{Container, Key, State},
    filters::Filters,
    metrics::Metrics,
    redirect::Redirects,
    say,
    store::Store,
    watch::Watch,
};
use crate::{
    cgroup::Hierarchies,
    fact::{Fact, Slot},
    kernel::{Kernel, Made, Record},
    ledger::Ledger,
};

/// How often what was drained goes to disk, at most.
const SETTLE: Duration = Duration::from_millis(200);
/// Part of the buffer, in percent, from which on what was drained goes to disk at once.
const HELD: u64 = 25;
/// A clock that is off by less is right.
const CLOCK: i64 = 5;

/// What a node is made with.
pub(super) struct Settings {
    /// Whether arguments that look like secrets are masked, if no directive says otherwise.
    pub(super) mask: bool,
    /// How long after the last learner the hooks that run often stay.
    pub(super) idle: Duration,
    /// Cgroup below which pods are looked for.
    pub(super) below: PathBuf,
    /// Seccomp filters for the kubelet, if there is a folder for them.
    pub(super) filters: Option<Filters>,
}

/// Everything that is recorded on this node.
pub(super) struct Node {
    kernel: Kernel,
    store: Store,
    metrics: Arc<Metrics>,
    settings: Settings,
    /// Mounts of the hierarchies that take part, that of identity first.
    mounts: Vec<PathBuf>,
    roots: Vec<PathBuf>,
    watch: Watch,
    /// Cgroups whose children the kernel takes for pods or containers.
    marked: BTreeSet<PathBuf>,
    /// Pods by UID.
    pods: BTreeMap<String, PathBuf>,
    /// Pods of which nobody wants to hear.
    ignored: BTreeSet<String>,
    containers: BTreeMap<Key, Container>,
    /// Cgroups of containers that cannot be recorded, with why.
    untracked: BTreeMap<PathBuf, String>,
    slots: HashMap<Slot, Key>,
    redirects: Redirects,
    /// Totals of the kernel's counters of losses that are of no one container, as they were before the buffer was read last. What is told
    /// to have begun since then began after that.
    losses_before: Vec<(LossCause, u64)>,
    /// Skipped programs among these, as they are written down.
    skips_written: u64,
    /// Facts of slots whose container is not known yet.
    orphans: HashMap<Slot, Ledger>,
    /// Containers that are only in the store, where everything of them has been told, with when they ended.
    ended: BTreeMap<Key, i64>,
    thresholds: Thresholds,
    mask: bool,
    /// Name of the ledger, and number of its last batch.
    ledger: String,
    sequence: u64,
    outstanding: Option<Batch>,
    /// What was told last of the node's seccomp filters.
    reported: Option<SeccompReport>,
    /// Containers that the controller asks about and that have ended and are forgotten, with whether it was told so.
    missing: BTreeMap<Key, bool>,
    /// Whose turn it is: the container that was told of last.
    last: Option<Key>,
    /// Whether the mailbox was looked at: what an agent before this one left there must not be written over unread.
    mailbox_known: bool,
    /// Seconds by which the node's clock is ahead of the API server's.
    clock: i64,
    /// Since when the hooks that run often are attached, in nanoseconds since boot.
    hot_since: u64,
    /// Since when nobody is learned.
    idle_since: Option<Instant>,
    settled: Instant,
}

impl Node {
    /// A node as its ledger has it. What happened while no agent ran is in the kernel, if that could be pinned, or counts as a loss.
    pub(super) fn new(
        kernel: Kernel,
        store: Store,
        hierarchies: &Hierarchies,
        ledger: String,
        settings: Settings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let mounts = hierarchies.taking_part()?.iter().map(|part| part.mount.clone()).collect();
        // Hooks that a recorder before this one has left attached were attached all the time.
        let hot_since = if kernel.adopted() && kernel.hot() { 0 } else { now() };
        let mask = settings.mask;
        let mut node = Self {
            kernel,
            store,
            metrics,
            settings,
            mounts,
            roots: Vec::new(),
            watch: Watch::new().map_err(Error::Wait)?,
            marked: BTreeSet::new(),
            pods: BTreeMap::new(),
            ignored: BTreeSet::new(),
            containers: BTreeMap::new(),
            untracked: BTreeMap::new(),
            slots: HashMap::new(),
            redirects: Redirects::default(),
            losses_before: Vec::new(),
            skips_written: 0,
            orphans: HashMap::new(),
            ended: BTreeMap::new(),
            thresholds: Thresholds::default(),
            mask,
            ledger,
            sequence: 0,
            outstanding: None,
            reported: None,
            missing: BTreeMap::new(),
            last: None,
            mailbox_known: false,
            clock: 0,
            hot_since,
            idle_since: None,
            settled: Instant::now(),
        };
        node.restore()?;
        Ok(node)
    }

    fn empty(&self) -> Ledger {
        Ledger::new(&self.thresholds, self.mask)
    }

    /// Waits for something to happen, at most so long, and takes what the kernel has. True if cgroups came or went.
    pub(super) fn wait(&mut self, signals: BorrowedFd<'_>, timeout: Duration) -> Result<bool, Error> {
        // What is read but not on disk keeps the buffer readable: then only the time counts.
        let held = self.kernel.held() > 0 || self.dirty();
        let (records, timeout) = if held { (Vec::new(), SETTLE.min(timeout) / 2) } else { (self.kernel.descriptors(), timeout) };
        let changed = self.watch.wait(&records, signals, timeout).map_err(Error::Wait)?;
        drop(records);
        let made = self.drain()?;
        Ok(changed || made)
    }

    /// Takes what the kernel has. True if a pod or a container began.
    fn drain(&mut self) -> Result<bool, Error> {
        let offset = self.offset();
        let losses = self.kernel.common_losses();
        let Self { kernel, containers, slots, redirects, orphans, thresholds, mask, metrics, .. } = self;
        let mut begun: Vec<Made> = Vec::new();
        kernel.drain(Duration::ZERO, &mut |record| match record {
            Record::Made(made) => begun.push(made),
            Record::Fact(fact) => {
                metrics.facts.inc();
                let first_seen = wall(&fact, offset);
                match slots.get(&fact.slot).and_then(|key| containers.get_mut(key)) {
                    Some(container) => {
                        for fact in redirects.addressed(fact, &container.kept.directory) {
                            container.add(fact, first_seen.clone());
                        }
                    }
                    // Its beginning is told before, but looked at only after this.
                    None => orphans.entry(fact.slot).or_insert_with(|| Ledger::new(thresholds, *mask)).add(fact, first_seen),
                }
            }
        })?;
        for made in &begun {
            self.begin(made)?;
        }
        self.losses_before = losses;
        // What nobody has begun by now was begun before this agent, and its cgroup will be found.
        if !begun.is_empty() {
            self.kernel.refill()?;
        }
        Ok(!begun.is_empty())
    }

    /// What has to be done now and then: the disk, and the hooks that run often.
    pub(super) fn tick(&mut self) -> Result<(), Error> {
        self.kernel.refill()?;
        self.ask_redirects();
        self.tend_filters();
        if self.settled.elapsed() >= SETTLE || self.kernel.held() >= HELD {
            self.settle()?;
        }
        let learners = self.containers.values().filter(|container| container.slot.is_some()).count();
        if learners > 0 {
            self.idle_since = None;
            return self.heat();
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        if self.kernel.hot() && since.elapsed() >= self.settings.idle {
            self.kernel.cool()?;
            say("nobody is being learned: the hooks that run often are detached");
        }
        Ok(())
    }

    /// Takes what came to proxies' ports without a record of its own.
    fn ask_redirects(&mut self) {
        let offset = self.offset();
        for fact in self.redirects.since() {
            let first_seen = wall(&fact, offset);
            if let Some(container) = self.slots.get(&fact.slot).and_then(|key| self.containers.get_mut(key)) {
                container.add(fact, first_seen);
            }
        }
    }

    /// What makes the API server's time, in nanoseconds, of the time since boot.
    fn offset(&self) -> i128 {
        let ahead = if self.clock.abs() >= CLOCK { i128::from(self.clock) * 1_000_000_000 } else { 0 };
        Timestamp::now().as_nanosecond() - crate::record::monotonic() - ahead
    }

    /// Attaches the hooks that run often, if they are not.
    fn heat(&mut self) -> Result<(), Error> {
        if !self.kernel.hot() {
            self.kernel.heat()?;
            self.hot_since = now();
        }
        Ok(())
    }

    /// Figures for whoever watches the agent.
    fn measure(&self) {
        let states = [("learning", State::Watched), ("closing", State::Closing), ("ignored", State::Ignored)];
        for (name, state) in states {
            let count = self.containers.values().filter(|container| container.kept.state == state && !container.kept.closed).count();
            self.metrics.containers(name, count);
        }
        self.metrics.containers("untracked", self.untracked.len());
        self.metrics.containers("ended", self.containers.values().filter(|container| container.kept.closed).count());
        self.metrics.hooks(self.kernel.attached().len(), self.kernel.hot());
        self.metrics.store(self.store.size(), self.store.trouble().is_none());
        self.metrics.outstanding(self.outstanding.is_some());
    }
}

/// Nanoseconds since boot.
fn now() -> u64 {
    u64::try_from(crate::record::monotonic()).unwrap_or(0)
}

/// When a fact happened, in whole seconds.
fn wall(fact: &Fact, offset: i128) -> Option<Time> {
    (fact.time != 0).then(|| crate::record::wall(i128::from(fact.time) + offset)).flatten()
}
