//! The node: its pods and containers, as their cgroups come and go.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use runtimemap_crds::{MailVerdict, NodeDirectiveSpec, WatchState, collapse::Thresholds};

use super::{
    Error,
    batch::{self, Batch},
    bundle,
    container::{Container, Key, Part, processes},
    place, say,
    watch::Watch,
};
use crate::{
    cgroup::Hierarchies,
    fact::{Fact, Slot},
    kernel::{Kernel, Target},
    ledger::Ledger,
    snapshot,
};

/// How long a container's first report waits for its name.
const NAMED: Duration = Duration::from_secs(2);
/// How long facts wait that the controller could not place yet.
const LATER: Duration = Duration::from_secs(2);

/// A pod's cgroup. What is made below it belongs to the armed slot at once.
struct Pod {
    directory: PathBuf,
    armed: Option<(Slot, Ledger)>,
}

/// Everything that is recorded on this node.
pub(super) struct Node {
    kernel: Kernel,
    /// Mounts of the hierarchies that take part, that of identity first.
    mounts: Vec<PathBuf>,
    roots: Vec<PathBuf>,
    watch: Watch,
    pods: BTreeMap<String, Pod>,
    containers: BTreeMap<Key, Container>,
    slots: HashMap<Slot, Key>,
    thresholds: Thresholds,
    mask: bool,
    /// Name of the ledger, and number of its last batch.
    ledger: String,
    sequence: u64,
    outstanding: Option<Batch>,
    /// Whose turn it is: the container that was told of last.
    last: Option<Key>,
}

impl Node {
    /// A node with nothing found yet.
    pub(super) fn new(kernel: Kernel, hierarchies: &Hierarchies, ledger: String, mask: bool) -> Result<Self, Error> {
        let mounts = hierarchies.taking_part()?.iter().map(|part| part.mount.clone()).collect();
        Ok(Self {
            kernel,
            mounts,
            roots: Vec::new(),
            watch: Watch::new().map_err(Error::Wait)?,
            pods: BTreeMap::new(),
            containers: BTreeMap::new(),
            slots: HashMap::new(),
            thresholds: Thresholds::default(),
            mask,
            ledger,
            sequence: 0,
            outstanding: None,
            last: None,
        })
    }

    /// Waits for something to happen, at most so long, and takes what the kernel has. True if cgroups came or went.
    pub(super) fn wait(&mut self, signals: std::os::fd::BorrowedFd<'_>, timeout: Duration) -> Result<bool, Error> {
        let changed = self.watch.wait(&self.kernel.descriptors(), signals, timeout).map_err(Error::Wait)?;
        self.drain()?;
        Ok(changed)
    }

    fn drain(&mut self) -> Result<(), Error> {
        let Self { kernel, containers, slots, pods, .. } = self;
        let offset = Timestamp::now().as_nanosecond() - crate::record::monotonic();
        kernel.drain(Duration::ZERO, &mut |fact| {
            let first_seen = wall(&fact, offset);
            if let Some(container) = slots.get(&fact.slot).and_then(|key| containers.get_mut(key)) {
                container.dirty = true;
                container.ledger.add(fact, first_seen);
            } else if let Some((_, ledger)) = pods.values_mut().filter_map(|pod| pod.armed.as_mut()).find(|(slot, _)| *slot == fact.slot) {
                // A container whose cgroup has not been looked at yet.
                ledger.add(fact, first_seen);
            }
        })?;
        Ok(())
    }

    /// Looks for the kubelet's groups, which may come later than the agent.
    pub(super) fn find_roots(&mut self) {
        let Some(mount) = self.mounts.first() else { return };
        let roots = place::roots(mount);
        for root in &roots {
            if !self.roots.contains(root) {
                self.see_packets(root);
            }
        }
        self.roots = roots;
    }

    /// Packets are seen from the kubelet's group of v2 downward.
    fn see_packets(&mut self, root: &Path) {
        for directory in self.everywhere(root) {
            if let Err(error) = self.kernel.packets_from(&directory) {
                say(&error.to_string());
            }
        }
    }

    /// A directory of the hierarchy of identity, and the same in the others where it is there.
    fn everywhere(&self, directory: &Path) -> Vec<PathBuf> {
        let mut found = vec![directory.to_owned()];
        found.extend(self.elsewhere(directory).into_iter().filter(|path| path.is_dir()));
        found
    }

    fn elsewhere(&self, directory: &Path) -> Vec<PathBuf> {
        let Some((first, others)) = self.mounts.split_first() else { return Vec::new() };
        let Ok(below) = directory.strip_prefix(first) else { return Vec::new() };
        others.iter().map(|mount| mount.join(below)).collect()
    }

