//! Calls of kernel functions under way, by thread: what a probe at the beginning leaves for the one at the end.
//!
//! The kernel tells of the ends of only so many calls at a time, as few as there are processors, and skips the probe at the end of whatever
//! else is called meanwhile. What its beginning left is found by the thread's next such call, or when its system call (`sys_exit`) or the
//! thread itself ends.

use aya_ebpf::{helpers::generated::bpf_get_current_pid_tgid, maps::HashMap};
use runtimemap_recorder_ebpf::{Container, loss};

use super::{emit, identity};

/// Calls under way at a time, over all containers.
pub const CALLS: u32 = 16384;

/// A call begins.
#[inline(always)]
pub fn begins<T>(calls: &HashMap<u64, T>, call: &T, container: Container) {
    if calls.insert(thread(), call, 0).is_err() {
        emit::lost(container, loss::MAP_FULL);
    }
}

/// Takes the thread's call: it ends, or its end was not told.
#[inline(always)]
pub fn take<T: Copy>(calls: &HashMap<u64, T>) -> Option<T> {
    let thread = thread();
    // SAFETY: the value is copied at once.
    let call = unsafe { calls.get(thread).copied() }?;
    let _ = calls.remove(thread);
    Some(call)
}

/// Counts the thread's last call if its end was not told.
#[inline(always)]
pub fn settle<T: Copy>(calls: &HashMap<u64, T>, container: Container) {
    if take(calls).is_some() {
        emit::lost(container, loss::MISSED);
    }
}

/// The same at the end of the thread.
#[inline(always)]
pub fn thread_exits<T: Copy>(calls: &HashMap<u64, T>) {
    if let Some(who) = identity::who() {
        settle(calls, who.container);
    }
}

/// The current thread, as the maps know it.
#[inline(always)]
pub fn thread() -> u64 {
    // SAFETY: no arguments.
    unsafe { bpf_get_current_pid_tgid() }
}
