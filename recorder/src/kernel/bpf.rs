//! Calls of bpf(2) that aya does not make, or not with as few privileges as an agent has: to take over a program whose types the verifier
//! knows it asks for these types, which needs CAP_SYS_ADMIN.

use std::{
    ffi::CString,
    io,
    mem::size_of,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_info};

/// The attributes of a call.
pub(super) fn attributes() -> bpf_attr {
    // SAFETY: a plain C union for which zeroes are valid.
    unsafe { std::mem::zeroed() }
}

/// One call. What `attr` points to has to live until it returns.
pub(super) fn call(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i32> {
    // SAFETY: the kernel reads and writes what the attributes name, which the caller holds.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<bpf_attr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(i32::try_from(result).unwrap_or_default()) }
}

/// One call that makes a descriptor.
pub(super) fn open(command: bpf_cmd, attr: &mut bpf_attr) -> io::Result<OwnedFd> {
    // SAFETY: the kernel has just made it, and nobody else has it.
    call(command, attr).map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// What is pinned there.
pub(super) fn pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = attributes();
    attr.__bindgen_anon_4.pathname = path.as_ptr().expose_provenance() as u64;
    open(bpf_cmd::BPF_OBJ_GET, &mut attr)
}

/// Pins it there.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attr = attributes();
    attr.__bindgen_anon_4.pathname = path.as_ptr().expose_provenance() as u64;
    attr.__bindgen_anon_4.bpf_fd = number(object);
    call(bpf_cmd::BPF_OBJ_PIN, &mut attr).map(|_| ())
}

/// Attaches a program where it was loaded for: gives the link.
pub(super) fn attach(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attr = attributes();
    attr.raw_tracepoint.prog_fd = number(program);
    open(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &mut attr)
}

/// `recursion_misses` of a program; 0 before Linux 5.12, which does not count them.
pub(super) fn misses(program: BorrowedFd<'_>) -> u64 {
    // SAFETY: a plain C structure for which zeroes are valid.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attr = attributes();
    attr.info.bpf_fd = number(program);
    attr.info.info_len = u32::try_from(size_of::<bpf_prog_info>()).unwrap_or_default();
    attr.info.info = (&raw mut info).expose_provenance() as u64;
    if call(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr).is_ok() { info.recursion_misses } else { 0 }
}

fn number(descriptor: BorrowedFd<'_>) -> u32 {
    u32::try_from(descriptor.as_raw_fd()).unwrap_or_default()
}
