//! Pods and containers, by their cgroups.

use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;

use super::Node;
use crate::{
    agent::{
        Error, bundle,
        container::{Container, Key, State, processes},
        place, say,
    },
    fact::Slot,
    kernel::{Made, Target},
    snapshot,
};

impl Node {
    /// Looks for the kubelet's groups, which may come later than the agent.
    pub(in crate::agent) fn find_roots(&mut self) {
        let Some(mount) = self.mounts.first() else { return };
        let below = self.settings.below.strip_prefix("/").unwrap_or(&self.settings.below);
        let roots = place::roots(&mount.join(below));
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
    pub(in crate::agent) fn look(&mut self) -> Result<(), Error> {
        let places = place::pods(&self.roots);
        self.watch.retain(Path::exists);
        self.marked.retain(|path| path.is_dir());
        for parent in &places.parents {
            self.watch.add(parent);
            self.mark(parent, true);
        }
        for (uid, directory) in places.pods {
            self.watch.add(&directory);
            if !self.ignored.contains(&uid) {
                self.mark(&directory, false);
            }
            self.pods.insert(uid, directory);
        }
        self.pods.retain(|_, directory| directory.is_dir());
        self.untracked.retain(|directory, _| directory.is_dir());
        let unknown = self.unknown();
        if !unknown.is_empty() {
            // A cgroup shows after the kernel's record of it: what is still not known once these are read is older.
            self.drain()?;
        }
        for (key, path) in unknown {
            if !self.knows(&key) {
                self.claim(key, path);
            }
        }
        self.join_hierarchies();
        self.call_by_name();
        self.end_containers()
    }

    /// Containers whose cgroups are there and of which nothing is known.
    fn unknown(&self) -> Vec<(Key, PathBuf)> {
        let pods = self.pods.iter().filter(|(uid, _)| !self.ignored.contains(*uid));
        let all = pods.flat_map(|(uid, pod)| place::containers(pod).into_iter().map(|(id, path)| ((uid.clone(), id), path)));
        all.filter(|(key, _)| !self.knows(key)).collect()
    }

    fn knows(&self, key: &Key) -> bool {
        self.containers.contains_key(key) || self.ended.contains_key(key)
    }

    /// Lets the kernel take what is made below for pods, or for containers.
    fn mark(&mut self, directory: &Path, pods: bool) {
        if self.marked.contains(directory) {
            return;
        }
        let marked = if pods { self.kernel.pods_below(directory) } else { self.kernel.pod(directory) };
        match marked {
            Ok(()) => {
                self.marked.insert(directory.to_owned());
            }
            // It may be gone again.
            Err(error) if directory.is_dir() => say(&error.to_string()),
            Err(_) => {}
        }
    }

    /// The kernel has taken a cgroup for a pod or a container.
    pub(super) fn begin(&mut self, made: &Made) -> Result<(), Error> {
        let mut names = made.path.rsplit('/');
        let (name, above) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        let directory = self.directory(&made.path);
        let Some(slot) = made.slot else { return self.begin_pod(name, directory) };
        let (Some(id), Some(uid)) = (place::container_id(name), place::pod_uid(above)) else {
            // A group of pods that came later than the others, or nobody's container.
            self.orphans.remove(&slot);
            self.kernel.release(slot)?;
            self.marked.remove(&directory);
            return Ok(());
        };
        let key = (uid, id);
        if self.slots.contains_key(&slot) {
            // Told again, since the agent before this one had not given it back.
            return Ok(());
        }
        let directory = self.pods.get(&key.0).map_or(directory, |pod| pod.join(name));
        if self.ignored.contains(&key.0) || self.knows(&key) {
            self.orphans.remove(&slot);
            return Ok(self.kernel.release(slot)?);
        }
        // Armed before the first task entered, by the kernel's own clock.
        let observed = self.kernel.hot() && self.hot_since <= made.time;
        let elsewhere = self.elsewhere(&directory);
        let ledger = self.orphans.remove(&slot).unwrap_or_else(|| self.empty());
        let mut container = Container::new(directory, elsewhere, Some(slot), ledger, observed);
        // It may have begun long ago, while nobody read what the kernel has.
        container.begin_losses(self.losses_before.clone());
        self.insert(key, container);
        self.heat()
    }

    /// Where the kernel's path of a cgroup is to be seen from here: a mount may show less than the whole hierarchy, so it is found below
    /// the kubelet's group that the path goes through.
    fn directory(&self, path: &str) -> PathBuf {
        let below = |root: &PathBuf| {
            let name = root.file_name()?.to_str()?;
            let (_, below) = path.split_once(&format!("/{name}/"))?;
            Some(root.join(below))
        };
        let found: Vec<PathBuf> = self.roots.iter().filter_map(below).collect();
        let there = found.iter().find(|directory| directory.is_dir()).or(found.first());
        there.cloned().or_else(|| Some(self.mounts.first()?.join(path.trim_start_matches('/')))).unwrap_or_default()
    }

    fn begin_pod(&mut self, name: &str, directory: PathBuf) -> Result<(), Error> {
        let Some(uid) = place::pod_uid(name) else {
            if place::holds_pods(name) {
                self.mark(&directory, true);
            }
            return Ok(());
        };
        if self.ignored.contains(&uid) {
            return Ok(());
        }
        self.watch.add(&directory);
        self.marked.insert(directory.clone());
        self.pods.insert(uid, directory);
        // Its containers start soon, and have to find everything attached.
        self.idle_since = None;
        self.heat()
    }

    fn insert(&mut self, key: Key, mut container: Container) {
        self.hold_slot(&key, &mut container);
        self.containers.insert(key, container);
    }

    /// Writes down which slot a container has.
    pub(super) fn hold_slot(&mut self, key: &Key, container: &mut Container) {
        container.kept.slot = container.slot.and_then(|slot| Some((slot.0, self.kernel.epoch(slot)?)));
        container.changed = true;
        if let Some(slot) = container.slot {
            self.slots.insert(slot, key.clone());
        }
    }

    /// A container whose beginning was not told.
    fn claim(&mut self, key: Key, directory: PathBuf) {
        let found = self.kernel.slot_of(&directory).ok().flatten().filter(|slot| !self.slots.contains_key(slot));
        let container = match found {
            // The record was lost, and nothing else.
            Some(slot) => {
                let elsewhere = self.elsewhere(&directory);
                let ledger = self.orphans.remove(&slot).unwrap_or_else(|| self.empty());
                let mut container = Container::new(directory, elsewhere, Some(slot), ledger, false);
                container.begin_losses(self.losses_before.clone());
                Some(container)
            }
            None => {
                let losses = self.kernel.common_losses();
                self.existing(&directory).map(|slot| {
                    let mut container = Container::new(directory, Vec::new(), Some(slot), self.empty(), false);
                    container.begin_losses(losses);
                    self.snapshot(slot, &mut container);
                    container
                })
            }
        };
        if let Some(container) = container {
            self.insert(key, container);
        }
    }

    /// Begins to record what runs already.
    pub(super) fn existing(&mut self, directory: &Path) -> Option<Slot> {
        let target = Target { cgroups: self.everywhere(directory), ..Target::default() };
        // The hooks come first: what is done between them and the snapshot is in both.
        let tracked =
            self.heat().map_err(|error| error.to_string()).and_then(|()| self.kernel.track(&target).map_err(|error| error.to_string()));
        match tracked {
            Ok(slot) => {
                self.untracked.remove(directory);
                Some(slot)
            }
            Err(why) => {
                // It is tried again with every look, and told of once.
                if self.untracked.get(directory) != Some(&why) {
                    say(&format!("{}: {why}", directory.display()));
                    self.untracked.insert(directory.to_owned(), why);
                }
                None
            }
        }
    }

    /// Adds what can still be read of a container that already runs.
    pub(super) fn snapshot(&mut self, slot: Slot, container: &mut Container) {
        let pids = processes(&container.kept.directory);
        if let Err(error) = self.kernel.listening(slot, &snapshot::listeners(&pids)) {
            say(&error.to_string());
        }
        for fact in snapshot::take(slot, &pids) {
            self.redirects.addressed(fact, &container.kept.directory).into_iter().for_each(|fact| container.add(fact, None));
        }
    }

    /// Containers whose cgroup is gone: their last records and tables, then their slot is free.
    pub(super) fn end_containers(&mut self) -> Result<(), Error> {
        let ended = |container: &Container| !container.kept.closed && !container.kept.directory.is_dir();
        let keys: Vec<Key> = self.containers.iter().filter(|(_, container)| ended(container)).map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return Ok(());
        }
        // A cgroup goes after its last process, and so after the last record of it.
        self.drain()?;
        self.ask_redirects();
        let totals = self.totals()?;
        for key in keys {
            self.read_tables(&key, &totals)?;
            if let Some(container) = self.containers.get_mut(&key) {
                container.kept.closed = true;
                container.kept.closed_at = Timestamp::now().as_second();
                container.changed = true;
            }
            // It is released once all of that is on disk.
        }
        self.settle()
    }

