//! Output into one perf buffer per processor.

use aya_ebpf::{
    EbpfContext, bindings::BPF_F_CURRENT_CPU, helpers::generated::bpf_perf_event_output, macros::map, maps::PerfEventByteArray,
};

#[map]
static EVENTS: PerfEventByteArray = PerfEventByteArray::new(0);

/// Hands `length` bytes to user space; false if there was no room.
#[inline(always)]
pub fn output<C: EbpfContext>(ctx: &C, record: *mut u8, length: u64) -> bool {
    // SAFETY: the caller gives a map value that is at least `length` long, which the verifier checks.
    unsafe { bpf_perf_event_output(ctx.as_ptr(), (&raw const EVENTS).cast_mut().cast(), BPF_F_CURRENT_CPU, record.cast(), length) == 0 }
}
