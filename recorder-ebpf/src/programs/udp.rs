//! UDP where there is no cgroup v2 to see packets of: the kernel's send and receive functions, by the container of the caller.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel,
    macros::{kprobe, kretprobe, map, raw_tracepoint},
    maps::HashMap,
    programs::{ProbeContext, RawTracePointContext, RetProbeContext},
};

use super::{datagram, identity, read::read, socket, socket::Ends, under_way};

const AF_INET6: u16 = 10;

/// What a sending thread is about to send to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Sending {
    sock: u64,
    remote: [u8; 16],
    port: u64,
}

#[map]
pub static SENDING: HashMap<u64, Sending> = HashMap::with_max_entries(under_way::CALLS, 0);

#[kprobe]
pub fn udp_sendmsg_enter(ctx: ProbeContext) -> u32 {
    sending(&ctx, false);
    0
}

#[kprobe]
pub fn udpv6_sendmsg_enter(ctx: ProbeContext) -> u32 {
    sending(&ctx, true);
    0
}

#[inline(always)]
fn sending(ctx: &ProbeContext, hands_on: bool) -> Option<()> {
    let who = identity::own()?;
    under_way::settle(&SENDING, who.container);
    let sock: u64 = ctx.arg(0)?;
    let message: u64 = ctx.arg(1)?;
    let name: u64 = read(message, offset!(msg_name)).ok()?;
    let (remote, port) = if name == 0 {
        let ends = socket::ends(sock).ok()?;
        (ends.remote, ends.remote_port)
    } else {
        let head: [u16; 2] = read(name, 0).ok()?;
        let remote = match head[0] {
            AF_INET6 => read(name, 8).ok()?,
            _ => socket::mapped(read(name, 4).ok()?),
        };
        (remote, u16::from_be(head[1]))
    };
    // What goes to an IPv4 address is not sent by the function for IPv6, which calls the other one.
    if hands_on && remote[..12] == socket::mapped([0; 4])[..12] {
        return None;
    }
    under_way::begins(&SENDING, &Sending { sock, remote, port: u64::from(port) }, who.container);
    Some(())
}

#[kretprobe]
pub fn udp_sendmsg_return(ctx: RetProbeContext) -> u32 {
    sent(&ctx);
    0
}

#[kretprobe]
pub fn udpv6_sendmsg_return(ctx: RetProbeContext) -> u32 {
    sent(&ctx);
    0
}

#[inline(always)]
fn sent(ctx: &RetProbeContext) -> Option<()> {
    let sending = under_way::take(&SENDING)?;
    let who = identity::own()?;
    if ctx.ret::<i32>() < 0 {
        return None;
    }
    let mut ends = socket::ends(sending.sock).ok()?;
    ends.remote = addressed(sending.remote, ends.local);
    ends.remote_port = sending.port as u16;
    datagram::passed(ctx, &who, sending.sock, &ends, true, false);
    Some(())
}

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn sending_thread_exit(_: RawTracePointContext) -> i32 {
    under_way::thread_exits(&SENDING);
    0
}

/// Where a datagram goes: what is addressed to no address the kernel sends to the socket's own, or else to the machine itself.
#[inline(always)]
fn addressed(remote: [u8; 16], local: [u8; 16]) -> [u8; 16] {
    const NONE_OF_IPV4: u128 = u128::from_ne_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]);
    let is_none = |address: [u8; 16]| matches!(u128::from_ne_bytes(address), 0 | NONE_OF_IPV4);
    if !is_none(remote) {
        return remote;
    }
    if !is_none(local) {
        return local;
    }
    let ipv4 = u128::from_ne_bytes(remote) == NONE_OF_IPV4;
    if ipv4 { [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1] } else { [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] }
}

#[kprobe]
pub fn skb_consume_udp(ctx: ProbeContext) -> u32 {
    received(&ctx);
    0
}

#[inline(always)]
fn received(ctx: &ProbeContext) -> Option<()> {
    let who = identity::own()?;
    let sock: u64 = ctx.arg(0)?;
    let skb: u64 = ctx.arg(1)?;
    let head: u64 = read(skb, offset!(skb_head)).ok()?;
    let network: u16 = read(skb, offset!(skb_network_header)).ok()?;
    let transport: u16 = read(skb, offset!(skb_transport_header)).ok()?;
    let (ip, udp) = (head + u64::from(network), head + u64::from(transport));
    let version: u8 = read(ip, 0).ok()?;
    let (remote, local) = if version >> 4 == 4 {
        (socket::mapped(read(ip, 12).ok()?), socket::mapped(read(ip, 16).ok()?))
    } else {
        (read(ip, 8).ok()?, read(ip, 24).ok()?)
    };
    let ports: [u16; 3] = read(udp, 0).ok()?;
    let ends = Ends { local, remote, local_port: u16::from_be(ports[1]), remote_port: u16::from_be(ports[0]), protocol: socket::UDP };
    datagram::passed(ctx, &who, sock, &ends, false, false);
    if datagram::is_answer(&ends) {
        let length = u64::from(u16::from_be(ports[2])).wrapping_sub(8);
        // SAFETY: copies at most `size` bytes to a buffer of that size.
        datagram::answered(ctx, &who, &ends, length, |to, size| unsafe {
            bpf_probe_read_kernel(to.cast(), size, (udp + 8) as *const _) == 0
        });
    }
    Some(())
}
