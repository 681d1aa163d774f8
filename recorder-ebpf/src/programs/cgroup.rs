//! Cgroups: one made below a pod is a container and has a slot of its own from its first moment; one made below a container belongs
//! to it.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel_str,
    macros::{map, raw_tracepoint},
    maps::PerCpuArray,
    programs::RawTracePointContext,
};
use runtimemap_recorder_ebpf::{
    CgroupKey, Container, loss, place,
    record::{CGROUP_BYTES, Made, kind},
};

use super::{
    emit, identity,
    identity::Who,
    maps::{ABOVE, CGROUPS, SLOTS_READY},
    read::read,
    walk::masked,
};
use crate::output::output;

#[repr(C)]
struct Scratch {
    record: Made,
    bytes: [u8; CGROUP_BYTES],
}

#[map]
static MADE_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Arguments of the tracepoint: the cgroup, and its path in its hierarchy.
#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: RawTracePointContext) -> i32 {
    let _ = made(&ctx);
    0
}

#[inline(always)]
fn made(ctx: &RawTracePointContext) -> Result<(), i64> {
    let cgroup: u64 = ctx.arg(0);
    let above: u64 = read(cgroup, offset!(cgroup_self) + offset!(css_parent))?;
    let parent: u64 = read(above, offset!(css_cgroup))?;
    let parent = identity::cgroup_key(parent)?;
    let key = identity::cgroup_key(cgroup)?;
    if let Some(container) = identity::container(&parent) {
        belongs(&key, container);
        return Ok(());
    }
    // SAFETY: the value is copied at once.
    let Some(above) = (unsafe { ABOVE.get(parent).copied() }) else { return Ok(()) };
    if above == place::PODS {
        let _ = ABOVE.insert(key, place::POD, 0);
        tell(ctx, Container { slot: place::POD, epoch: 0 });
    } else {
        // Without one it is found by user space, later, and counts as one that already ran.
        if let Ok(Some(container)) = SLOTS_READY.pop() {
            belongs(&key, container);
            tell(ctx, container);
        }
    }
    Ok(())
}

#[inline(always)]
pub fn belongs(key: &CgroupKey, container: Container) {
    if CGROUPS.insert(key, container, 0).is_err() {
        emit::lost(container, loss::MAP_FULL);
    }
}

/// Says which cgroup it is, before anything that happens in it.
#[inline(always)]
fn tell(ctx: &RawTracePointContext, container: Container) -> Option<()> {
    let scratch = MADE_SCRATCH.get_ptr_mut(0)?;
    let path: u64 = ctx.arg(1);
    // SAFETY: parts of a map value.
    let (record, bytes) = unsafe { (&raw mut (*scratch).record, (&raw mut (*scratch).bytes).cast::<u8>()) };
    // SAFETY: at most as much as there is room for.
    let length = unsafe { bpf_probe_read_kernel_str(bytes.cast(), CGROUP_BYTES as u32, path as *const _) };
    if length <= 0 {
        return None;
    }
    let who = Who { container, origin: 0, pid: 0 };
    // SAFETY: a map value.
    unsafe { *record = Made { header: emit::header(&who, kind::MADE, 0), length: length as u32, reserved: 0 } };
    let size = size_of::<Made>() as u64 + masked::<{ CGROUP_BYTES as u64 - 1 }>(length as u64 - 1) + 1;
    if !output(ctx, scratch.cast(), size) {
        emit::lost(container, loss::RING_FULL);
    }
    Some(())
}

#[raw_tracepoint(tracepoint = "cgroup_release")]
pub fn cgroup_release(ctx: RawTracePointContext) -> i32 {
    if let Ok(key) = identity::cgroup_key(ctx.arg(0)) {
        let _ = CGROUPS.remove(key);
        let _ = ABOVE.remove(key);
    }
    0
}
