//! Brings about a condition.

use std::process::Command;

use crate::{
    condition::Condition,
    learner::Learner,
    rig::wait_until,
    stage::Stage,
    witness::{Witness, has_program, is_traced, programs},
};

/// Runs bpftrace where tracepoints can be found, whether or not the machine shows them.
const BPFTRACE: &str = "[ -e /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing && exec bpftrace -e \"$0\"";

/// Who observes, until dropped.
pub(crate) enum Watcher {
    Nobody,
    #[expect(dead_code, reason = "held for its end")]
    Witness(Witness),
    Learner(Box<Learner>),
}

impl Watcher {
    /// Waits until the condition holds.
    ///
    /// # Errors
    /// Why an observer cannot do what it should.
    pub(crate) fn begin(condition: Condition, stage: &Stage) -> Result<Self, String> {
        // The last one's programs go when the kernel gets to it; and this is no measure of somebody else's.
        wait_until("an end of other programs at system calls", || programs() == 0);
        let said = stage.rig.path("said");
        let bpftrace = |text: &str| {
            let mut command = Command::new("unshare");
            Witness::start(command.args(["--mount", "sh", "-c", BPFTRACE, text]), &said, has_program)
        };
        let witness = match condition {
            Condition::Bare => return Ok(Self::Nobody),
            Condition::Learning | Condition::Novelty | Condition::Settled | Condition::Beside => {
                return Ok(Self::Learner(Box::new(Learner::begin(condition, stage))));
            }
            Condition::Empty => Witness::start(&mut Command::new(&stage.empty), &said, has_program),
            Condition::Counting => bpftrace("tracepoint:raw_syscalls:sys_enter { @[args->id] = count(); }"),
            Condition::Streaming => bpftrace("tracepoint:raw_syscalls:sys_enter { printf(\"%d %s %d\\n\", pid, comm, args->id); }"),
            Condition::Strace => {
                let processes = stage.processes();
                let mut command = Command::new("strace");
                command.args(["-f", "-o", "/dev/null"]).args(processes.iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
                Witness::start(&mut command, &said, |_| processes.iter().all(|pid| is_traced(*pid)))
            }
        };
        witness.map(Self::Witness)
    }

    /// Whether nobody else has a program at system calls, either.
    pub(crate) fn is_alone(condition: Condition) -> bool {
        let own = usize::from(!matches!(condition, Condition::Bare | Condition::Settled | Condition::Strace));
        programs() == own
    }

    /// Waits until the observer has done what it does about what it saw, so that it is not in the way of what comes.
    pub(crate) fn rest(&self) {
        if let Self::Learner(learner) = self {
            learner.rest();
        }
    }
}
