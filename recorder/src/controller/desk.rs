//! What each node's agent is told: the controller's side of the mailbox. Pure.

use std::{collections::BTreeMap, time::Instant};

use runtimemap_crds::{
    Acknowledgement, ContainerDirective, MailVerdict, NodeDirectiveSpec, ObservedContainer, PodDirective, SeccompDirective, WatchState,
};

use super::{
    index::TOMBSTONE,
    pause::Pause,
    workloads::{Key, Open, Workloads},
};

/// Most containers of a directive.
const CONTAINERS: usize = 500;
/// Most pods of a directive.
const PODS: usize = 1000;

/// Names a container: UID of its pod and its own id.
type Id = (String, String);

/// A container that a node told of.
#[derive(Clone, Debug, Default, PartialEq)]
struct Entry {
    directive: ContainerDirective,
    /// Number of the batch that told of it last.
    sequence: u64,
    /// Its cgroup is gone.
    closed: bool,
    /// Since when its pod is not known any more.
    orphaned: Option<Instant>,
    /// Since which acknowledged batch it is asked to repeat everything.
    repeat: Option<u64>,
}

/// One node.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    ack: Acknowledgement,
    containers: BTreeMap<Id, Entry>,
    pods: Vec<PodDirective>,
    /// As it was written last, and its version.
    written: Option<NodeDirectiveSpec>,
    version: Option<String>,
    /// Since it was refused last.
    pause: Option<Pause>,
}

impl Desk {
    /// As it was written before this process began: it knows whose each container is, whatever became of their pods.
    pub(super) fn recall(spec: NodeDirectiveSpec, version: Option<String>) -> Self {
        let entry = |directive: &ContainerDirective| {
            let id = (directive.pod_uid.clone(), directive.id.clone());
            (id, Entry { directive: directive.clone(), sequence: spec.ack.sequence, ..Entry::default() })
        };
        let containers = spec.containers.iter().map(entry).collect();
        Self { ack: spec.ack.clone(), containers, pods: spec.pods.clone(), written: Some(spec), version, pause: None }
    }

    /// Whether this batch was stored already.
    pub(super) fn has(&self, batch: &Acknowledgement) -> bool {
        self.ack.covers(&batch.ledger, batch.sequence)
    }

    /// What is known of a container from before: its workload, name and revision.
    pub(super) fn known(&self, pod_uid: &str, id: &str) -> Option<&ContainerDirective> {
        let entry = self.containers.get(&(pod_uid.to_owned(), id.to_owned()))?;
        Some(&entry.directive).filter(|directive| !directive.workload.is_empty())
    }

    /// Whether a container was asked to hand over what it has, and has not.
    pub(super) fn is_closing(&self, pod_uid: &str, id: &str) -> bool {
        let entry = self.containers.get(&(pod_uid.to_owned(), id.to_owned()));
        entry.is_some_and(|entry| entry.directive.watch == WatchState::Close && !entry.directive.drained && !entry.closed)
    }

    /// Takes what became of a batch, which is acknowledged with the next writing.
    pub(super) fn answer(&mut self, ack: Acknowledgement, observed: &[ObservedContainer], verdicts: Vec<ContainerDirective>) {
        if self.ack.ledger != ack.ledger {
            // Another ledger knows nothing of what the old one was asked.
            self.containers.values_mut().for_each(|entry| entry.repeat = None);
        }
        for (container, directive) in observed.iter().zip(verdicts) {
            let id = (directive.pod_uid.clone(), directive.id.clone());
            let entry = self.containers.entry(id).or_default();
            let done = directive.verdict != MailVerdict::Later;
            entry.repeat = entry.repeat.filter(|since| ack.sequence < since + 2);
            entry.directive = directive;
            entry.sequence = ack.sequence;
            // What waits has not been handed over yet.
            entry.closed = done && container.closed;
            entry.directive.drained = done && (container.drained || container.closed);
        }
        self.ack = ack;
        // Of what had ended before this batch, everything was acknowledged.
        let sequence = self.ack.sequence;
        self.containers.retain(|_, entry| !entry.closed || entry.sequence == sequence);
    }

    /// Takes what the node's pods are told. Containers of pods that are no more known go after a while: until then, only this says whose
    /// their last facts are.
    pub(super) fn tell(&mut self, mut pods: Vec<PodDirective>, known: &dyn Fn(&str) -> bool, now: Instant) {
        pods.sort_by(|a, b| a.pod_uid.cmp(&b.pod_uid));
        pods.truncate(PODS);
        self.pods = pods;
        for ((pod, _), entry) in &mut self.containers {
            entry.orphaned = if known(pod) { None } else { entry.orphaned.or(Some(now)) };
        }
        let sequence = self.ack.sequence;
        let waits = |since: Instant| now.duration_since(since) < TOMBSTONE;
        self.containers.retain(|_, entry| entry.sequence == sequence || entry.orphaned.is_none_or(waits));
    }

