//! What the controller wants watched.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use runtimemap_crds::{ContainerDirective, MailVerdict, NodeDirectiveSpec, WatchState};

use super::Node;
use crate::agent::{
    Error,
    container::{Key, State},
    place, say,
};

impl Node {
    /// Does what a directive says. A container or pod that it does not name stays as it is.
    pub(super) fn follow(&mut self, directive: &NodeDirectiveSpec) -> Result<(), Error> {
        let NodeDirectiveSpec { ack, containers, pods, keep_secrets, seccomp } = directive;
        self.set_mask(self.settings.mask && !keep_secrets);
        self.follow_filters(seccomp.as_ref());
        // An answer to another ledger's batch asks nothing of this one again.
        let batch = if ack.ledger == self.ledger { ack.sequence } else { 0 };
        let (mut named, mut missing) = (BTreeSet::new(), BTreeMap::new());
        for said in containers {
            let key = (said.pod_uid.clone(), said.id.clone());
            let watch = self.follow_container(&key, said, batch)?;
            if watch != WatchState::Ignore && !self.has(&key) {
                missing.insert(key.clone(), self.missing.get(&key) == Some(&true));
            }
            named.insert(key);
        }
        self.missing = missing;
        for pod in pods {
            self.follow_pod(&pod.pod_uid, pod.watch);
            let of_pod = |key: &&Key| key.0 == pod.pod_uid && !named.contains(*key);
            let keys: Vec<Key> = self.containers.keys().filter(of_pod).cloned().collect();
            for key in keys {
                self.watch_as(&key, pod.watch, batch)?;
            }
        }
        Ok(())
    }

    /// Gives what is wanted of it.
    fn follow_container(&mut self, key: &Key, said: &ContainerDirective, batch: u64) -> Result<WatchState, Error> {
        // Also one that has ended has an answer: who asks may have begun after all of it was told.
        if matches!(said.watch, WatchState::Repeat | WatchState::Close) {
            self.bring_back(key);
        }
        if let Some(container) = self.containers.get_mut(key) {
            container.named(said);
        }
        let watch = if said.verdict == MailVerdict::Refused { WatchState::Ignore } else { said.watch };
        self.watch_as(key, watch, batch)?;
        Ok(watch)
    }

    /// Whether anything is left of a container: what it did, or its cgroup.
    fn has(&self, key: &Key) -> bool {
        let known = self.containers.get(key).map(|container| &container.kept);
        if self.ended.contains_key(key) || known.is_some_and(|kept| kept.state != State::Ignored) {
            return true;
        }
        let runs = |pod: &PathBuf| place::containers(pod).iter().any(|(id, _)| *id == key.1);
        known.is_some_and(|kept| kept.directory.is_dir()) || self.pods.get(&key.0).is_some_and(runs)
    }

    fn watch_as(&mut self, key: &Key, watch: WatchState, batch: u64) -> Result<(), Error> {
        let Some(state) = self.containers.get(key).map(|container| container.kept.state) else { return Ok(()) };
        match (watch, state) {
            (WatchState::Ignore, State::Watched | State::Closing) => self.ignore(key),
            (WatchState::Close, State::Watched) => self.close(key)?,
            (WatchState::Watch, State::Closing) => {
                if let Some(container) = self.containers.get_mut(key) {
                    container.reopen();
                }
            }
            (WatchState::Watch, State::Ignored) => self.watch_again(key),
            (WatchState::Repeat, State::Watched | State::Closing) => {
                let changes = self.containers.get_mut(key).map(|container| container.repeat(batch)).unwrap_or_default();
                self.note_letters(key, changes);
            }
            (WatchState::Ignore | WatchState::Repeat, State::Ignored)
            | (WatchState::Close, State::Closing | State::Ignored)
            | (WatchState::Watch, State::Watched) => {}
        }
        Ok(())
    }

    fn follow_pod(&mut self, uid: &str, watch: WatchState) {
        let directory = self.pods.get(uid).cloned();
        let changed = if watch == WatchState::Ignore {
            if let Some(directory) = &directory {
                self.marked.remove(directory);
                if let Err(error) = self.kernel.forget(directory) {
                    say(&error.to_string());
                }
            }
            self.ignored.insert(uid.to_owned())
        } else {
            // The next look lets the kernel know it again.
            self.ignored.remove(uid)
        };
        if changed {
            let text = serde_json::to_vec(&self.ignored).unwrap_or_default();
            self.store.changes().node.insert("pods", text);
        }
    }

    /// The end of a window: everything up to now is in the ledger, and what follows is kept apart.
    fn close(&mut self, key: &Key) -> Result<(), Error> {
        self.drain()?;
        self.read_tables(key, &self.totals()?)?;
        let empty = self.empty();
        if let Some(container) = self.containers.get_mut(key) {
            let changes = container.write_down();
            container.close(empty);
            self.note_letters(key, changes);
        }
        Ok(())
    }

    /// Records a container no longer. It stays known, so that it is not taken for a new one.
    pub(super) fn ignore(&mut self, key: &Key) {
        let empty = self.empty();
        let Some(container) = self.containers.get_mut(key) else { return };
        let changes = container.ignore(empty);
        self.note_letters(key, changes);
        self.free_slot(key);
    }

    /// Records a container again that nobody wanted to hear of: what it did meanwhile is not known. A sandbox never is.
    fn watch_again(&mut self, key: &Key) {
        let Some(mut container) = self.containers.remove(key) else { return };
        let sandbox = container.kept.called.as_ref().is_some_and(|called| called.type_ == "sandbox");
        let directory = container.kept.directory.clone();
        if !sandbox && !container.kept.closed && directory.is_dir() {
            let losses = self.kernel.common_losses();
            container.slot = self.existing(&directory);
            if let Some(slot) = container.slot {
                container.reopen();
                container.kept.startup_observed = false;
                container.begin_losses(losses);
                self.snapshot(slot, &mut container);
                self.hold_slot(key, &mut container);
            }
        }
        self.containers.insert(key.clone(), container);
    }

    fn set_mask(&mut self, mask: bool) {
        self.mask = mask;
        for container in self.containers.values_mut() {
            container.ledger.set_mask(mask);
        }
        for ledger in self.orphans.values_mut() {
            ledger.set_mask(mask);
        }
    }
}
