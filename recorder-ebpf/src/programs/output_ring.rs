//! Output into a ring buffer that all processors share.

use aya_ebpf::{EbpfContext, helpers::generated::bpf_ringbuf_output, macros::map, maps::RingBuf};

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(1 << 20, 0);

/// Hands `length` bytes to user space; false if there was no room.
#[inline(always)]
pub fn output<C: EbpfContext>(_: &C, record: *mut u8, length: u64) -> bool {
    // SAFETY: the caller gives a map value that is at least `length` long, which the verifier checks.
    unsafe { bpf_ringbuf_output((&raw const EVENTS).cast_mut().cast(), record.cast(), length, 0) == 0 }
}
