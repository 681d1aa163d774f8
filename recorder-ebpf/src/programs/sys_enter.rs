//! System calls entered.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use runtimemap_recorder_ebpf::{
    SYSCALLS, abi, origin,
    record::{Syscall, kind},
};

use super::{emit, identity, maps::SYSCALL_TABLES, read::current};

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
        let bytes = SYSCALL_TABLES.get_ptr_mut(who.container.slot)?;
        let origin = who.origin as usize;
        if origin < origin::COUNT && (table as usize) < abi::COUNT {
            // SAFETY: a map value; all three indices are in range.
            unsafe { (*bytes).entered[origin][table as usize][number as usize] = 1 };
        }
    } else if number as i64 > 0 {
        let mut record = Syscall { header: emit::header(&who, kind::SYSCALL, 0), number: number as u32, abi: table };
        let key = emit::key(&who, kind::SYSCALL, number << 1 | u64::from(table));
        emit::send_new(ctx, who.container, &key, &mut record);
    }
    Some(())
}
