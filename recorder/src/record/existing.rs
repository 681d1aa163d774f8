//! Records what already runs.

use std::{
    collections::BTreeSet,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::getpid,
};

use super::{Error, Plan, TICK, output::Output, say, session::Session, signals::Signals, status_line::StatusLine};
use crate::{
    cgroup::{self, Found},
    kernel::Target,
    profile::Ending,
    snapshot::{self, Processes},
};

/// What is watched for its end.
enum Watched {
    Processes(Processes),
    Cgroup(Found),
}

/// A process with its children: by their cgroup if it holds nobody else, else one by one.
pub(super) fn process(
    plan: &Plan,
    pid: u32,
    duration: Option<Duration>,
    session: Session,
    signals: &Signals,
    output: Output,
) -> Result<ExitCode, Error> {
    let tree = Processes::of_tree(pid);
    if tree.is_empty() {
        return Err(Error::Gone(pid));
    }
    let found = cgroup::of_process(pid)?;
    let own = !found.root && found.processes().is_subset(&tree.pids());
    if own {
        return watch(plan, Watched::Cgroup(found), duration, session, signals, output);
    }
    if !plan.quiet {
        say(&format!("process {pid} shares its cgroup with others: it and its children are followed by themselves"));
    }
    watch(plan, Watched::Processes(tree), duration, session, signals, output)
}

/// A cgroup with all below it.
pub(super) fn cgroup(
    plan: &Plan,
    path: &Path,
    duration: Option<Duration>,
    session: Session,
    signals: &Signals,
    output: Output,
) -> Result<ExitCode, Error> {
    watch(plan, Watched::Cgroup(cgroup::by_path(path)?), duration, session, signals, output)
}

fn watch(
    plan: &Plan,
    mut watched: Watched,
    duration: Option<Duration>,
    mut session: Session,
    signals: &Signals,
    output: Output,
) -> Result<ExitCode, Error> {
    let deadline = duration.map(|duration| Instant::now() + duration);
    let target = match &watched {
        Watched::Processes(tree) => Target { processes: tree.pids().into_iter().collect(), ..Target::default() },
        Watched::Cgroup(found) => Target { cgroups: found.dirs.clone(), ..Target::default() },
    };
    let slot = session.track(&target)?;
    // After tracking has begun, so that nothing falls between.
    let mut own = watched.pids();
    own.remove(&std::process::id());
    session.listening(slot, &snapshot::listeners(&own))?;
    for fact in snapshot::take(slot, &own) {
        session.add(fact);
    }
    if !plan.quiet {
        say(&format!("recording {}; Ctrl-C ends the recording alone", watched.described()));
    }
    let mut line = StatusLine::new(plan.quiet);
    let ending = loop {
        session.drain(TICK);
        if stopped_by(signals)? {
            break Ending::StoppedBySignal;
        }
        if !watched.runs() {
            break Ending::Complete;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break Ending::DurationOver;
        }
        line.update(&session);
    };
    line.clear();
    session.settle();
    session.finish(plan, ending, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the user wants an end.
fn stopped_by(signals: &Signals) -> Result<bool, Error> {
    while let Some(arrived) = signals.next().map_err(Error::Signals)? {
        match arrived.signal {
            Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT => return Ok(true),
            Signal::SIGTSTP => {
                let _ = kill(getpid(), Signal::SIGSTOP);
            }
            _ => {}
        }
    }
    Ok(false)
}

impl Watched {
    fn pids(&self) -> BTreeSet<u32> {
        match self {
            Self::Processes(tree) => tree.pids(),
            Self::Cgroup(found) => found.processes(),
        }
    }

    /// For the user.
    fn described(&self) -> String {
        let pids = self.pids();
        match (pids.len(), pids.first()) {
            (1, Some(pid)) => format!("process {pid} and what it starts"),
            (count, _) => format!("{count} processes and what they start"),
        }
    }

    fn runs(&mut self) -> bool {
        match self {
            Self::Processes(tree) => tree.refresh(),
            Self::Cgroup(found) => found.exists() && !found.processes().is_empty(),
        }
    }
}
