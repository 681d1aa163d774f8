//! System calls entered.

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, raw_tracepoint, tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext, TracePointContext},
};
use runtimemap_recorder_ebpf::{
    SYSCALLS, SyscallTable, abi, origin,
    record::{Syscall, kind},
};

use super::{
    emit, identity,
    maps::SYSCALL_TABLES,
    process,
    read::{Helper, Load, Memory, perf_field},
    walk::masked,
};

#[btf_tracepoint(function = "sys_enter")]
pub fn sys_enter_typed(ctx: BtfTracePointContext) -> i32 {
    entered::<Load, _>(&ctx, ctx.arg(1));
    0
}

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter(ctx: RawTracePointContext) -> i32 {
    entered::<Helper, _>(&ctx, ctx.arg(1));
    0
}

#[tracepoint(category = "raw_syscalls", name = "sys_enter")]
pub fn sys_enter_perf(ctx: TracePointContext) -> u32 {
    entered::<Load, _>(&ctx, perf_field::<0>(&ctx));
    0
}

#[inline(always)]
fn entered<M: Memory, C: EbpfContext>(ctx: &C, number: u64) -> Option<()> {
    let mut who = identity::who_by::<M>()?;
    if who.origin == origin::RUNTIME {
        who.origin = process::origin_now(&who).unwrap_or(origin::RUNTIME);
    }
    let table = identity::current_abi::<M>(M::current());
    if number < SYSCALLS as u64 {
        mark(who.container.slot, (who.origin * abi::COUNT as u32 + table) * SYSCALLS as u32 + number as u32)?;
    } else if number as i64 > 0 {
        let mut record = Syscall { header: emit::header(&who, kind::SYSCALL, 0), number: number as u32, abi: table };
        let key = emit::key(&who, kind::SYSCALL, number << 1 | u64::from(table));
        emit::send_new(ctx, who.container, &key, &mut record);
    }
    Some(())
}

/// Sets one byte of a container's table. The mask is all that verifiers up to 6.1 need; the table has exactly that size.
#[inline(always)]
pub fn mark(slot: u32, index: u32) -> Option<()> {
    const { assert!(size_of::<SyscallTable>() == 4096) };
    let table: *mut u8 = SYSCALL_TABLES.get_ptr_mut(slot)?.cast();
    // SAFETY: a map value, and an index within it.
    let mark = unsafe { &mut *table.add(masked::<4095>(u64::from(index)) as usize) };
    if *mark == 0 {
        *mark = 1;
        emit::news();
    }
    Some(())
}
