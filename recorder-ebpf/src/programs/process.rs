//! Processes: born, moved and gone.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use runtimemap_recorder_ebpf::{
    Container, Task, loss, origin,
    record::{Header, kind},
};

use super::{
    emit, identity,
    identity::Who,
    maps::{STATES, TASKS},
    read::{Helper, current, read},
    twins,
};

#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn sched_process_fork(ctx: RawTracePointContext) -> i32 {
    let _ = forked(ctx.arg(0), ctx.arg(1));
    0
}

#[inline(always)]
fn forked(parent: u64, child: u64) -> Result<(), i64> {
    let parent_pid: u32 = read(parent, offset!(task_tgid))?;
    let child_pid: u32 = read(child, offset!(task_tgid))?;
    if parent_pid == child_pid {
        return Ok(());
    }
    let known = identity::process(parent_pid);
    let mut task = match identity::container(&identity::task_key::<Helper>(child)?) {
        None => match known {
            Some(task) if task.followed != 0 => task,
            _ => return Ok(()),
        },
        Some(container) => match known {
            Some(task) if task.container.slot == container.slot => task,
            _ if identity::container(&identity::task_key::<Helper>(parent)?).is_some_and(|its| its.slot == container.slot) => {
                Task { container, origin: origin::ENTRYPOINT, ..Task::NONE }
            }
            // Born into another cgroup than its parent's (CLONE_INTO_CGROUP): it entered.
            _ => Task { container, ..Task::NONE },
        },
    };
    task.mm = read(child, offset!(task_mm))?;
    remember(child_pid, task);
    Ok(())
}

#[raw_tracepoint(tracepoint = "cgroup_attach_task")]
pub fn cgroup_attach_task(ctx: RawTracePointContext) -> i32 {
    let _ = attached(&ctx);
    0
}

#[inline(always)]
fn attached(ctx: &RawTracePointContext) -> Result<(), i64> {
    let key = identity::cgroup_key(ctx.arg(0))?;
    let hierarchy = setting!(hierarchy);
    if hierarchy != 0 && (key.hierarchy == hierarchy || key.hierarchy == 0) {
        let _ = twins::join(ctx.arg(2));
    }
    if key.hierarchy != hierarchy {
        return Ok(());
    }
    let pid: u32 = read(ctx.arg(2), offset!(task_tgid))?;
    let known = identity::process(pid);
    match (identity::container(&key), known) {
        (Some(container), Some(task)) if task.container.slot == container.slot && task.container.epoch == container.epoch => {}
        (Some(container), _) => remember(pid, Task { container, mm: read(ctx.arg(2), offset!(task_mm))?, ..Task::NONE }),
        (None, Some(task)) if task.followed == 0 => {
            let who = Who { container: task.container, origin: task.origin, pid };
            let _ = TASKS.remove(pid);
            if task.origin != origin::RUNTIME {
                let mut record: Header = emit::header(&who, kind::LEFT, 0);
                emit::send_new(ctx, who.container, &emit::key(&who, kind::LEFT, u64::from(pid)), &mut record);
            }
        }
        (None, _) => {}
    }
    Ok(())
}

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sched_process_exit(_: RawTracePointContext) -> i32 {
    let _ = exited();
    0
}

/// Forgets a process with its last thread.
#[inline(always)]
fn exited() -> Result<(), i64> {
    let signal: u64 = read(current(), offset!(task_signal))?;
    let live: u32 = read(signal, offset!(signal_live))?;
    if live == 0 {
        let _ = TASKS.remove(identity::current_pid());
    }
    Ok(())
}

#[inline(always)]
fn remember(pid: u32, task: Task) {
    if TASKS.insert(pid, task, 0).is_err() {
        emit::lost(task.container, loss::MAP_FULL);
    }
}

/// Remembers the current process as its runtime's, with the program that it runs now.
#[inline(always)]
pub fn stays_runtime(who: &Who) -> Result<(), i64> {
    remember(who.pid, Task { container: who.container, mm: read(current(), offset!(task_mm))?, ..Task::NONE });
    Ok(())
}

/// The runtime's process becomes the container's: its entrypoint if none was started yet, else somebody who entered.
#[inline(always)]
pub fn leave_runtime(container: Container, pid: u32) -> u32 {
    let mut origin = origin::ENTERED;
    if let Some(state) = STATES.get_ptr_mut(container.slot) {
        // SAFETY: a map value.
        unsafe {
            if (*state).started == 0 {
                (*state).started = 1;
                origin = origin::ENTRYPOINT;
            }
        }
    }
    remember(pid, Task { container, origin, ..Task::NONE });
    origin
}

/// The origin of a process that was its runtime's when the kernel told of it last. Some kernels skip programs while they interrupt others,
/// also the one that is told of a program started: then the next system call finds out.
#[inline(always)]
pub fn origin_now(who: &Who) -> Result<u32, i64> {
    match identity::process(who.pid) {
        Some(task) if task.container.slot == who.container.slot => {
            if task.mm != read::<u64>(current(), offset!(task_mm))? {
                return Ok(leave_runtime(who.container, who.pid));
            }
        }
        _ => stays_runtime(who)?,
    }
    Ok(origin::RUNTIME)
}
