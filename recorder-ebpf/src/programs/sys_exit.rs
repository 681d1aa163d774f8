//! System calls left: those refused by seccomp, sockets bound and listening, and, where no better hook is there, opens.

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_user, bpf_task_pt_regs},
    macros::{btf_tracepoint, raw_tracepoint, tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext, TracePointContext},
};
use runtimemap_recorder_ebpf::{SYSCALLS, abi, call, loss, origin, record::kind};

use super::{
    emit, identity,
    identity::Who,
    maps::CALLS,
    open,
    read::{Helper, Load, Memory, perf_field, read},
    socket, sys_enter,
    udp::SENDING,
    under_way,
};

/// Of the port in a socket address of either family.
const SOCKADDR_PORT: u64 = 2;
const O_WRONLY_CREAT_TRUNC: u32 = 0o1 | 0o100 | 0o1000;

#[btf_tracepoint(function = "sys_exit")]
pub fn sys_exit_typed(ctx: BtfTracePointContext) -> i32 {
    left::<Load, _>(&ctx, ctx.arg(0), ctx.arg(1));
    0
}

#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn sys_exit(ctx: RawTracePointContext) -> i32 {
    left::<Helper, _>(&ctx, ctx.arg(0), ctx.arg(1));
    0
}

#[tracepoint(category = "raw_syscalls", name = "sys_exit")]
pub fn sys_exit_perf(ctx: TracePointContext) -> u32 {
    // SAFETY: the task that runs is one.
    let regs = unsafe { bpf_task_pt_regs(bpf_get_current_task_btf()) } as u64;
    left::<Load, _>(&ctx, regs, perf_field::<1>(&ctx));
    0
}

/// Most calls end here with as little as can be read.
#[inline(always)]
fn left<M: Memory, C: EbpfContext>(ctx: &C, regs: u64, result: u64) -> Option<()> {
    let task = M::current();
    let failed = (result as i64) < 0;
    let number: u32 = M::read(regs, offset!(regs_number)).ok()?;
    if number as usize >= SYSCALLS {
        return None;
    }
    let either = action(abi::NATIVE, number)? | action(abi::COMPAT, number)?;
    let filtered = failed && M::read::<u32>(task, offset!(task_seccomp_mode)).ok()? != 0;
    if either & call::IF_UNTOLD == 0 && (either == call::NONE || failed) && !filtered {
        return None;
    }
    let table = identity::current_abi::<M>(task);
    let mut action = action(table, number)?;
    if action & call::IF_UNTOLD != 0 {
        action = if untold::<M>(action, failed) { action & !call::IF_UNTOLD } else { call::NONE };
    }
    if filtered {
        return failed_under_filter::<M>(number, table);
    }
    if failed || action == call::NONE {
        return None;
    }
    let who = identity::own_by::<M>()?;
    let descriptor = if action >= call::LISTEN { argument::<M>(regs, table, 0)? } else { result as u64 };
    let Some(file) = file_of::<M>(task, descriptor) else {
        // Somebody else has closed it already.
        emit::lost(who.container, loss::UNRESOLVED);
        return None;
    };
    match action {
        call::LISTEN => listening(ctx, &who, file, false),
        // Port 0 leaves the choice to the kernel: whoever asks so is a client.
        call::BIND if read_user::<u16>(argument::<M>(regs, table, 1)? + SOCKADDR_PORT) == Some(0) => None,
        call::BIND => listening(ctx, &who, file, true),
        _ => open::opened::<M, _>(ctx, &who, file, requested_flags::<M>(regs, table, action)?, open::SYS_EXIT),
    }
}

/// Whether this call was for an open that the programs at the kernel's functions did not tell of. Of anything else that they did not tell of,
/// nothing is known but that it happened: it is counted.
#[inline(always)]
fn untold<M: Memory>(action: u8, failed: bool) -> bool {
    let told = open::told();
    if action != call::IF_UNTOLD {
        return told != Some(true);
    }
    let sent = under_way::take(&SENDING).is_some();
    if !failed
        && (sent || told == Some(false))
        && let Some(who) = identity::own_by::<M>()
    {
        emit::lost(who.container, loss::MISSED);
    }
    false
}

/// What is to be done at the end of a call, one of `call`.
#[inline(always)]
fn action(table: u32, number: u32) -> Option<u8> {
    CALLS.get(table * SYSCALLS as u32 + number).copied()
}

/// Remembers that a call ended in an error under a filter: if it was never entered, the filter refused it.
#[inline(always)]
fn failed_under_filter<M: Memory>(number: u32, table: u32) -> Option<()> {
    let who = identity::own_by::<M>()?;
    sys_enter::mark(who.container.slot, ((origin::COUNT * abi::COUNT) as u32 + table) * SYSCALLS as u32 + number)
}

#[inline(always)]
fn argument<M: Memory>(regs: u64, table: u32, index: u32) -> Option<u64> {
    let native = table == abi::NATIVE;
    let offset = match index {
        0 if native => offset!(regs_native_0),
        1 if native => offset!(regs_native_1),
        _ if native => offset!(regs_native_2),
        0 => offset!(regs_compat_0),
        1 => offset!(regs_compat_1),
        _ => offset!(regs_compat_2),
    };
    M::read(regs, offset).ok()
}

#[inline(always)]
fn requested_flags<M: Memory>(regs: u64, table: u32, action: u8) -> Option<u32> {
    match action {
        call::OPEN_FLAGS_1 => argument::<M>(regs, table, 1).map(|flags| flags as u32),
        call::OPEN_FLAGS_2 => argument::<M>(regs, table, 2).map(|flags| flags as u32),
        call::OPEN_CREAT => Some(O_WRONLY_CREAT_TRUNC),
        _ => read_user::<u64>(argument::<M>(regs, table, 2)?).map(|flags| flags as u32),
    }
}

/// A number in the memory of the current process.
#[inline(always)]
fn read_user<T: Copy + Default>(pointer: u64) -> Option<T> {
    let mut value = T::default();
    // SAFETY: the helper fills the value or fails.
    let result = unsafe { bpf_probe_read_user((&raw mut value).cast(), size_of::<T>() as u32, pointer as *const _) };
    (result == 0).then_some(value)
}

/// `struct file` behind a descriptor of the current task.
#[inline(always)]
fn file_of<M: Memory>(task: u64, descriptor: u64) -> Option<u64> {
    if descriptor > 1 << 30 {
        return None;
    }
    let files: u64 = M::read(task, offset!(task_files)).ok()?;
    let table: u64 = M::read(files, offset!(files_fdt)).ok()?;
    let array: u64 = M::read(table, offset!(fdtable_fd)).ok()?;
    let file: u64 = read(array + descriptor * 8, 0).ok()?;
    (file != 0).then_some(file)
}

/// A bound datagram socket, or a listening one of any kind.
#[inline(always)]
fn listening<C: EbpfContext>(ctx: &C, who: &Who, file: u64, bound: bool) -> Option<()> {
    let pointer: u64 = read(file, offset!(file_private)).ok()?;
    let sock: u64 = read(pointer, offset!(socket_sk)).ok()?;
    let mut ends = socket::ends(sock).ok()?;
    if bound != (ends.protocol == socket::UDP) {
        return None;
    }
    ends.remote = [0; 16];
    ends.remote_port = 0;
    let key = emit::key(who, kind::LISTEN, socket::hash(&ends));
    let mut record = ends.record(who, kind::LISTEN, 0);
    emit::send_new(ctx, who.container, &key, &mut record);
    Some(())
}
