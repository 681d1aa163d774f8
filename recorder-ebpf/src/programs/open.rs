//! Files opened: at the end of do_filp_open and do_file_open_root, as fexit or as kprobe and kretprobe.

use aya_ebpf::{
    EbpfContext,
    macros::{fexit, kprobe, kretprobe, map, raw_tracepoint},
    maps::{HashMap, PerCpuArray},
    programs::{FExitContext, ProbeContext, RawTracePointContext, RetProbeContext},
};
use runtimemap_recorder_ebpf::{
    Container, loss,
    record::{NAME_BYTES, Open, PATH_BYTES, kind},
};

use super::{
    emit, identity,
    identity::Who,
    read::{Helper, Memory, read},
    under_way, walk,
};

/// Places in SCRATCH: a hook may interrupt another of a different family, never itself.
pub const SYS_EXIT: u32 = 0;
const DO_FILP_OPEN: u32 = 1;
const DO_FILE_OPEN_ROOT: u32 = 2;

/// The kernel's own mark for opening a program to run it.
const FMODE_EXEC: u32 = 0x20;
const MAX_ERRNO: u64 = 4095;

#[repr(C)]
struct Scratch {
    record: Open,
    bytes: [u8; PATH_BYTES + NAME_BYTES],
    room: walk::Room,
}

#[map]
static OPEN_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(3, 0);
/// Opens under way, by thread, for the kretprobes: the flags asked for, or TOLD once a kretprobe has seen the end.
#[map]
static OPENING: HashMap<u64, u64> = HashMap::with_max_entries(under_way::CALLS, 0);
const TOLD: u64 = 1 << 32;

#[fexit(function = "do_filp_open")]
pub fn do_filp_open(ctx: FExitContext) -> i32 {
    returned(&ctx, ctx.arg(2), ctx.arg(3), DO_FILP_OPEN);
    0
}

#[fexit(function = "do_file_open_root")]
pub fn do_file_open_root(ctx: FExitContext) -> i32 {
    if offset!(open_root_takes_path) != 0 {
        returned(&ctx, ctx.arg(2), ctx.arg(3), DO_FILE_OPEN_ROOT);
    } else {
        returned(&ctx, ctx.arg(3), ctx.arg(4), DO_FILE_OPEN_ROOT);
    }
    0
}

#[kprobe]
pub fn do_filp_open_enter(ctx: ProbeContext) -> u32 {
    entered(ctx.arg(2));
    0
}

#[kretprobe]
pub fn do_filp_open_return(ctx: RetProbeContext) -> u32 {
    left(&ctx, DO_FILP_OPEN);
    0
}

#[kprobe]
pub fn do_file_open_root_enter(ctx: ProbeContext) -> u32 {
    // Both are read, each opaque: a pointer to the context may be moved by a constant only.
    let (third, fourth) = (core::hint::black_box(ctx.arg(2)), core::hint::black_box(ctx.arg(3)));
    entered(if offset!(open_root_takes_path) != 0 { third } else { fourth });
    0
}

#[kretprobe]
pub fn do_file_open_root_return(ctx: RetProbeContext) -> u32 {
    left(&ctx, DO_FILE_OPEN_ROOT);
    0
}

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn opening_thread_exit(_: RawTracePointContext) -> i32 {
    if let Some(who) = identity::who() {
        settle(who.container);
    }
    0
}

#[inline(always)]
fn entered(request: Option<u64>) -> Option<()> {
    let who = identity::own()?;
    settle(who.container);
    under_way::begins(&OPENING, &u64::from(flags_of(request?)?), who.container);
    Some(())
}

#[inline(always)]
fn left(ctx: &RetProbeContext, place: u32) -> Option<()> {
    let open = OPENING.get_ptr_mut(under_way::thread())?;
    // SAFETY: a map value that is this thread's.
    let flags = unsafe { core::ptr::replace(open, TOLD) };
    if flags == TOLD {
        return None;
    }
    let file = opened_file(ctx.ret())?;
    opened::<Helper, _>(ctx, &identity::own()?, file, flags as u32, place)
}

/// Whether a kretprobe has told of the open that the thread's system call was for. None if it began unseen.
#[inline(always)]
pub fn told() -> Option<bool> {
    under_way::take(&OPENING).map(|open| open == TOLD)
}

/// Counts the thread's last open if its end was not told.
#[inline(always)]
fn settle(container: Container) {
    if told() == Some(false) {
        emit::lost(container, loss::MISSED);
    }
}

/// The end of an open with the kernel's request and the file or the error it gave.
#[inline(always)]
fn returned<C: EbpfContext>(ctx: &C, request: u64, result: u64, place: u32) -> Option<()> {
    let file = opened_file(result)?;
    let who = identity::own()?;
    opened::<Helper, _>(ctx, &who, file, flags_of(request)?, place)
}

#[inline(always)]
fn opened_file(result: u64) -> Option<u64> {
    (result != 0 && result < MAX_ERRNO.wrapping_neg()).then_some(result)
}

/// The flags of a request, if it is not for a program to run.
#[inline(always)]
fn flags_of(request: u64) -> Option<u32> {
    read(request, offset!(open_flags_flag)).ok().filter(|flags| flags & FMODE_EXEC == 0)
}

/// A file was opened with the flags asked for.
#[inline(always)]
pub fn opened<M: Memory, C: EbpfContext>(ctx: &C, who: &Who, file: u64, flags: u32, place: u32) -> Option<()> {
    let scratch = OPEN_SCRATCH.get_ptr_mut(place)?;
    let path = file + u64::from(offset!(file_path));
    // SAFETY: parts of a map value.
    let (record, bytes, room) = unsafe { (&raw mut (*scratch).record, (&raw mut (*scratch).bytes).cast::<u8>(), &raw mut (*scratch).room) };
    let (hash, marks) = match walk::hash::<M>(path, room) {
        Ok(found) => found,
        Err(error) => {
            emit::lost(who.container, walk::cause(error));
            return None;
        }
    };
    let key = emit::key(who, kind::OPEN, emit::mix(hash, u64::from(flags) << 8 | u64::from(marks)));
    if emit::seen(&key) {
        return Some(());
    }
    let length = match walk::copy::<{ PATH_BYTES as u64 - 1 }>(path, bytes, 0, room) {
        Ok(length) => length,
        Err(error) => {
            emit::lost(who.container, walk::cause(error));
            return None;
        }
    };
    // SAFETY: a map value.
    unsafe { *record = Open { header: emit::header(who, kind::OPEN, marks), flags, path_length: length as u32 } };
    let total = size_of::<Open>() as u64 + walk::masked::<{ PATH_BYTES as u64 - 1 }>(length);
    emit::send(ctx, who.container, &key, scratch.cast(), total);
    Some(())
}
