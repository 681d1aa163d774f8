//! How far each revision of a workload is learned. Pure: the cluster is a view of it, the time an argument.
//!
//! The rules are those of the page on learning: a clock per revision that runs only while somebody watches, a barrier at its end,
//! and nothing learned after that until somebody asks for it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use runtimemap_crds::{Learning, Phase, ProfileStatus, RevisionStatus, revision::REVISIONS};

use crate::profile::time;

/// How long agents have to hand over what they have when learning ends.
pub(super) const BARRIER: SignedDuration = SignedDuration::from_secs(120);
/// Complete revisions that are kept though no pod runs them.
const COMPLETE: usize = 5;
/// Most new revisions of an hour; those above are taken for one.
const HOURLY: usize = 20;
/// The one that they are taken for.
const FOLDED: &str = "folded";

/// When a workload is learned to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ends {
    /// When the clock has run out.
    #[default]
    Clock,
    /// When it has succeeded: a Job.
    Success,
    /// When the period is over, running or not, and one run has succeeded: a CronJob.
    ClockAndSuccess,
    /// When it has ended, or the clock has run out: a pod that nobody starts again.
    ClockOrEnd,
}

/// What the cluster shows of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Presence {
    /// A pod of it is there that has not ended.
    pub(super) live: bool,
    /// A container of it runs under an agent that is ready.
    pub(super) watched: bool,
    /// It has succeeded, or for a bare pod ended.
    pub(super) over: bool,
    /// Containers that were told to hand over what they have and have not answered yet.
    pub(super) unanswered: BTreeSet<String>,
    /// Pods that no agent ever told of.
    pub(super) unseen: BTreeSet<String>,
}

/// What the cluster shows of a workload.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// By revision.
    pub(super) revisions: BTreeMap<String, Presence>,
    /// The learning period that is in force.
    pub(super) period: SignedDuration,
    /// The annotation that asks for learning again.
    pub(super) relearn: String,
    /// What ends it.
    pub(super) ends: Ends,
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A clock was started or stopped, or learning began again: to be stored.
    Clock,
    /// Agents are to hand over what they have of this revision.
    Close(String),
    /// This revision is complete, without what the named had to tell. Facts that only others did than those kept go.
    Complete { id: String, silent: BTreeSet<String>, kept: BTreeSet<String> },
}

/// One revision.
#[derive(Clone, Debug, Default, PartialEq)]
struct Revision {
    status: RevisionStatus,
    /// Since when agents are asked to hand over.
    closing: Option<Timestamp>,
}

/// All revisions of a workload that are kept, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Revisions {
    list: Vec<Revision>,
    period: SignedDuration,
    relearned: String,
    /// When the revisions of the last hour began.
    begun: Vec<Timestamp>,
    /// Templates that are taken for one.
    folded: BTreeSet<String>,
}

impl Revisions {
    /// As they were stored.
    pub(super) fn recall(status: &ProfileStatus) -> Self {
        let learning = status.learning.clone().unwrap_or_default();
        let mut list: Vec<Revision> = status.revisions.iter().cloned().map(|status| Revision { status, closing: None }).collect();
        list.sort_by(|a, b| (&a.status.started_at, &a.status.id).cmp(&(&b.status.started_at, &b.status.id)));
        let begun = list.iter().filter_map(|revision| revision.status.started_at.clone()).map(|Time(time)| time).collect();
        Self { list, period: learning.period.parse().unwrap_or_default(), relearned: learning.relearned, begun, folded: BTreeSet::new() }
    }

    /// The revision of a pod, if it is known: by its template, and by its images where one template had several.
    pub(super) fn find(&self, template: &str, images: &BTreeMap<String, String>) -> Option<&str> {
        if self.folded.contains(template) {
            return Some(FOLDED);
        }
        let of_template = |id: &str| id.strip_prefix(template).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        let same = |known: &BTreeMap<String, String>| images.iter().all(|(name, image)| known.get(name).is_none_or(|known| known == image));
        let mut found = self.list.iter().rev().map(|revision| &revision.status);
        found.find(|status| of_template(&status.id) && same(&status.images)).map(|status| status.id.as_str())
    }

    /// Images of a revision's containers, as far as they are known.
    pub(super) fn images(&self, id: &str) -> Option<&BTreeMap<String, String>> {
        self.list.iter().find(|revision| revision.status.id == id).map(|revision| &revision.status.images)
    }

    /// Notes which images a revision's containers run.
    pub(super) fn note_images(&mut self, id: &str, images: &BTreeMap<String, String>) {
        if let Some(revision) = self.get_mut(id).filter(|_| id != FOLDED) {
            for (name, image) in images {
                revision.status.images.entry(name.clone()).or_insert_with(|| image.clone());
            }
        }
    }

