//! Every workload that is learned: its revisions, the periods in force, and what containers of it are to be told. Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_crds::{ProfileStatus, WatchState};

use super::{
    index::{Index, Placed},
    pod::Pod,
    revisions::{Change, Ends, Presence, Revisions, View},
    settings::Settings,
    workload::Workload,
};

/// Annotation that sets the learning period of a workload or of a namespace.
pub(super) const PERIOD: &str = "runtimemap.io/learning-period";
/// Annotation that asks for learning again.
pub(super) const RELEARN: &str = "runtimemap.io/relearn";

/// Namespace and name of a workload's objects.
pub(super) type Key = (String, String);

/// What somebody wrote on an object for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) period: String,
    pub(super) relearn: String,
}

impl Marks {
    /// From an object's annotations.
    pub(super) fn of(annotations: Option<&BTreeMap<String, String>>) -> Self {
        let get = |name: &str| annotations.and_then(|annotations| annotations.get(name)).cloned().unwrap_or_default();
        // What stands in a status is bounded.
        Self { period: get(PERIOD), relearn: get(RELEARN).chars().take(64).collect() }
    }
}

/// One workload.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracked {
    pub(super) workload: Workload,
    pub(super) revisions: Revisions,
    /// A run of it has succeeded.
    pub(super) succeeded: bool,
}

