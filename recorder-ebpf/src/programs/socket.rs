//! Reading `struct sock`: both ends, protocol, container.

use aya_ebpf::{macros::map, maps::LruHashMap};
use runtimemap_recorder_ebpf::record::Flow;

use super::{
    emit::{header, mix},
    identity,
    identity::Who,
    read::read,
};

pub const TCP: u16 = 6;
pub const UDP: u16 = 17;
pub const SCTP: u16 = 132;
const MPTCP: u16 = 262;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Owners of connecting sockets, by address of the socket: the only time the owner itself is running.
#[map]
pub static CONNECTING: LruHashMap<u64, Who> = LruHashMap::with_max_entries(16384, 0);
/// Owners of listening ports, by network namespace and port: where the socket does not tell (no cgroup v2).
#[map]
pub static LISTENERS: LruHashMap<[u32; 2], Who> = LruHashMap::with_max_entries(16384, 0);

/// Both ends of a socket, ports in host order, IPv4 addresses IPv4-mapped.
#[derive(Clone, Copy)]
pub struct Ends {
    pub local: [u8; 16],
    pub remote: [u8; 16],
    pub local_port: u16,
    pub remote_port: u16,
    pub protocol: u16,
}

impl Ends {
    #[inline(always)]
    pub fn record(&self, who: &Who, kind: u32, bits: u16) -> Flow {
        let Self { local, remote, local_port, remote_port, protocol } = *self;
        Flow { header: header(who, kind, 0), local, remote, local_port, remote_port, protocol, bits }
    }
}

/// IPv4-mapped IPv6 address.
#[inline(always)]
pub fn mapped(v4: [u8; 4]) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, v4[0], v4[1], v4[2], v4[3]]
}

/// The two words of an address.
#[inline(always)]
pub fn words(address: &[u8; 16]) -> [u64; 2] {
    // SAFETY: the same size; alignment is taken care of.
    unsafe { address.as_ptr().cast::<[u64; 2]>().read_unaligned() }
}

/// Hash of both ends.
#[inline(always)]
pub fn hash(ends: &Ends) -> u64 {
    let (local, remote) = (words(&ends.local), words(&ends.remote));
    let ports = u64::from(ends.local_port) << 32 | u64::from(ends.remote_port) << 16 | u64::from(ends.protocol);
    mix(mix(mix(mix(mix(setting!(seed), local[0]), local[1]), remote[0]), remote[1]), ports)
}

/// Protocol of a socket; MPTCP counts as TCP.
#[inline(always)]
pub fn protocol(sock: u64) -> Result<u16, i64> {
    let word: u16 = read(sock, offset!(sock_protocol))?;
    let protocol = word & offset!(sock_protocol_mask) as u16;
    Ok(if protocol == MPTCP { TCP } else { protocol })
}

/// Reads both ends of an internet socket; anything else is an error.
#[inline(always)]
pub fn ends(sock: u64) -> Result<Ends, i64> {
    let family: u16 = read(sock, offset!(sock_family))?;
    let protocol = protocol(sock)?;
    if protocol != TCP && protocol != UDP && protocol != SCTP {
        return Err(0);
    }
    let (local, remote) = match family {
        AF_INET => (mapped(read(sock, offset!(sock_saddr4))?), mapped(read(sock, offset!(sock_daddr4))?)),
        AF_INET6 => (read(sock, offset!(sock_saddr6))?, read(sock, offset!(sock_daddr6))?),
        _ => return Err(0),
    };
    let remote_port: u16 = read(sock, offset!(sock_dport))?;
    Ok(Ends { local, remote, local_port: read(sock, offset!(sock_num))?, remote_port: u16::from_be(remote_port), protocol })
}

/// Network namespace and local port of a socket.
#[inline(always)]
pub fn listener_key(sock: u64) -> Result<[u32; 2], i64> {
    let net: u64 = read(sock, offset!(sock_net))?;
    let port: u16 = read(sock, offset!(sock_num))?;
    Ok([read(net, offset!(net_inum))?, u32::from(port)])
}

/// Who is behind a socket, by the cgroup it was made in.
#[inline(always)]
pub fn owner_by_cgroup(sock: u64) -> Option<Who> {
    let mut cgroup: u64 = read(sock, offset!(sock_cgroup)).ok()?;
    if offset!(sock_cgroup_packed) != 0 {
        if cgroup & 1 != 0 {
            return None;
        }
        cgroup &= !3;
    }
    let container = identity::container(&identity::cgroup_key(cgroup).ok()?)?;
    Some(Who { container, origin: runtimemap_recorder_ebpf::origin::ENTRYPOINT, pid: 0 })
}