    /// Begins to learn the revision of a pod that is not known yet, and says its id.
    pub(super) fn open(
        &mut self,
        template: &str,
        images: &BTreeMap<String, String>,
        live: &BTreeSet<String>,
        period: SignedDuration,
        now: Timestamp,
    ) -> String {
        let hour_ago = now.checked_sub(SignedDuration::from_hours(1)).unwrap_or(now);
        self.begun.retain(|begun| *begun > hour_ago);
        if self.list.is_empty() {
            self.period = period;
        }
        let full = self.list.len() >= REVISIONS && self.list.iter().all(|revision| live.contains(&revision.status.id));
        if self.begun.len() >= HOURLY || full {
            self.folded.insert(template.to_owned());
            self.begin(FOLDED, &BTreeMap::new(), live, now);
            return FOLDED.to_owned();
        }
        let taken = self.list.iter().any(|revision| revision.status.id == template);
        let id = if taken { format!("{template}-{:.6}", super::pod::digest(&format!("{images:?}"))) } else { template.to_owned() };
        self.begun.push(now);
        self.begin(&id, images, live, now);
        id
    }

    fn begin(&mut self, id: &str, images: &BTreeMap<String, String>, live: &BTreeSet<String>, now: Timestamp) {
        let remaining_seconds = seconds(self.period);
        let (id, images) = (id.to_owned(), images.clone());
        let status = RevisionStatus { id: id.clone(), started_at: Some(time(now)), remaining_seconds, images, ..RevisionStatus::default() };
        if let Some(known) = self.get_mut(&id) {
            if known.status.phase == Phase::Complete {
                *known = Revision { status, closing: None };
            }
            return;
        }
        // The folded one may come on top: it has no predecessor to take the place of.
        while self.list.len() >= REVISIONS {
            let spare = self.list.iter().position(|revision| !live.contains(&revision.status.id)).unwrap_or(0);
            self.list.remove(spare);
        }
        self.list.push(Revision { status, closing: None });
    }

    /// Sets the annotation that was there when the workload was first learned: it asks for nothing.
    pub(super) fn obeyed(&mut self, relearn: &str) {
        relearn.clone_into(&mut self.relearned);
    }

    /// Whether facts of a revision are taken.
    pub(super) fn takes(&self, id: &str) -> bool {
        self.get(id).is_none_or(|revision| revision.status.phase == Phase::Learning)
    }

    /// Whether agents are asked to hand over what they have of it.
    pub(super) fn closing(&self, id: &str) -> bool {
        self.get(id).is_some_and(|revision| revision.closing.is_some())
    }

    /// Whether revisions are taken for one.
    pub(super) fn is_folded(&self) -> bool {
        self.get(FOLDED).is_some()
    }

    /// Whether it was ever told to learn again.
    pub(super) fn was_relearned(&self) -> bool {
        !self.relearned.is_empty()
    }

    /// Whether any is still learned.
    pub(super) fn any_learning(&self) -> bool {
        self.list.iter().any(|revision| revision.status.phase == Phase::Learning)
    }