    /// Asks for everything that was ever handed over of a workload, or of all.
    pub(super) fn repeat(&mut self, key: Option<&Key>) {
        let name = key.map(path);
        let since = self.ack.sequence;
        let of = |entry: &&mut Entry| name.as_ref().is_none_or(|name| entry.directive.workload == *name) && !entry.closed;
        for entry in self.containers.values_mut().filter(of) {
            (entry.repeat, entry.directive.drained) = (Some(since), false);
        }
    }

    /// Whether a container of a workload is on this node, as far as it told.
    pub(super) fn learns(&self, key: &Key) -> bool {
        let name = path(key);
        self.containers.values().any(|entry| entry.directive.workload == name && !entry.closed)
    }

    /// Adds what is still to be said of each workload.
    pub(super) fn open(&self, open: &mut BTreeMap<String, Open>) {
        for entry in self.containers.values() {
            let ContainerDirective { pod_uid, container, workload, revision, watch, .. } = &entry.directive;
            let of = open.entry(workload.clone()).or_default();
            of.seen.insert(pod_uid.clone());
            if *watch == WatchState::Close && !entry.directive.drained && !entry.closed {
                of.unanswered.entry(revision.clone()).or_default().insert(format!("{container} of pod {pod_uid}"));
            }
        }
    }

    /// What was said last of the node's seccomp filters.
    pub(super) fn seccomp(&self) -> Option<&SeccompDirective> {
        self.written.as_ref()?.seccomp.as_ref()
    }

    /// What is to be written, if that is not there already. `covered` is whether the node is watched at all, `seccomp` which filters it has
    /// to have.
    pub(super) fn write(
        &mut self,
        workloads: &Workloads,
        covered: bool,
        seccomp: Option<SeccompDirective>,
    ) -> Option<(NodeDirectiveSpec, Option<String>)> {
        let last = self.ack.sequence;
        for entry in self.containers.values_mut() {
            let ContainerDirective { workload, revision, verdict, watch, drained, .. } = &mut entry.directive;
            let key = workload.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
            *watch = match &key {
                Some(key) if !covered || !workloads.settings.includes(&key.0) => WatchState::Ignore,
                _ if *verdict == MailVerdict::Refused => WatchState::Ignore,
                Some(_) if entry.repeat.is_some() => WatchState::Repeat,
                // One that was never asked to close has nothing to answer.
                Some(key) => workloads.watch(key, revision, *drained || *watch != WatchState::Close),
                None if covered => WatchState::Watch,
                None => WatchState::Ignore,
            };
        }
        let mut containers: Vec<&Entry> = self.containers.values().collect();
        // Those of the acknowledged batch are waited for.
        containers.sort_by_key(|entry| entry.sequence != last);
        let containers = containers.into_iter().take(CONTAINERS).map(|entry| entry.directive.clone()).collect();
        let keep_secrets = !workloads.settings.mask_secrets;
        let spec = NodeDirectiveSpec { ack: self.ack.clone(), containers, pods: self.pods.clone(), keep_secrets, seccomp };
        (self.written.as_ref() != Some(&spec)).then(|| (spec, self.version.clone()))
    }

    /// It was written.
    pub(super) fn wrote(&mut self, spec: NodeDirectiveSpec, version: Option<String>) {
        (self.written, self.version, self.pause) = (Some(spec), version, None);
    }

    /// It could not be written as it is, and may not be for a while.
    pub(super) fn refused(&mut self, now: Instant) {
        self.pause = Some(Pause::after(self.pause, now));
    }

    /// Whether it was refused a moment ago.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.pause.is_some_and(|pause| !pause.is_over(now))
    }

    /// Somebody else wrote it, or it is gone: this is its version now.
    pub(super) fn changed(&mut self, version: Option<String>) {
        (self.written, self.version) = (None, version);
    }
}

/// A workload as directives name it.
pub(super) fn path(key: &Key) -> String {
    format!("{}/{}", key.0, key.1)
}

/// Entries of the workloads that nodes told of.
pub(super) fn open(desks: &BTreeMap<String, Desk>) -> BTreeMap<String, Open> {
    let mut open = BTreeMap::new();
    desks.values().for_each(|desk| desk.open(&mut open));
    open
}

#[cfg(test)]
mod tests;
