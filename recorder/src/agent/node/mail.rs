//! Batches: made, sent once they are written down, and answered.

use std::time::{Duration, Instant};

use runtimemap_crds::{MailVerdict, NodeDirectiveSpec, NodeObservationSpec, WatchState};

use super::{Node, ledger};
use crate::agent::{
    Error, batch,
    container::{Key, Part, Written},
    post::Heard,
    redirect,
};

/// How long a container's first report waits for its name.
const NAMED: Duration = Duration::from_secs(2);
/// How long facts wait that the controller could not place yet.
const LATER: Duration = Duration::from_secs(2);

impl Node {
    /// The batch that waits for its answer, from before this agent.
    pub(in crate::agent) fn waiting(&self) -> Option<NodeObservationSpec> {
        self.outstanding.as_ref().map(|batch| batch.spec.clone())
    }

    /// The next batch, if the last one was acknowledged and there is something to say.
    pub(in crate::agent) fn next_batch(&mut self) -> Result<Option<NodeObservationSpec>, Error> {
        if self.outstanding.is_some() || !self.mailbox_known {
            return Ok(None);
        }
        self.settle()?;
        let keys: Vec<Key> = self.containers.keys().cloned().collect();
        // In turn, from the one after the last.
        let start = self.last.as_ref().map_or(0, |last| keys.partition_point(|key| key <= last));
        let now = Instant::now();
        let mut parts: Vec<Part> = self.missing.iter().filter(|(_, told)| !**told).map(|(key, _)| Part::missing(key)).collect();
        for key in keys[start..].iter().chain(&keys[..start]) {
            let Some(container) = self.containers.get(key) else { continue };
            let unnamed = container.kept.called.is_none() && !container.kept.closed && now.duration_since(container.found) < NAMED;
            if unnamed || container.not_before.is_some_and(|time| now < time) {
                continue;
            }
            parts.extend(container.part(key));
        }
        let mut gaps = self.kernel.gaps();
        gaps.extend(self.store.trouble().map(str::to_owned));
        gaps.extend(redirect::gap());
        let (seccomp, is_new) = self.filters_report();
        let head = batch::Head { ledger: self.ledger.clone(), sequence: self.sequence + 1, clock: self.clock, gaps, seccomp };
        let Some(batch) = batch::fill(head, parts, is_new)? else { return Ok(None) };
        self.sequence += 1;
        self.reported.clone_from(&batch.spec.seccomp);
        self.last = batch.parts.last().map(|part| part.key.clone());
        let spec = batch.spec.clone();
        self.outstanding = Some(batch);
        self.metrics.batches.inc();
        // On disk before it is sent: another batch of the same number must never follow.
        self.note_outstanding();
        self.settle()?;
        Ok(Some(spec))
    }

    /// Takes what the API server says.
    pub(in crate::agent) fn heard(&mut self, heard: Heard) -> Result<(), Error> {
        match heard {
            Heard::Mailbox(None) => {}
            Heard::Mailbox(Some(spec)) if spec.ledger == self.ledger => {
                self.sequence = self.sequence.max(spec.sequence);
                self.reported = spec.seccomp;
            }
            Heard::Mailbox(Some(spec)) => self.import(&spec),
            Heard::Clock(ahead) => {
                self.clock = ahead;
                return Ok(());
            }
            Heard::Directive(directive) => {
                self.answered(&directive);
                self.follow(&directive)?;
                return self.settle();
            }
        }
        self.mailbox_known = true;
        self.settle()
    }

    /// Takes the controller's answer to the outstanding batch, if it is one.
    fn answered(&mut self, answer: &NodeDirectiveSpec) {
        let Some(batch) = self.outstanding.take_if(|batch| answer.ack.covers(&batch.spec.ledger, batch.spec.sequence)) else { return };
        for part in batch.parts {
            let said = answer.containers.iter().find(|said| (&said.pod_uid, &said.id) == (&part.key.0, &part.key.1));
            let verdict = said.map_or(MailVerdict::Taken, |said| said.verdict);
            if let Some(told) = self.missing.get_mut(&part.key) {
                *told = verdict != MailVerdict::Later;
                continue;
            }
            if verdict == MailVerdict::Refused || said.is_some_and(|said| said.watch == WatchState::Ignore) {
                self.ignore(&part.key);
                continue;
            }
            let Some(container) = self.containers.get_mut(&part.key) else { continue };
            container.not_before = None;
            if verdict == MailVerdict::Later {
                container.not_before = Some(Instant::now() + LATER);
            } else {
                let changes = container.taken(&part);
                self.note_letters(&part.key, changes);
            }
        }
        self.note_outstanding();
    }

    /// Notes letters that changed, for the disk.
    pub(super) fn note_letters(&mut self, key: &Key, changes: Vec<(String, Option<Written>)>) {
        let name = ledger::name(key);
        for (letter, written) in changes {
            self.store.changes().letters.insert((name.clone(), letter), written.map(Written::number));
        }
    }

    /// Whether a batch waits for its answer.
    pub(in crate::agent) fn waits(&self) -> bool {
        self.outstanding.is_some()
    }
}