impl Tracked {
    /// Whether this is a workload of the same name that was made before or after.
    fn is_other(&self, workload: &Workload) -> bool {
        let (own, its) = (&self.workload.reference.uid, &workload.reference.uid);
        !own.is_empty() && !its.is_empty() && own != its
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Workloads {
    pub(super) settings: Settings,
    pub(super) tracked: BTreeMap<Key, Tracked>,
    /// By namespace.
    namespaces: BTreeMap<String, Marks>,
    /// By kind, namespace and name.
    owners: BTreeMap<(String, String, String), Marks>,
    /// Workloads that begin anew: what was told to be ignored has to hear that it is watched again.
    rebuilt: BTreeSet<Key>,
}

/// What becomes of a container's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Admission {
    /// Its revision.
    pub(super) revision: String,
    /// Whether they are merged; else they are outside the window.
    pub(super) takes: bool,
}

impl Workloads {
    /// None yet.
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, tracked: BTreeMap::new(), namespaces: BTreeMap::new(), owners: BTreeMap::new(), rebuilt: BTreeSet::new() }
    }

    /// A workload whose objects were there before.
    pub(super) fn recall(&mut self, key: Key, workload: Workload, status: &ProfileStatus) {
        self.tracked.insert(key, Tracked { workload, revisions: Revisions::recall(status), succeeded: false });
    }

    /// A workload's objects are gone: whatever is told of it begins anew.
    pub(super) fn forget(&mut self, key: &Key) {
        if self.tracked.remove(key).is_some() {
            self.rebuilt.insert(key.clone());
        }
    }

    /// What is written on a namespace.
    pub(super) fn mark_namespace(&mut self, name: String, marks: Marks) {
        self.namespaces.insert(name, marks);
    }

    /// What is written on an owner of pods.
    pub(super) fn mark_owner(&mut self, kind: &str, namespace: String, name: String, marks: Option<Marks>) {
        let key = (kind.to_owned(), namespace, name);
        match marks.filter(|marks| *marks != Marks::default()) {
            Some(marks) => self.owners.insert(key, marks),
            None => self.owners.remove(&key),
        };
    }

    /// The workload that directives name so.
    pub(super) fn named(&self, path: &str) -> Option<Workload> {
        let (namespace, name) = path.split_once('/')?;
        self.tracked.get(&(namespace.to_owned(), name.to_owned())).map(|tracked| tracked.workload.clone())
    }

    /// Whether facts of a revision are taken.
    pub(super) fn takes(&self, key: &Key, revision: &str) -> bool {
        self.settings.includes(&key.0) && self.tracked.get(key).is_none_or(|tracked| tracked.revisions.takes(revision))
    }

    fn marks(&self, workload: &Workload, pod: Option<&Pod>) -> Marks {
        let reference = &workload.reference;
        let own = self.owners.get(&(reference.kind.clone(), workload.namespace.clone(), reference.name.clone())).cloned();
        // A pod of its own is its own owner.
        let pod = || pod.filter(|_| matches!(reference.kind.as_str(), "Pod" | "StaticPod"));
        own.or_else(|| pod().map(|pod| Marks::of(Some(&pod.annotations)))).unwrap_or_default()
    }

    /// The period in force: on the workload, else on its namespace, else the setting's; within the bounds.
    fn period(&self, workload: &Workload, marks: &Marks) -> SignedDuration {
        let namespace = self.namespaces.get(&workload.namespace);
        let said = [Some(marks), namespace].into_iter().flatten().find_map(|marks| self.settings.bounded(&marks.period));
        said.unwrap_or(self.settings.period)
    }

    /// Says of which revision a container's facts are, and whether they are taken. A revision that is not known is begun.
    /// None if another workload of the same name has taken the place of the pod's.
    pub(super) fn admit(&mut self, placed: &Placed, closing: bool, live: &BTreeSet<String>, now: Timestamp) -> Option<Admission> {
        let Placed { pod, workload, .. } = placed;
        if let Some(tracked) = self.tracked.get(&workload.key())
            && tracked.is_other(workload)
        {
            if !placed.is_live() || pod.ending {
                return None;
            }
            self.tracked.remove(&workload.key());
        }
        let marks = self.marks(workload, Some(pod));
        let period = self.period(workload, &marks);
        let tracked = self.tracked.entry(workload.key()).or_insert_with(|| Tracked { workload: workload.clone(), ..Tracked::default() });
        workload.clone_into(&mut tracked.workload);
        let images = pod.images();
        let known = tracked.revisions.find(&pod.template, &images).map(str::to_owned);
        let revision = known.unwrap_or_else(|| {
            if tracked.revisions.is_empty() {
                tracked.revisions.obeyed(&marks.relearn);
            }
            tracked.revisions.open(&pod.template, &images, live, period, now)
        });
        tracked.revisions.note_images(&revision, &images);
        let takes = closing || tracked.revisions.takes(&revision);
        Some(Admission { revision, takes })
    }

    /// Revisions of a workload that a live pod runs.
    pub(super) fn live(&self, key: &Key, pods: &[&Placed]) -> BTreeSet<String> {
        let Some(tracked) = self.tracked.get(key) else { return BTreeSet::new() };
        let live = pods.iter().filter(|placed| placed.is_live());
        live.filter_map(|placed| tracked.revisions.find(&placed.pod.template, &placed.pod.images()).map(str::to_owned)).collect()
    }

    /// What a pod's containers are told by its UID, before anything is known of them. None where there is nothing to say.
    pub(super) fn tell(&self, index: &Index, placed: &Placed) -> Option<WatchState> {
        let Placed { pod, workload, .. } = placed;
        if !self.settings.includes(&pod.namespace) || !index.covered(&pod.node, &self.settings) {
            return Some(WatchState::Ignore);
        }
        let key = workload.key();
        let again = self.rebuilt.contains(&key).then_some(WatchState::Watch);
        let Some(tracked) = self.tracked.get(&key) else { return again };
        let revision = tracked.revisions.find(&pod.template, &pod.images())?;
        if tracked.revisions.takes(revision) {
            // What was told to be ignored has to hear that it is watched again.
            return again.or_else(|| tracked.revisions.was_relearned().then_some(WatchState::Watch));
        }
        // Another image may come under the same name: that would be another revision.
        index.is_certain(pod).then_some(WatchState::Ignore)
    }

    /// What a container of a revision is told.
    pub(super) fn watch(&self, key: &Key, revision: &str, answered: bool) -> WatchState {
        match self.tracked.get(key) {
            Some(tracked) if tracked.revisions.closing(revision) => WatchState::Close,
            Some(tracked) if tracked.revisions.takes(revision) => WatchState::Watch,
            Some(_) if answered => WatchState::Ignore,
            // It was asked to hand over what it has, and has not.
            Some(_) => WatchState::Close,
            None => WatchState::Watch,
        }
    }

    /// Lets the clocks of a workload run, stop and end.
    pub(super) fn look(&mut self, key: &Key, index: &Index, pods: &[&Placed], open: &Open, now: Timestamp) -> Vec<Change> {
        let Some(tracked) = self.tracked.get(key) else { return Vec::new() };
        let ends = match tracked.workload.reference.kind.as_str() {
            "Job" => Ends::Success,
            "CronJob" => Ends::ClockAndSuccess,
            "Pod" => Ends::ClockOrEnd,
            _ => Ends::Clock,
        };
        let marks = self.marks(&tracked.workload, pods.first().map(|placed| &placed.pod));
        let period = self.period(&tracked.workload, &marks);
        let mut revisions = BTreeMap::<String, Presence>::new();
        let mut images = Vec::new();
        for placed in pods {
            let pod = &placed.pod;
            let run = pod.images();
            let Some(revision) = tracked.revisions.find(&pod.template, &run) else { continue };
            let presence = revisions.entry(revision.to_owned()).or_default();
            images.push((revision.to_owned(), run));
            presence.live |= placed.is_live();
            presence.over |= match ends {
                Ends::ClockOrEnd => pod.finished,
                Ends::Success => tracked.succeeded,
                Ends::ClockAndSuccess => tracked.succeeded || pod.succeeded,
                Ends::Clock => false,
            };
            if placed.is_live() && pod.running {
                presence.watched |= index.is_watched(&pod.node, &self.settings);
                if !open.seen.contains(pod.cgroup()) {
                    presence.unseen.insert(pod.name.clone());
                }
            }
        }
        for (revision, containers) in &open.unanswered {
            revisions.entry(revision.clone()).or_default().unanswered.clone_from(containers);
        }
        let excluded = !self.settings.includes(&key.0);
        for presence in revisions.values_mut().filter(|_| excluded) {
            presence.watched = false;
        }
        if excluded && ends == Ends::ClockAndSuccess {
            return Vec::new();
        }
        let view = View { revisions, period, relearn: marks.relearn, ends };
        let Some(tracked) = self.tracked.get_mut(key) else { return Vec::new() };
        images.iter().for_each(|(revision, images)| tracked.revisions.note_images(revision, images));
        tracked.revisions.look(&view, now)
    }
}

/// What agents have still to say of a workload.
#[derive(Clone, Debug, Default)]
pub(super) struct Open {
    /// Containers that were told to hand over what they have and have not answered, by revision.
    pub(super) unanswered: BTreeMap<String, BTreeSet<String>>,
    /// Pods of which an agent told, by what their cgroups are called.
    pub(super) seen: BTreeSet<String>,
}
