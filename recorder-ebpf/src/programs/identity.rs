//! Whose act this is: the container by the task's cgroup, the origin by its process.

use aya_ebpf::helpers::generated::{bpf_get_current_cgroup_id, bpf_get_current_pid_tgid};
pub use runtimemap_recorder_ebpf::Who;
use runtimemap_recorder_ebpf::{CgroupKey, Container, Task, abi, origin};

use super::{
    maps::{CGROUPS, FOLLOWED, RECORDER, STATES, TASKS},
    read::{Helper, Memory, read},
};

/// Key of a `struct cgroup`.
#[inline(always)]
pub fn cgroup_key(cgroup: u64) -> Result<CgroupKey, i64> {
    let root: u64 = read(cgroup, offset!(cgroup_root))?;
    let hierarchy: u32 = read(root, offset!(root_hierarchy))?;
    let node: u64 = read(cgroup, offset!(cgroup_kn))?;
    Ok(CgroupKey { hierarchy: u64::from(hierarchy), id: read(node, offset!(kernfs_id))? })
}

/// Key of a task's cgroup in the hierarchy of identity.
#[inline(always)]
pub fn task_key<M: Memory>(task: u64) -> Result<CgroupKey, i64> {
    let hierarchy = setting!(hierarchy);
    let set: u64 = M::read(task, offset!(task_cgroups))?;
    let cgroup: u64 = if hierarchy == 0 {
        M::read(set, offset!(css_set_dfl_cgrp))?
    } else {
        let state: u64 = M::read(set, offset!(css_set_subsys))?;
        M::read(state, offset!(css_cgroup))?
    };
    let node: u64 = M::read(cgroup, offset!(cgroup_kn))?;
    Ok(CgroupKey { hierarchy, id: M::read(node, offset!(kernfs_id))? })
}

/// The container of a cgroup.
#[inline(always)]
pub fn container(key: &CgroupKey) -> Option<Container> {
    // SAFETY: the value is copied at once.
    unsafe { CGROUPS.get(key).copied() }
}

/// What is known of a process.
#[inline(always)]
pub fn process(pid: u32) -> Option<Task> {
    // SAFETY: the value is copied at once.
    unsafe { TASKS.get(pid).copied() }
}

/// Thread group of the current task.
#[inline(always)]
pub fn current_pid() -> u32 {
    // SAFETY: no arguments.
    (unsafe { bpf_get_current_pid_tgid() } >> 32) as u32
}

/// The current task's container, if it has one.
#[inline(always)]
pub fn who() -> Option<Who> {
    who_by::<Helper>()
}

/// The same, if it is not its runtime that acts.
#[inline(always)]
pub fn own() -> Option<Who> {
    own_by::<Helper>()
}

/// As [`own`], in the way that the program reads.
#[inline(always)]
pub fn own_by<M: Memory>() -> Option<Who> {
    who_by::<M>().filter(|who| who.origin != origin::RUNTIME)
}

/// As [`who`], in the way that the program reads.
#[inline(always)]
pub fn who_by<M: Memory>() -> Option<Who> {
    let key = if setting!(hierarchy) == 0 {
        // SAFETY: no arguments.
        CgroupKey { hierarchy: 0, id: unsafe { bpf_get_current_cgroup_id() } }
    } else {
        task_key::<M>(M::current()).ok()?
    };
    let Some(container) = container(&key) else { return followed() };
    let pid = current_pid();
    if pid == *RECORDER.get(0)? {
        return None;
    }
    let origin = match process(pid) {
        Some(task) if task.container.slot == container.slot => task.origin,
        _ if started(container) => origin::ENTRYPOINT,
        // A runtime's process acts while it is moved here, before the kernel tells that it was.
        _ => origin::RUNTIME,
    };
    Some(Who { container, origin, pid })
}

/// Whether the container's own command was started.
#[inline(always)]
fn started(container: Container) -> bool {
    // SAFETY: a map value.
    STATES.get_ptr(container.slot).is_some_and(|state| unsafe { (*state).started } != 0)
}

/// The current task's container, if it is followed by itself.
#[inline(always)]
fn followed() -> Option<Who> {
    if *FOLLOWED.get(0)? == 0 {
        return None;
    }
    let pid = current_pid();
    let task = process(pid)?;
    (task.followed != 0).then_some(Who { container: task.container, origin: task.origin, pid })
}

/// Which table of system calls the current call belongs to.
#[inline(always)]
pub fn current_abi<M: Memory>(task: u64) -> u32 {
    let word: u32 = M::read(task, offset!(task_compat_word)).unwrap_or(0);
    if word & offset!(compat_bit) != 0 { abi::COMPAT } else { abi::NATIVE }
}