    /// Whether any is complete.
    pub(super) fn any_complete(&self) -> bool {
        self.list.iter().any(|revision| revision.status.phase == Phase::Complete)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn get(&self, id: &str) -> Option<&Revision> {
        self.list.iter().find(|revision| revision.status.id == id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Revision> {
        self.list.iter_mut().find(|revision| revision.status.id == id)
    }

    /// Looks at the cluster, and lets clocks run, stop and end.
    pub(super) fn look(&mut self, view: &View, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.adjust(view.period) | self.relearn(view, now) {
            changes.push(Change::Clock);
        }
        let mut completed = Vec::new();
        for revision in self.list.iter_mut().filter(|revision| revision.status.phase == Phase::Learning) {
            let nothing = Presence::default();
            let presence = view.revisions.get(&revision.status.id).unwrap_or(&nothing);
            if revision.run(presence.watched || view.ends == Ends::ClockAndSuccess, now) {
                changes.push(Change::Clock);
            }
            let ran_out = revision.remaining(now) <= SignedDuration::ZERO;
            let over = match view.ends {
                Ends::Clock => ran_out,
                Ends::Success => presence.over,
                Ends::ClockAndSuccess => ran_out && presence.over,
                Ends::ClockOrEnd => ran_out || presence.over,
            };
            let id = revision.status.id.clone();
            match revision.closing {
                None if over => {
                    revision.closing = Some(now);
                    changes.push(Change::Close(id));
                }
                None => {}
                Some(since) if presence.unanswered.is_empty() || now.duration_since(since) >= BARRIER => {
                    revision.closing = None;
                    let RevisionStatus { phase, remaining_seconds, running_since, completed_at, .. } = &mut revision.status;
                    (*phase, *remaining_seconds, *running_since, *completed_at) = (Phase::Complete, 0, None, Some(time(since)));
                    completed.push((id, presence.unanswered.union(&presence.unseen).cloned().collect()));
                }
                Some(_) => {}
            }
        }
        changes.dedup();
        if completed.is_empty() {
            return changes;
        }
        let kept = self.keep(view);
        changes.extend(completed.into_iter().map(|(id, silent)| Change::Complete { id, silent, kept: kept.clone() }));
        changes
    }

    /// Takes another period: what has run already counts.
    fn adjust(&mut self, period: SignedDuration) -> bool {
        if period == self.period || self.list.is_empty() {
            return false;
        }
        let (old, new) = (seconds(self.period), seconds(period));
        self.period = period;
        for RevisionStatus { remaining_seconds, .. } in self.learning() {
            *remaining_seconds = (*remaining_seconds + new).saturating_sub(old);
        }
        true
    }

    fn learning(&mut self) -> impl Iterator<Item = &mut RevisionStatus> {
        self.list.iter_mut().map(|revision| &mut revision.status).filter(|status| status.phase == Phase::Learning)
    }

    /// Opens the current revision again if that is asked for and was not done yet.
    fn relearn(&mut self, view: &View, now: Timestamp) -> bool {
        if view.relearn.is_empty() || view.relearn == self.relearned {
            return false;
        }
        view.relearn.clone_into(&mut self.relearned);
        let period = seconds(self.period);
        let is_live = |revision: &Revision| view.revisions.get(&revision.status.id).is_some_and(|presence| presence.live);
        let current = self.list.iter().rposition(is_live).or(self.list.len().checked_sub(1));
        if let Some(revision) = current.and_then(|current| self.list.get_mut(current)) {
            let RevisionStatus { id, images, .. } = std::mem::take(&mut revision.status);
            revision.closing = None;
            revision.status =
                RevisionStatus { id, images, started_at: Some(time(now)), remaining_seconds: period, ..RevisionStatus::default() };
        }
        true
    }

    /// Lets go of all but those with a live pod, those still learned that were begun last, and the last complete ones.
    fn keep(&mut self, view: &View) -> BTreeSet<String> {
        let mut complete: Vec<_> = self.list.iter().filter(|revision| revision.status.phase == Phase::Complete).collect();
        complete.sort_by(|a, b| b.status.completed_at.cmp(&a.status.completed_at));
        let mut kept: BTreeSet<String> = complete.into_iter().take(COMPLETE).map(|revision| revision.status.id.clone()).collect();
        kept.extend(view.revisions.iter().filter(|(_, presence)| presence.live).map(|(id, _)| id.clone()));
        // The newest may be between two pods.
        kept.extend(self.list.last().map(|revision| revision.status.id.clone()));
        self.list.retain(|revision| kept.contains(&revision.status.id));
        self.list.iter().map(|revision| revision.status.id.clone()).collect()
    }

    /// Writes what is to be stored.
    pub(super) fn write(&self, status: &mut ProfileStatus, live: &BTreeSet<String>) {
        let statuses = || self.list.iter().map(|revision| &revision.status);
        let is_learning = |status: &&RevisionStatus| status.phase == Phase::Learning;
        let lives = |status: &&RevisionStatus| live.contains(&status.id);
        let last = statuses().next_back();
        let current = statuses().filter(lives).rfind(is_learning).or_else(|| statuses().rfind(lives)).or(last);
        status.phase = current.map_or(Phase::Learning, |current| current.phase);
        let completes_at = current.and_then(|current| match &current.running_since {
            Some(Time(since)) => since.checked_add(SignedDuration::from_secs(signed(current.remaining_seconds))).ok().map(time),
            None => current.completed_at.clone(),
        });
        status.learning = Some(Learning {
            period: period_text(self.period),
            started_at: current.and_then(|current| current.started_at.clone()),
            completes_at,
            revision: current.map(|current| current.id.clone()).unwrap_or_default(),
            relearned: self.relearned.clone(),
        });
        status.revisions = statuses().cloned().collect();
    }
}

impl Revision {
    fn remaining(&self, now: Timestamp) -> SignedDuration {
        let ran = self.status.running_since.as_ref().map_or(SignedDuration::ZERO, |Time(since)| now.duration_since(*since));
        SignedDuration::from_secs(signed(self.status.remaining_seconds)) - ran.max(SignedDuration::ZERO)
    }

    /// Starts or stops the clock. True if it did not already do so.
    fn run(&mut self, runs: bool, now: Timestamp) -> bool {
        match (runs, &self.status.running_since) {
            (true, None) => self.status.running_since = Some(time(now)),
            (false, Some(_)) => {
                self.status.remaining_seconds = seconds(self.remaining(now).max(SignedDuration::ZERO));
                self.status.running_since = None;
            }
            (true, Some(_)) | (false, None) => return false,
        }
        true
    }
}

fn seconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_secs()).unwrap_or_default()
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// Shortest text of a period: `1h`, `90s`.
fn period_text(period: SignedDuration) -> String {
    let seconds = period.as_secs();
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{}h", seconds / 3600),
        (_, 0) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
