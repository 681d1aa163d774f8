//! System calls entered.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use runtimemap_recorder_ebpf::{
    SYSCALLS, SyscallTable, abi,
    record::{Syscall, kind},
};

use super::{emit, identity, maps::SYSCALL_TABLES, read::current, walk::masked};

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter(ctx: RawTracePointContext) -> i32 {
    entered(&ctx);
    0
}

#[inline(always)]
fn entered(ctx: &RawTracePointContext) -> Option<()> {
    let who = identity::who()?;
    let number: u64 = ctx.arg(1);
    let table = identity::current_abi(current());
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
    unsafe { *table.add(masked::<4095>(u64::from(index)) as usize) = 1 };
    Some(())
}
