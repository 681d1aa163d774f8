//! From the bytes of a record to a fact. A record that does not hold together is nobody's fact: it is counted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use runtimemap_crds::{Origin, Outcome, Protocol};
use runtimemap_recorder_ebpf::{
    abi, origin, place,
    record::{self, Header, flow, kind, path},
};

use super::{Made, dns};
use crate::fact::{Abi, Act, Direction, Exec, Fact, Slot};

/// A cgroup that the kernel has taken for a pod's or a container's.
pub(super) fn made(bytes: &[u8]) -> Option<(u32, Made)> {
    let (record, rest) = take::<record::Made>(bytes)?;
    if record.header.kind != kind::MADE {
        return None;
    }
    let path = rest.get(..record.length as usize)?.split(|byte| *byte == 0).next()?;
    let slot = (record.header.slot < place::POD).then_some(Slot(record.header.slot));
    Some((record.header.epoch, Made { slot, path: String::from_utf8(path.to_vec()).ok()?, time: record.header.time }))
}

/// Decodes a record of a fact; the first value is the epoch of its container.
pub(super) fn fact(bytes: &[u8]) -> Option<(u32, Fact)> {
    let (header, _) = take::<Header>(bytes)?;
    let act = match header.kind {
        kind::EXEC => exec(bytes)?,
        kind::OPEN => open(bytes)?,
        kind::CAPABILITY => {
            let (record, _) = take::<record::Capability>(bytes)?;
            Act::Capability { number: record.number, granted: header.flags & 1 != 0 }
        }
        kind::SYSCALL => {
            let (record, _) = take::<record::Syscall>(bytes)?;
            Act::Syscall { abi: table(record.abi), number: record.number }
        }
        kind::FLOW => flow_act(bytes)?,
        kind::LISTEN => {
            let (record, _) = take::<record::Flow>(bytes)?;
            Act::Listen { protocol: protocol(record.protocol)?, address: address(record.local, record.local_port) }
        }
        kind::DNS => {
            let (record, payload) = take::<record::Dns>(bytes)?;
            dns::answer(payload.get(..record.length as usize)?, address(record.server, record.port))?
        }
        kind::LEFT => Act::Left,
        _ => return None,
    };
    Some((header.epoch, Fact { slot: Slot(header.slot), origin: origin_of(header.origin)?, pid: header.pid, time: header.time, act }))
}

/// Who an origin of the kernel's tables is.
pub(super) fn origin_of(number: u32) -> Option<Origin> {
    match number {
        origin::RUNTIME => Some(Origin::Runtime),
        origin::ENTRYPOINT => Some(Origin::Entrypoint),
        origin::ENTERED => Some(Origin::Exec),
        _ => None,
    }
}

/// Which table a number of the ABI names.
pub(super) fn table(number: u32) -> Abi {
    if number == abi::COMPAT { Abi::Compat } else { Abi::Native }
}

/// Splits a structure of the ABI off the front.
pub(super) fn take<T: Copy>(bytes: &[u8]) -> Option<(T, &[u8])> {
    if bytes.len() < size_of::<T>() {
        return None;
    }
    // SAFETY: long enough; only called for `repr(C)` structures of integers, for which every bit pattern is valid.
    let value = unsafe { bytes.as_ptr().cast::<T>().read_unaligned() };
    Some((value, &bytes[size_of::<T>()..]))
}

fn open(bytes: &[u8]) -> Option<Act> {
    let (record, rest) = take::<record::Open>(bytes)?;
    let path = absolute(rest.get(..record.path_length as usize)?, record.header.flags);
    Some(Act::Open { path, flags: documented(record.flags) })
}

fn exec(bytes: &[u8]) -> Option<Act> {
    let (record, rest) = take::<record::Exec>(bytes)?;
    let (args, rest) = rest.split_at_checked(record.args_length as usize)?;
    let (program, rest) = rest.split_at_checked(record.path_length as usize)?;
    let (script, rest) = rest.split_at_checked(record.script_length as usize)?;
    let directory = rest.get(..record.directory_length as usize)?;
    let truncated = record.header.flags & path::TRUNCATED != 0;
    let mut args: Vec<Vec<u8>> = args.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    // Each argument ends with a NUL, so what follows the last one is nothing, or cut.
    if args.last().is_some_and(Vec::is_empty) {
        args.pop();
    }
    let program = absolute(program, record.header.flags);
    let (path, interpreter) = if record.header.flags & path::SCRIPT != 0 {
        let script = script.split(|byte| *byte == 0).next()?;
        (resolve(&absolute(directory, 0), script), program)
    } else {
        (program, Vec::new())
    };
    Some(Act::Exec(Exec { path, interpreter, args, truncated }))
}

/// What stands for the path of a file that has none.
const UNNAMED: &[u8] = b"(unnamed)";