    /// Takes the cgroups as they are now.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        let places = place::pods(&self.roots);
        self.watch.retain(Path::exists);
        for parent in &places.parents {
            self.watch.add(parent);
        }
        for (uid, directory) in places.pods {
            self.watch.add(&directory);
            self.pods.entry(uid).or_insert(Pod { directory, armed: None });
        }
        let uids: Vec<String> = self.pods.keys().cloned().collect();
        for uid in uids {
            self.look_at(&uid)?;
        }
        self.join_hierarchies();
        self.call_by_name();
        self.end_containers()
    }

    fn look_at(&mut self, uid: &str) -> Result<(), Error> {
        let Some(pod) = self.pods.get(uid) else { return Ok(()) };
        let directory = pod.directory.clone();
        if !directory.is_dir() {
            if let Some((slot, _)) = self.pods.remove(uid).and_then(|pod| pod.armed) {
                self.kernel.release(slot)?;
            }
            return Ok(());
        }
        if pod.armed.is_none() {
            self.arm(uid, &directory);
        }
        for (id, path) in place::containers(&directory) {
            let key = (uid.to_owned(), id);
            if !self.containers.contains_key(&key) {
                self.claim(key, path, &directory)?;
            }
        }
        Ok(())
    }

    /// Readies a slot for the pod's next container.
    fn arm(&mut self, uid: &str, directory: &Path) {
        let armed = match self.kernel.arm(directory) {
            Ok(slot) => Some((slot, Ledger::new(&self.thresholds, self.mask))),
            Err(error) => {
                say(&error.to_string());
                None
            }
        };
        if let Some(pod) = self.pods.get_mut(uid) {
            pod.armed = armed;
        }
    }

    /// Finds out to which slot a container's cgroup belongs, and gives the pod's next one another.
    fn claim(&mut self, key: Key, directory: PathBuf, pod: &Path) -> Result<(), Error> {
        let slot = match self.kernel.slot_of(&directory) {
            Ok(slot) => slot,
            // It is gone again; what it did is in the armed slot, which the next one must not have.
            Err(error) => {
                say(&error.to_string());
                None
            }
        };
        let armed = self.pods.get_mut(&key.0).and_then(|pod| pod.armed.take());
        let elsewhere = self.elsewhere(&directory);
        let container = match (slot, armed) {
            (Some(slot), Some((armed, ledger))) if slot == armed => {
                self.arm(&key.0, pod);
                Some(Container::new(directory, elsewhere, slot, ledger, true))
            }
            (_, armed) => {
                if let Some(pod) = self.pods.get_mut(&key.0) {
                    pod.armed = armed;
                }
                self.existing(directory)
            }
        };
        let Some(mut container) = container else { return Ok(()) };
        if let Some(slot) = container.slot {
            container.begin_losses(self.kernel.losses(slot)?);
            self.slots.insert(slot, key.clone());
        }
        self.containers.insert(key, container);
        Ok(())
    }

    /// A container that ran before it was recorded.
    fn existing(&mut self, directory: PathBuf) -> Option<Container> {
        let target = Target { cgroups: self.everywhere(&directory), ..Target::default() };
        let slot = match self.kernel.track(&target) {
            Ok(slot) => slot,
            Err(error) => {
                say(&error.to_string());
                return None;
            }
        };
        let mut ledger = Ledger::new(&self.thresholds, self.mask);
        let pids = processes(&directory);
        if let Err(error) = self.kernel.listening(slot, &snapshot::listeners(&pids)) {
            say(&error.to_string());
        }
        snapshot::take(slot, &pids).into_iter().for_each(|fact| ledger.add(fact, None));
        Some(Container::new(directory, Vec::new(), slot, ledger, false))
    }

    /// Containers whose cgroup is gone: their last records and tables, then their slot is free.
    fn end_containers(&mut self) -> Result<(), Error> {
        let ended = |container: &Container| !container.closed && !container.directory.is_dir();
        let keys: Vec<Key> = self.containers.iter().filter(|(_, container)| ended(container)).map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        // A cgroup goes after its last process, and so after the last record of it.
        self.drain()?;
        for key in keys {
            self.read_tables(&key)?;
            if let Some(container) = self.containers.get_mut(&key) {
                container.closed = true;
                container.dirty |= !container.ignored;
                if let Some(slot) = container.slot.take() {
                    self.slots.remove(&slot);
                    self.kernel.release(slot)?;
                }
            }
        }
        self.containers.retain(|_, container| !container.done());
        Ok(())
    }

    /// Sockets know only the cgroup of v2.
    fn join_hierarchies(&mut self) {
        let Self { kernel, containers, .. } = self;
        for container in containers.values_mut() {
            let Some(slot) = container.slot else { continue };
            // It may not be there yet, or never be.
            container.elsewhere.retain(|path| kernel.lead(path, slot).is_err());
        }
    }

    /// Asks the runtime's files for names that are still missing. A pod's sandbox is not recorded: it only waits.
    pub(super) fn call_by_name(&mut self) {
        let mut sandboxes = Vec::new();
        for (key, container) in &mut self.containers {
            if container.called.is_none() && !container.ignored && !container.closed {
                let pod = container.directory.parent().map(processes).unwrap_or_default();
                container.called = bundle::find(&key.1, &pod);
            }
            if container.called.as_ref().is_some_and(|called| called.type_ == "sandbox") && !container.ignored {
                sandboxes.push(key.clone());
            }
        }
        for key in sandboxes {
            self.ignore(&key);
        }
    }

    /// Records a container no longer. It stays known, so that it is not taken for a new one.
    fn ignore(&mut self, key: &Key) {
        let empty = Ledger::new(&self.thresholds, self.mask);
        let Some(container) = self.containers.get_mut(key) else { return };
        container.ignore(empty);
        if let Some(slot) = container.slot.take() {
            self.slots.remove(&slot);
            if let Err(error) = self.kernel.release(slot) {
                say(&error.to_string());
            }
        }
    }

    fn read_tables(&mut self, key: &Key) -> Result<(), Error> {
        let Some(container) = self.containers.get_mut(key) else { return Ok(()) };
        let Some(slot) = container.slot else { return Ok(()) };
        let calls = |ledger: &Ledger| (ledger.syscalls.values().map(std::collections::BTreeSet::len).sum::<usize>(), ledger.denied.len());
        let before = calls(&container.ledger);
        for fact in self.kernel.syscalls(slot)? {
            container.ledger.add(fact, None);
        }
        container.dirty |= calls(&container.ledger) != before;
        container.set_losses(self.kernel.losses(slot)?);
        Ok(())
    }

    /// The next batch, if the last one was acknowledged and there is something to say.
    pub(super) fn next_batch(&mut self) -> Result<Option<&Batch>, Error> {
        if self.outstanding.is_some() {
            return Ok(None);
        }
        let keys: Vec<Key> = self.containers.keys().cloned().collect();
        for key in &keys {
            self.read_tables(key)?;
        }
        // In turn, from the one after the last.
        let start = self.last.as_ref().map_or(0, |last| keys.partition_point(|key| key <= last));
        let now = Instant::now();
        let mut parts: Vec<Part> = Vec::new();
        for key in keys[start..].iter().chain(&keys[..start]) {
            let Some(container) = self.containers.get_mut(key) else { continue };
            let unnamed = container.called.is_none() && !container.closed && now.duration_since(container.found) < NAMED;
            if unnamed || container.not_before.is_some_and(|time| now < time) {
                continue;
            }
            match container.part(key) {
                Some(part) => parts.push(part),
                None => container.dirty = false,
            }
        }
        let batch = batch::fill(&self.ledger, self.sequence + 1, self.kernel.gaps(), parts)?;
        if let Some(batch) = &batch {
            self.sequence += 1;
            for part in &batch.parts {
                if let Some(container) = self.containers.get_mut(&part.key) {
                    container.dirty = part.more;
                }
            }
            self.last = batch.parts.last().map(|part| part.key.clone());
        }
        self.outstanding = batch;
        Ok(self.outstanding.as_ref())
    }

    /// Takes the controller's answer to the outstanding batch.
    pub(super) fn answered(&mut self, answer: &NodeDirectiveSpec) {
        let Some(batch) = self.outstanding.take() else { return };
        for part in batch.parts {
            let said = answer.containers.iter().find(|said| (&said.pod_uid, &said.id) == (&part.key.0, &part.key.1));
            let verdict = said.map_or(MailVerdict::Taken, |said| said.verdict);
            if verdict == MailVerdict::Refused || said.is_some_and(|said| said.watch == WatchState::Ignore) {
                self.ignore(&part.key);
                continue;
            }
            let Some(container) = self.containers.get_mut(&part.key) else { continue };
            container.not_before = None;
            if verdict == MailVerdict::Later {
                container.not_before = Some(Instant::now() + LATER);
                container.dirty = true;
            } else {
                container.taken(&part);
            }
        }
        self.containers.retain(|_, container| !container.done());
    }

    /// Whether a batch waits for its answer.
    pub(super) fn waits(&self) -> bool {
        self.outstanding.is_some()
    }
}

/// When a fact happened, in whole seconds.
fn wall(fact: &Fact, offset: i128) -> Option<Time> {
    (fact.time != 0).then(|| crate::record::wall(i128::from(fact.time) + offset)).flatten()
}
