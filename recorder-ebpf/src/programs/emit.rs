//! The way out: only what is new, only within the container's share, and every failure counted.

use aya_ebpf::{EbpfContext, helpers::generated::bpf_ktime_get_ns};
use runtimemap_recorder_ebpf::{Container, loss, record::Header};

use super::{
    identity::Who,
    maps::{LOSSES, NEWS, SEEN, STATES},
};
use crate::output::output;

/// One more fact of this container was lost.
#[inline(always)]
pub fn lost(container: Container, cause: u32) {
    if let Some(counters) = LOSSES.get_ptr_mut(container.slot) {
        // SAFETY: a map value; `cause` is a constant below loss::COUNT.
        unsafe { (*counters)[cause as usize % loss::COUNT] += 1 }
        news();
    }
}

/// Says that there is something new to read, after it was written.
#[inline(always)]
pub fn news() {
    if let Some(count) = NEWS.get_ptr_mut(0) {
        // SAFETY: a map value.
        unsafe { *count += 1 }
    }
}

/// One step of the 64-bit hash.
#[inline(always)]
pub fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
}

/// Key under which a fact is remembered.
#[inline(always)]
pub fn key(who: &Who, kind: u32, hash: u64) -> [u64; 2] {
    [
        u64::from(who.container.slot) << 40 | u64::from(who.container.epoch & 0xffff) << 16 | u64::from(who.origin) << 8 | u64::from(kind),
        hash,
    ]
}

/// Whether the fact was handed out before.
#[inline(always)]
pub fn seen(key: &[u64; 2]) -> bool {
    // SAFETY: only asked whether it is there.
    unsafe { SEEN.get(key).is_some() }
}

/// Beginning of a record.
#[inline(always)]
pub fn header(who: &Who, kind: u32, flags: u32) -> Header {
    Header {
        #[cfg(feature = "other-layout")]
        other: u64::MAX,
        kind,
        slot: who.container.slot,
        epoch: who.container.epoch,
        origin: who.origin,
        pid: who.pid,
        flags,
        time: now(),
    }
}

/// Hands a record out and remembers it; in this order, so that what was lost is seen again.
#[inline(always)]
pub fn send<C: EbpfContext>(ctx: &C, container: Container, key: &[u64; 2], record: *mut u8, length: u64) -> bool {
    if !take_token(container) {
        lost(container, loss::THROTTLED);
        return false;
    }
    if !output(ctx, record, length) {
        lost(container, loss::RING_FULL);
        return false;
    }
    // Failure only means that the fact is handed out once more.
    let _ = SEEN.insert(key, 1u8, 0);
    true
}

/// The same for a record on the stack, if it is new.
#[inline(always)]
pub fn send_new<C: EbpfContext, T>(ctx: &C, container: Container, key: &[u64; 2], record: &mut T) {
    if !seen(key) {
        send(ctx, container, key, (record as *mut T).cast(), size_of::<T>() as u64);
    }
}

/// Takes from the container's bucket. Two processors may take the same token: a share is no law.
#[inline(always)]
fn take_token(container: Container) -> bool {
    const SECOND: u64 = 1_000_000_000;
    let Some(state) = STATES.get_ptr_mut(container.slot) else { return true };
    let time = now();
    // SAFETY: a map value.
    unsafe {
        let mut elapsed = time.wrapping_sub((*state).refilled);
        if elapsed > SECOND {
            elapsed = SECOND;
        }
        let more = elapsed * setting!(rate) / SECOND;
        let mut tokens = (*state).tokens;
        if more > 0 {
            tokens += more;
            if tokens > setting!(burst) {
                tokens = setting!(burst);
            }
            (*state).refilled = time;
        }
        if tokens == 0 {
            return false;
        }
        (*state).tokens = tokens - 1;
    }
    true
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: no arguments.
    unsafe { bpf_ktime_get_ns() }
}
