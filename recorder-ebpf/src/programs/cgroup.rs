//! Cgroups: children of a container's cgroup belong to it from their first moment.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use runtimemap_recorder_ebpf::loss;

use super::{emit, identity, maps::CGROUPS, read::read};

#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: RawTracePointContext) -> i32 {
    let _ = made(ctx.arg(0));
    0
}

#[inline(always)]
fn made(cgroup: u64) -> Result<(), i64> {
    let above: u64 = read(cgroup, offset!(cgroup_self) + offset!(css_parent))?;
    let parent: u64 = read(above, offset!(css_cgroup))?;
    if let Some(container) = identity::container(&identity::cgroup_key(parent)?)
        && CGROUPS.insert(identity::cgroup_key(cgroup)?, container, 0).is_err()
    {
        emit::lost(container, loss::MAP_FULL);
    }
    Ok(())
}

#[raw_tracepoint(tracepoint = "cgroup_release")]
pub fn cgroup_release(ctx: RawTracePointContext) -> i32 {
    if let Ok(key) = identity::cgroup_key(ctx.arg(0)) {
        let _ = CGROUPS.remove(key);
    }
    0
}
