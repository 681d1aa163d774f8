//! Capabilities that the kernel was asked for: fexit of cap_capable, or its kprobes, or the tracepoint of Linux 6.14.

use aya_ebpf::{
    EbpfContext,
    helpers::generated::bpf_get_stack,
    macros::{fexit, kprobe, kretprobe, map, raw_tracepoint},
    maps::{HashMap, PerCpuArray},
    programs::{FExitContext, ProbeContext, RawTracePointContext, RetProbeContext},
};
use runtimemap_recorder_ebpf::record::{Capability, kind};

use super::{
    emit, identity,
    read::{current, read},
    under_way,
};

/// `CAP_OPT_NOAUDIT`: the kernel only wonders.
const NOAUDIT: u32 = 2;
const FRAMES: usize = 16;

/// Capabilities that are being asked for, by thread, for the kretprobe.
#[map]
static CHECKING: HashMap<u64, u32> = HashMap::with_max_entries(under_way::CALLS, 0);
#[map]
static STACK: PerCpuArray<[u64; FRAMES]> = PerCpuArray::with_max_entries(1, 0);

#[fexit(function = "cap_capable")]
pub fn cap_capable(ctx: FExitContext) -> i32 {
    if means_use(ctx.arg(0), ctx.arg(3)) {
        checked(&ctx, ctx.arg(2), ctx.arg::<i32>(4) == 0, false);
    }
    0
}

#[kprobe]
pub fn cap_capable_enter(ctx: ProbeContext) -> u32 {
    begun(&ctx);
    0
}

#[inline(always)]
fn begun(ctx: &ProbeContext) -> Option<()> {
    let who = identity::own()?;
    under_way::settle(&CHECKING, who.container);
    if means_use(ctx.arg(0)?, ctx.arg(3)?) {
        under_way::begins(&CHECKING, &ctx.arg::<u32>(2)?, who.container);
    }
    Some(())
}

#[kretprobe]
pub fn cap_capable_return(ctx: RetProbeContext) -> u32 {
    if let Some(number) = under_way::take(&CHECKING) {
        checked(&ctx, number, ctx.ret::<i32>() == 0, false);
    }
    0
}

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn checking_thread_exit(_: RawTracePointContext) -> i32 {
    under_way::thread_exits(&CHECKING);
    0
}

/// Arguments of the tracepoint: cred, target_ns, capable_ns, cap, ret.
#[raw_tracepoint(tracepoint = "cap_capable")]
pub fn cap_capable_tracepoint(ctx: RawTracePointContext) -> i32 {
    if means_use(ctx.arg(0), 0) {
        checked(&ctx, ctx.arg(3), ctx.arg::<i32>(4) == 0, true);
    }
    0
}

/// Audited, and with the task's own credentials: not those that overlayfs or access(2) put on for a while.
#[inline(always)]
fn means_use(cred: u64, options: u32) -> bool {
    options & NOAUDIT == 0 && read::<u64>(current(), offset!(task_real_cred)) == Ok(cred)
}

#[inline(always)]
fn checked<C: EbpfContext>(ctx: &C, number: u32, granted: bool, ask_stack: bool) -> Option<()> {
    let who = identity::own()?;
    let key = emit::key(&who, kind::CAPABILITY, u64::from(number) << 1 | u64::from(granted));
    if emit::seen(&key) || (ask_stack && called_quietly(ctx)) {
        return None;
    }
    let mut record = Capability { header: emit::header(&who, kind::CAPABILITY, u32::from(granted)), number, reserved: 0 };
    emit::send_new(ctx, who.container, &key, &mut record);
    Some(())
}

/// Whether a function that asks without audit is among the callers: the tracepoint does not show the option.
#[inline(always)]
fn called_quietly<C: EbpfContext>(ctx: &C) -> bool {
    let Some(stack) = STACK.get_ptr_mut(0) else { return false };
    // SAFETY: fills at most the map value.
    let bytes = unsafe { bpf_get_stack(ctx.as_ptr(), stack.cast(), size_of::<[u64; FRAMES]>() as u32, 0) };
    if bytes <= 0 {
        return false;
    }
    for frame in 0..FRAMES {
        if frame as i64 * 8 >= bytes {
            break;
        }
        // SAFETY: a map value.
        let address = unsafe { (*stack)[frame] };
        for range in 0..8 {
            if address >= setting!(quiet[range * 2]) && address < setting!(quiet[range * 2 + 1]) {
                return true;
            }
        }
    }
    false
}
