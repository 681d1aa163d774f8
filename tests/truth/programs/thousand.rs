//! Eight threads on two processors that each make a different call exactly once, a thousand times over.
//!
//! strace would put the threads in order and hide what is looked for, so who wrote the program is the witness. Each run is a
//! container of its own, so that no run covers for another; the kernel side is loaded once.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use runtimemap_crds::Origin;
use runtimemap_recorder::{
    cgroup::{Cgroup, Hierarchies},
    fact::Act,
    kernel::{Kernel, Options, Target},
    profile::syscall_name,
};
use runtimemap_tests::{
    sets::{Column, Sets},
    witness::Witness,
};

use crate::{
    build,
    program::{Prepared, need_compiler},
    run::Done,
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[("eight threads × 1,000", thousand)];

const RUNS: u32 = 1000;
const CALLS: [&str; 8] =
    ["getpgid", "getsid", "getpriority", "sched_get_priority_max", "sched_get_priority_min", "getitimer", "times", "umask"];
/// The shell enters the groups itself, and what it does before it becomes the program is not the program's.
const ENTER: &str = r#"program=$1; shift; for group; do echo 0 > "$group/cgroup.procs" || exit 9; done; exec "$program""#;

fn thousand(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "eight")?;
    let hierarchies = Hierarchies::read()?;
    let identity = hierarchies.identity()?;
    let unified = hierarchies.taking_part()?.iter().any(|part| part.id == 0);
    let options = Options { slots: RUNS, ..Options::for_one(identity.hierarchy_id, identity.controller, unified) };
    let mut kernel = Kernel::load(options).context("failed to load the kernel side")?;
    let (mut sets, mut recorded) = (Sets::default(), Sets::default());
    for run in 0..RUNS {
        let group = Cgroup::create(&format!("truth-{}-{run}", std::process::id()))?;
        let outcome = once(&mut kernel, &program, &group);
        group.remove()?;
        for call in CALLS {
            sets.insert(Column::Syscalls, format!("{call} of run {run}"));
        }
        for name in outcome.with_context(|| format!("failed in run {run}"))? {
            if CALLS.contains(&name.as_str()) {
                recorded.insert(Column::Syscalls, format!("{name} of run {run}"));
            }
        }
    }
    Ok(Prepared::Done(Box::new(Done {
        witness: Witness { sets, ..Witness::default() },
        recorded,
        exceptions: Vec::new(),
        columns: vec![Column::Syscalls],
        notes: Vec::new(),
        problems: Vec::new(),
        skipped: false,
    })))
}

/// Names of the calls that one run is said to have made.
fn once(kernel: &mut Kernel, program: &Path, group: &Cgroup) -> Result<Vec<String>> {
    let slot = kernel.track(&Target { cgroups: group.dirs.clone(), processes: Vec::new(), fresh: true })?;
    // The hierarchy by which tasks are told apart comes last: entering it begins the recording.
    build::run(Command::new("/bin/sh").args(["-c", ENTER, "sh"]).arg(program).args(group.dirs.iter().rev()))?;
    kernel.drain(Duration::ZERO, &mut |_| {})?;
    let facts = kernel.syscalls(slot)?.into_iter().filter(|fact| fact.origin != Origin::Runtime);
    Ok(facts.filter_map(|fact| if let Act::Syscall { abi, number } = fact.act { Some(syscall_name(abi, number)) } else { None }).collect())
}
