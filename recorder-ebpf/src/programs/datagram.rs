//! Datagrams: the first one between a socket and a peer says who began.

use aya_ebpf::{
    EbpfContext,
    macros::map,
    maps::{LruHashMap, PerCpuArray},
};
use runtimemap_recorder_ebpf::{
    loss,
    record::{DNS_BYTES, Dns, flow, kind},
};

use super::{emit, identity::Who, socket, socket::Ends};

/// Conversations of sockets, by socket and peer.
#[map]
static CONVERSATIONS: LruHashMap<[u64; 4], u8> = LruHashMap::with_max_entries(32768, 0);

#[repr(C)]
struct Scratch {
    record: Dns,
    bytes: [u8; DNS_BYTES + 8],
}

#[map]
static DNS_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

const DNS: u16 = 53;
const DNS_MASK: u64 = DNS_BYTES as u64 - 1;

/// One datagram, or the packet that opens an SCTP association.
#[inline(always)]
pub fn passed<C: EbpfContext>(ctx: &C, who: &Who, cookie: u64, ends: &Ends, egress: bool, attempted: bool) {
    let remote = socket::words(&ends.remote);
    let conversation = [cookie, remote[0], remote[1], u64::from(ends.remote_port) << 1 | u64::from(attempted)];
    // SAFETY: only asked whether it is there.
    if unsafe { CONVERSATIONS.get(conversation).is_some() } {
        return;
    }
    let mut bits = if egress { flow::EGRESS } else { 0 };
    if attempted {
        bits |= flow::ATTEMPTED;
    }
    let mut record = ends.record(who, kind::FLOW, bits);
    let mut fact = *ends;
    if egress {
        fact.local_port = 0;
    } else {
        fact.remote_port = 0;
    }
    let key = emit::key(who, kind::FLOW, emit::mix(socket::hash(&fact), u64::from(bits)));
    if emit::seen(&key) || emit::send(ctx, who.container, &key, (&raw mut record).cast(), size_of_val(&record) as u64) {
        let _ = CONVERSATIONS.insert(conversation, 1u8, 0);
    }
}

/// Whether a datagram received is an answer of a name server.
#[inline(always)]
pub fn is_answer(ends: &Ends) -> bool {
    ends.protocol == socket::UDP && ends.remote_port == DNS
}

/// Hands out a name server's answer of `length` bytes, which `load` copies.
#[inline(always)]
pub fn answered<C: EbpfContext>(ctx: &C, who: &Who, ends: &Ends, length: u64, load: impl FnOnce(*mut u8, u32) -> bool) -> Option<()> {
    if length == 0 {
        return None;
    }
    if length > DNS_MASK {
        emit::lost(who.container, loss::TOO_LONG);
        return None;
    }
    let scratch = DNS_SCRATCH.get_ptr_mut(0)?;
    // SAFETY: parts of a map value.
    let (record, bytes) = unsafe { (&raw mut (*scratch).record, (&raw mut (*scratch).bytes).cast::<u8>()) };
    let size = super::walk::masked::<DNS_MASK>(length - 1) + 1;
    if !load(bytes, size as u32) {
        emit::lost(who.container, loss::UNRESOLVED);
        return None;
    }
    // SAFETY: a map value. The query's number differs each time and says nothing.
    let hash = unsafe {
        let number = bytes.cast::<u16>().read_unaligned();
        bytes.cast::<u16>().write_unaligned(0);
        let hash = super::walk::hash_words::<{ DNS_BYTES as u64 / 8 }, DNS_MASK>(setting!(seed), bytes, size);
        bytes.cast::<u16>().write_unaligned(number);
        hash
    };
    let key = emit::key(who, kind::DNS, hash);
    if emit::seen(&key) {
        return None;
    }
    // SAFETY: a map value.
    unsafe {
        *record =
            Dns { header: emit::header(who, kind::DNS, 0), server: ends.remote, port: ends.remote_port, reserved: 0, length: size as u32 };
    }
    let total = size_of::<Dns>() as u64 + super::walk::masked::<DNS_MASK>(size);
    emit::send(ctx, who.container, &key, scratch.cast(), total);
    Some(())
}