/// Puts a path together from its names, which come from the leaf up.
fn absolute(names: &[u8], flags: u32) -> Vec<u8> {
    let mut names: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && *name != b"/").collect();
    names.reverse();
    if names.is_empty() && flags & path::FOREIGN != 0 {
        // A pipe, a socket or a namespace, reached through /proc.
        return UNNAMED.to_vec();
    }
    let mut path = Vec::new();
    let anonymous = flags & path::FOREIGN != 0 && names.len() <= 1;
    if flags & path::FOREIGN != 0 && !anonymous {
        path.extend_from_slice(b"(foreign)");
    }
    for name in &names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    // As /proc/PID/fd shows them: a name that is gone, and a memfd, which never had one.
    if flags & path::DELETED != 0 || (anonymous && path.starts_with(b"/memfd:")) {
        path.extend_from_slice(b" (deleted)");
    }
    path
}

/// A name given relative to a directory, with `.` and `..` taken out.
fn resolve(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    let base: &[u8] = if name.starts_with(b"/") { b"" } else { directory };
    for part in base.split(|byte| *byte == b'/').chain(name.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                names.pop();
            }
            part => names.push(part),
        }
    }
    let mut path = Vec::new();
    for part in names {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    if path.is_empty() { b"/".to_vec() } else { path }
}

/// The flags that open(2) documents, as the kernel understands them, so that each hook tells the same. O_CLOEXEC is not among
/// them: it says something of the descriptor and nothing of the file, and is gone when do_filp_open is asked.
fn documented(flags: u32) -> u32 {
    const KNOWN: i32 = libc::O_ACCMODE
        | libc::O_APPEND
        | libc::O_ASYNC
        | libc::O_CREAT
        | libc::O_DIRECT
        | libc::O_DIRECTORY
        | libc::O_DSYNC
        | libc::O_EXCL
        | libc::O_NOATIME
        | libc::O_NOCTTY
        | libc::O_NOFOLLOW
        | libc::O_NONBLOCK
        | libc::O_PATH
        | libc::O_SYNC
        | libc::O_TMPFILE
        | libc::O_TRUNC;
    const WITH_PATH: i32 = libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let mut flags = flags & KNOWN as u32;
    if flags & libc::O_PATH as u32 != 0 {
        flags &= WITH_PATH as u32;
    }
    if flags & (libc::O_SYNC & !libc::O_DSYNC) as u32 != 0 {
        flags |= libc::O_DSYNC as u32;
    }
    flags
}

fn flow_act(bytes: &[u8]) -> Option<Act> {
    let (record, _) = take::<record::Flow>(bytes)?;
    Some(Act::Flow {
        direction: if record.bits & flow::EGRESS != 0 { Direction::Egress } else { Direction::Ingress },
        protocol: protocol(record.protocol)?,
        local: address(record.local, record.local_port),
        remote: address(record.remote, record.remote_port),
        outcome: if record.bits & flow::ATTEMPTED != 0 { Outcome::Attempted } else { Outcome::Established },
    })
}

fn protocol(number: u16) -> Option<Protocol> {
    match i32::from(number) {
        libc::IPPROTO_TCP => Some(Protocol::TCP),
        libc::IPPROTO_UDP => Some(Protocol::UDP),
        libc::IPPROTO_SCTP => Some(Protocol::SCTP),
        _ => None,
    }
}

fn address(bytes: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_leaf_first_and_marks_follow() {
        assert_eq!(absolute(b"passwd\0etc\0", 0), b"/etc/passwd");
        assert_eq!(absolute(b"", 0), b"/");
        assert_eq!(absolute(b"x\0tmp\0", path::DELETED), b"/tmp/x (deleted)");
        assert_eq!(absolute(b"memfd:runc\0", path::FOREIGN), b"/memfd:runc (deleted)");
        assert_eq!(absolute(b"b\0a\0", path::FOREIGN), b"(foreign)/a/b");
        assert_eq!(absolute(b"\0", path::FOREIGN), UNNAMED);
    }

    #[test]
    fn a_relative_script_is_resolved_from_its_directory() {
        assert_eq!(resolve(b"/srv/app", b"./bin/../run.sh"), b"/srv/app/run.sh");
        assert_eq!(resolve(b"/srv/app", b"/opt/run.sh"), b"/opt/run.sh");
        assert_eq!(resolve(b"/", b"../../x"), b"/x");
    }

    #[test]
    fn an_unknown_or_short_record_is_nobodys_fact() {
        assert!(fact(&[]).is_none());
        assert!(fact(&[0xff; 40]).is_none());
        assert!(fact(&[1; 31]).is_none());
    }

    #[test]
    fn kernel_only_flags_are_taken_out() {
        assert_eq!(documented(libc::O_RDWR as u32 | 0o100_000 | 0x4000_0000), libc::O_RDWR as u32);
        assert_eq!(documented((libc::O_PATH | libc::O_RDWR) as u32), libc::O_PATH as u32);
    }
}
