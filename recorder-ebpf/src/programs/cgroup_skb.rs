//! Packets of a container: UDP, DNS answers and SCTP, on cgroup v2.
//!
//! These programs could drop packets. They have no way out but 1.

use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_cgroup_id, bpf_skb_load_bytes},
    macros::cgroup_skb,
    programs::SkBuffContext,
};
use runtimemap_recorder_ebpf::{CgroupKey, origin};

use super::{datagram, identity, identity::Who, socket, socket::Ends};

const FRAGMENT: u8 = 44;
/// IPv6 extension headers that stand before the transport's.
const EXTENSIONS: u32 = 6;
const COOKIE_ACK: u8 = 11;
const INIT: u8 = 1;

#[cgroup_skb(egress)]
pub fn cgroup_skb_egress(ctx: SkBuffContext) -> i32 {
    passed(&ctx, true);
    1
}

#[cgroup_skb(ingress)]
pub fn cgroup_skb_ingress(ctx: SkBuffContext) -> i32 {
    passed(&ctx, false);
    1
}

#[inline(always)]
fn passed(ctx: &SkBuffContext, egress: bool) -> Option<()> {
    let (ends, transport) = parse(ctx, egress)?;
    // SAFETY: the context is this program's own.
    let (id, cookie) = unsafe { (bpf_skb_cgroup_id(ctx.skb.skb), bpf_get_socket_cookie(ctx.as_ptr())) };
    let container = identity::container(&CgroupKey { hierarchy: 0, id })?;
    let who = Who { container, origin: origin::ENTRYPOINT, pid: 0 };
    if ends.protocol == socket::SCTP {
        let chunk: u8 = load(ctx, transport + 12)?;
        return match chunk {
            INIT if egress => {
                datagram::passed(ctx, &who, cookie, &ends, true, true);
                Some(())
            }
            // The one who sent the cookie back opened the association, and the acknowledgement says that it stands.
            COOKIE_ACK => {
                datagram::passed(ctx, &who, cookie, &ends, !egress, false);
                Some(())
            }
            _ => None,
        };
    }
    datagram::passed(ctx, &who, cookie, &ends, egress, false);
    if !egress && datagram::is_answer(&ends) {
        let start = transport + 8;
        let length = u64::from(ctx.skb.len()).wrapping_sub(u64::from(start));
        // SAFETY: copies at most `size` bytes to a buffer of that size.
        datagram::answered(ctx, &who, &ends, length, |to, size| unsafe {
            bpf_skb_load_bytes(ctx.as_ptr().cast(), start, to.cast(), size) == 0
        });
    }
    Some(())
}

#[inline(always)]
fn load<T: Copy>(ctx: &SkBuffContext, offset: u32) -> Option<T> {
    ctx.load(offset as usize).ok()
}

/// Both ends and where the transport header begins, if the packet is UDP or SCTP and not a later fragment.
#[inline(always)]
fn parse(ctx: &SkBuffContext, egress: bool) -> Option<(Ends, u32)> {
    let version: u8 = load(ctx, 0)?;
    let (source, target, protocol, transport) = match version >> 4 {
        4 => {
            let fragment: u16 = load(ctx, 6)?;
            if u16::from_be(fragment) & 0x1fff != 0 {
                return None;
            }
            let protocol: u8 = load(ctx, 9)?;
            (socket::mapped(load(ctx, 12)?), socket::mapped(load(ctx, 16)?), protocol, u32::from(version & 15) * 4)
        }
        6 => {
            let (protocol, transport) = skip_extensions(ctx)?;
            (load(ctx, 8)?, load(ctx, 24)?, protocol, transport)
        }
        _ => return None,
    };
    if u16::from(protocol) != socket::UDP && u16::from(protocol) != socket::SCTP {
        return None;
    }
    let ports: [u8; 4] = load(ctx, transport)?;
    let (source_port, target_port) = (u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]]));
    let protocol = u16::from(protocol);
    let ends = if egress {
        Ends { local: source, remote: target, local_port: source_port, remote_port: target_port, protocol }
    } else {
        Ends { local: target, remote: source, local_port: target_port, remote_port: source_port, protocol }
    };
    Some((ends, transport))
}

#[inline(always)]
fn skip_extensions(ctx: &SkBuffContext) -> Option<(u8, u32)> {
    let mut next: u8 = load(ctx, 6)?;
    let mut at = 40u32;
    for _ in 0..EXTENSIONS {
        match next {
            0 | 43 | 60 => {
                let head: [u8; 2] = load(ctx, at)?;
                next = head[0];
                at += (u32::from(head[1]) + 1) * 8;
            }
            FRAGMENT => {
                let head: [u8; 4] = load(ctx, at)?;
                if u16::from_be_bytes([head[2], head[3]]) & 0xfff8 != 0 {
                    return None;
                }
                next = head[0];
                at += 8;
            }
            _ => return Some((next, at)),
        }
    }
    None
}
