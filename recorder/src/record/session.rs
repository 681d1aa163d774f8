//! The kernel side, a ledger and a clock: what every kind of recording has.

use std::{path::PathBuf, thread, time::Duration};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use nix::time::{ClockId, clock_gettime};
use runtimemap_crds::{LossCause, Origin, collapse::Thresholds, yaml};

use super::{Error, Plan, Subject, evidence::EvidenceLog, output::Output, say};
use crate::{
    cgroup::Hierarchies,
    fact::{Act, Fact, Slot},
    kernel::{self, Kernel, Options, Record, Target},
    ledger::Ledger,
    profile::{self, Ending, Recording},
    snapshot::Listener,
};

/// Rounds of draining that may follow the end; a flood that goes on outside of it ends there.
const ROUNDS: usize = 100;

/// A recording in progress.
pub(super) struct Session {
    kernel: Kernel,
    slot: Option<Slot>,
    startup_observed: bool,
    intake: Intake,
    thresholds: Thresholds,
    started_at: Timestamp,
    failure: Option<kernel::Error>,
}

/// Where facts go.
struct Intake {
    ledger: Ledger,
    evidence: Option<EvidenceLog>,
    mask: bool,
    /// Nanoseconds from the kernel's clock to the wall's.
    offset: i128,
    facts: u64,
}

impl Intake {
    fn add(&mut self, fact: Fact) {
        // Of what the runtime does, and the recorder's own child before it becomes the command, only calls are told: filters need them.
        if fact.origin == Origin::Runtime && !matches!(fact.act, Act::Syscall { .. }) {
            return;
        }
        self.facts += 1;
        if let Some(evidence) = &mut self.evidence {
            evidence.write(&fact, self.mask);
        }
        let first_seen = if fact.time == 0 { None } else { wall(i128::from(fact.time) + self.offset) };
        self.ledger.add(fact, first_seen);
    }
}

impl Session {
    /// Loads the programs.
    pub(super) fn open(plan: &Plan) -> Result<Self, Error> {
        let evidence = match &plan.facts {
            Some(path) => Some(EvidenceLog::create(path).map_err(|error| Error::Facts(path.clone(), error))?),
            None => None,
        };
        let kernel = Kernel::load(options(&plan.avoid)?)?;
        let thresholds = Thresholds::default();
        let started_at = Timestamp::now();
        Ok(Self {
            kernel,
            slot: None,
            startup_observed: false,
            intake: Intake {
                ledger: Ledger::new(&thresholds, plan.mask),
                evidence,
                mask: plan.mask,
                offset: started_at.as_nanosecond() - monotonic(),
                facts: 0,
            },
            thresholds,
            started_at,
            failure: None,
        })
    }

    /// Begins to record.
    pub(super) fn track(&mut self, target: &Target) -> Result<Slot, Error> {
        let slot = self.kernel.track(target)?;
        self.slot = Some(slot);
        self.startup_observed = target.fresh;
        Ok(slot)
    }

    /// Tells the kernel side of sockets that listen already.
    pub(super) fn listening(&mut self, slot: Slot, listeners: &[Listener]) -> Result<(), Error> {
        Ok(self.kernel.listening(slot, listeners)?)
    }

    /// Facts so far, and losses.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.intake.facts, self.losses().iter().map(|(_, count)| count).sum())
    }

    /// Takes what the kernel has, waiting at most so long for it. A failure is kept for the end: the command runs on.
    pub(super) fn drain(&mut self, timeout: Duration) {
        if self.failure.is_some() {
            return thread::sleep(timeout);
        }
        let Self { kernel, intake, failure, .. } = self;
        *failure = kernel
            .drain(timeout, &mut |record| {
                if let Record::Fact(fact) = record {
                    intake.add(fact);
                }
            })
            .err();
        // What a recording has seen ends with it.
        kernel.give_back();
        if let Some(evidence) = &mut intake.evidence {
            evidence.flush();
        }
    }

    /// Takes a fact that the kernel side did not report.
    pub(super) fn add(&mut self, fact: Fact) {
        self.intake.add(fact);
    }

    /// Takes everything that is still on its way.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let before = self.intake.facts;
            self.drain(Duration::ZERO);
            if self.intake.facts == before {
                return;
            }
        }
    }

    /// Reads the tables and writes the result.
    pub(super) fn finish(mut self, plan: &Plan, ending: Ending, output: Output) -> Result<(), Error> {
        let mut unread = None;
        match self.slot.map(|slot| self.kernel.syscalls(slot)) {
            Some(Ok(facts)) => facts.into_iter().for_each(|fact| self.add(fact)),
            Some(Err(error)) => unread = Some(error),
            None => {}
        }
        let failure = self.failure.take().or(unread);
        let period = match plan.subject {
            Subject::Process { duration: Some(duration), .. } | Subject::Cgroup { duration: Some(duration), .. } => {
                format!("{}s", duration.as_secs())
            }
            _ => String::new(),
        };
        let recording = Recording {
            name: plan.name.clone(),
            namespace: plan.namespace.clone(),
            started_at: self.started_at,
            ended_at: Timestamp::now(),
            ending: if failure.is_some() { Ending::RecorderFailed } else { ending },
            period,
            startup_observed: self.startup_observed,
            gaps: self.kernel.gaps(),
            losses: self.losses(),
        };
        let (facts, lost) = (self.intake.facts, recording.losses.iter().map(|(_, count)| count).sum::<u64>());
        let objects = profile::assemble(&recording, self.intake.ledger, &self.thresholds);
        output.commit(&yaml::to_stream(&objects)?)?;
        if let Some(evidence) = self.intake.evidence {
            evidence.finish().map_err(|(path, error): (PathBuf, _)| Error::Facts(path, error))?;
        }
        if !plan.quiet && lost > 0 {
            say(&format!("recorded {facts} facts; at most {lost} were lost, see status.losses"));
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Loss counters; unreadable ones are a failure that the end tells.
    fn losses(&self) -> Vec<(LossCause, u64)> {
        self.slot.and_then(|slot| self.kernel.losses(slot, &self.kernel.common_losses()).ok()).unwrap_or_default()
    }
}

/// How to load the programs on this machine.
pub(crate) fn options(avoid: &[String]) -> Result<Options, crate::cgroup::Error> {
    let hierarchies = Hierarchies::read()?;
    let identity = hierarchies.identity()?;
    let unified = hierarchies.taking_part()?.iter().any(|part| part.id == 0);
    Ok(Options { avoid: avoid.to_vec(), ..Options::for_one(identity.hierarchy_id, identity.controller, unified) })
}

/// Nanoseconds of the clock that stamps facts.
pub(crate) fn monotonic() -> i128 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
    i128::try_from(now.as_nanos()).unwrap_or_default()
}

/// A time of the wall's clock in whole seconds, as Kubernetes writes them.
pub(crate) fn wall(nanoseconds: i128) -> Option<Time> {
    let second = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    Timestamp::from_second(second).ok().map(Time)
}