    /// Frees the slot of a container.
    pub(super) fn free_slot(&mut self, key: &Key) {
        let Some(container) = self.containers.get_mut(key) else { return };
        let Some(slot) = container.slot.take() else { return };
        container.kept.slot = None;
        container.changed = true;
        self.slots.remove(&slot);
        self.redirects.forget(slot);
        if let Err(error) = self.kernel.release(slot) {
            say(&error.to_string());
        }
    }

    /// Sockets know only the cgroup of v2.
    fn join_hierarchies(&mut self) {
        let Self { kernel, containers, .. } = self;
        for container in containers.values_mut() {
            let Some(slot) = container.slot else { continue };
            let before = container.kept.elsewhere.len();
            // It may not be there yet, or never be.
            container.kept.elsewhere.retain(|path| kernel.lead(path, slot).is_err());
            container.changed |= container.kept.elsewhere.len() != before;
        }
    }

    /// Asks the runtime's files for names that are still missing. A pod's sandbox is not recorded: it only waits.
    pub(in crate::agent) fn call_by_name(&mut self) {
        let mut sandboxes = Vec::new();
        for (key, container) in &mut self.containers {
            if container.kept.state == State::Ignored {
                continue;
            }
            if container.kept.called.is_none() && !container.kept.closed && container.asks() {
                let pod = container.kept.directory.parent().map(processes).unwrap_or_default();
                container.kept.called = bundle::find(&key.1, &pod);
                container.changed |= container.kept.called.is_some();
            }
            if container.kept.called.as_ref().is_some_and(|called| called.type_ == "sandbox") {
                sandboxes.push(key.clone());
            }
        }
        for key in sandboxes {
            self.ignore(&key);
        }
    }
}
