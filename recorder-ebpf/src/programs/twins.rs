//! The two cgroups of a container where v1 and v2 are both mounted: tasks are told apart by the one, sockets know only the other.
//!
//! A runtime makes both under the same names and moves its task into one after the other. With the second move they belong
//! together, before the task runs anything of the container's.

use runtimemap_recorder_ebpf::CgroupKey;

use super::{
    cgroup, identity,
    read::{read, read_text},
};

/// Longest name of a cgroup that is compared, with its NUL: a runtime's prefix, 64 digits, `.scope`.
const NAME: usize = 96;

/// The v2 group of a task is its container's if it and the one above have the names that the container's have: a task that
/// nobody moves there stays in a group of v2 that it shares with the runtime.
#[inline(always)]
pub fn join(task: u64) -> Result<(), i64> {
    let set: u64 = read(task, offset!(task_cgroups))?;
    let state: u64 = read(set, offset!(css_set_subsys))?;
    let mut known: u64 = read(state, offset!(css_cgroup))?;
    let mut other: u64 = read(set, offset!(css_set_dfl_cgrp))?;
    let Some(container) = identity::container(&identity::cgroup_key(known)?) else { return Ok(()) };
    let key: CgroupKey = identity::cgroup_key(other)?;
    if identity::container(&key).is_some() {
        return Ok(());
    }
    for _ in 0..2 {
        if !same_name(known, other)? {
            return Ok(());
        }
        (known, other) = (above(known)?, above(other)?);
    }
    cgroup::belongs(&key, container);
    Ok(())
}

#[inline(always)]
fn above(cgroup: u64) -> Result<u64, i64> {
    let above: u64 = read(cgroup, offset!(cgroup_self) + offset!(css_parent))?;
    read(above, offset!(css_cgroup))
}

#[inline(always)]
fn same_name(one: u64, other: u64) -> Result<bool, i64> {
    let (mut one_name, mut other_name) = ([0u64; NAME / 8], [0u64; NAME / 8]);
    read_text(&mut one_name, name(one)?)?;
    read_text(&mut other_name, name(other)?)?;
    let mut differing = 0;
    for at in 0..NAME / 8 {
        differing |= one_name[at] ^ other_name[at];
    }
    Ok(differing == 0)
}

#[inline(always)]
fn name(cgroup: u64) -> Result<u64, i64> {
    let node: u64 = read(cgroup, offset!(cgroup_kn))?;
    read(node, offset!(kernfs_name))
}
