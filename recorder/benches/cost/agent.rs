//! What an agent needs: processor and memory under the field's standard load.

use std::{
    mem,
    time::{Duration, Instant},
};

use procfs::process::Process;

use crate::{
    rig::wait_until,
    stage::{FILES, Stage},
};

/// What this is called on the command line.
pub(crate) const NAME: &str = "agent";
/// How long the standard load runs.
const STANDARD: Duration = Duration::from_secs(30);
/// Files that it opens, one after the other.
const OPENED: usize = 1000;
const _: () = assert!(OPENED <= FILES);

/// Processor time of a process so far, of all its threads.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = Process::new(pid.cast_signed()).unwrap().stat().unwrap();
    Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second()).unwrap()
}

/// Memory of a process, in MiB: all that it has mapped and that is there, and what of it is neither a file nor a map of the kernel's.
pub(crate) fn memory(pid: u32) -> (f64, f64) {
    let status = Process::new(pid.cast_signed()).unwrap().status().unwrap();
    let size = |kilobytes: Option<u64>| kilobytes.unwrap() as f64 / 1024.0;
    (size(status.vmrss), size(status.rssanon))
}

/// The standard load: new at first, and then the same again and again.
pub(crate) fn standard() -> String {
    let mut stage = Stage::new();
    let agent = stage.rig.agent();
    wait_until("the first of a container", || stage.rig.cluster.observed(&stage.container.id).is_some());
    let words = format!("paced {} {OPENED}", stage.rig.path("files").display());
    let (began, before) = (Instant::now(), processor_time(agent.pid()));
    stage.run(&words, u32::try_from(STANDARD.as_millis()).unwrap());
    let share = share(agent.pid(), began, before);
    let (resident, own) = memory(agent.pid());
    stage.rig.cluster.wait_for(&stage.container.id, "/files/");
    agent.end();
    format!("standard load for {STANDARD:?}: {share:.4} of a processor, {resident:.1} MiB resident, of which {own:.1} MiB its own\n")
}

/// Part of a processor that a process used since it had used so much.
pub(crate) fn share(pid: u32, began: Instant, before: Duration) -> f64 {
    (processor_time(pid) - before).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Waits until an agent has nothing to do: it uses no more than a twentieth of a processor for so long.
pub(crate) fn rest(pid: u32, quiet: Duration) {
    let (mut since, mut used) = (Instant::now(), processor_time(pid));
    wait_until("an agent at rest", || {
        if since.elapsed() < quiet {
            return false;
        }
        let before = mem::replace(&mut used, processor_time(pid));
        since = Instant::now();
        used - before <= quiet / 20
    });
}
