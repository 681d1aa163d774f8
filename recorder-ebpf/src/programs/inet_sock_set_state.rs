//! TCP connections, by the two changes of state that end in ESTABLISHED.

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use runtimemap_recorder_ebpf::{
    origin,
    record::{flow, kind},
};

use super::{
    emit, identity, socket,
    socket::{CONNECTING, LISTENERS},
};

const ESTABLISHED: u64 = 1;
const SYN_SENT: u64 = 2;
const SYN_RECV: u64 = 3;
const CLOSE: u64 = 7;
const LISTEN: u64 = 10;

#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: RawTracePointContext) -> i32 {
    changed(&ctx);
    0
}

#[inline(always)]
fn changed(ctx: &RawTracePointContext) -> Option<()> {
    let sock: u64 = ctx.arg(0);
    let bits = match (ctx.arg::<u64>(1), ctx.arg::<u64>(2)) {
        // The owner is running now, and not when the answer comes.
        (CLOSE, SYN_SENT) => {
            let _ = CONNECTING.insert(sock, identity::who()?, 0);
            return None;
        }
        (CLOSE, LISTEN) => {
            let _ = LISTENERS.insert(socket::listener_key(sock).ok()?, identity::who()?, 0);
            return None;
        }
        (LISTEN, CLOSE) => {
            let _ = LISTENERS.remove(socket::listener_key(sock).ok()?);
            return None;
        }
        (SYN_SENT, ESTABLISHED) => flow::EGRESS,
        (SYN_RECV, ESTABLISHED) => 0,
        (SYN_SENT, CLOSE) => flow::EGRESS | flow::ATTEMPTED,
        _ => return None,
    };
    if socket::protocol(sock).ok()? != socket::TCP {
        return None;
    }
    // SAFETY: values are copied at once.
    let who = unsafe {
        if bits & flow::EGRESS != 0 {
            let known = CONNECTING.get(sock).copied();
            let _ = CONNECTING.remove(sock);
            known
        } else {
            None
        }
        .or_else(|| socket::owner_by_cgroup(sock))
        .or_else(|| LISTENERS.get(socket::listener_key(sock).ok()?).copied())?
    };
    if who.origin == origin::RUNTIME {
        return None;
    }
    let mut ends = socket::ends(sock).ok()?;
    // The port that the kernel chose says nothing, and would make each connection a new fact.
    let mut record = ends.record(&who, kind::FLOW, bits);
    if bits & flow::EGRESS != 0 {
        ends.local_port = 0;
    } else {
        ends.remote_port = 0;
    }
    let key = emit::key(&who, kind::FLOW, emit::mix(socket::hash(&ends), u64::from(bits)));
    emit::send_new(ctx, who.container, &key, &mut record);
    Some(())
}
