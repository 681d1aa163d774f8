//! Where strace calls a system call otherwise than the kernel's table.

use std::borrow::Cow;

/// The kernel's name of strace's `name`; for a number that neither has a name for, the recorder's way to write it.
pub(super) fn kernels(compat: bool, name: &str) -> Cow<'_, str> {
    if let Some(number) = name.strip_prefix("syscall_0x").and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        return format!("syscall_{number}").into();
    }
    let name = match (compat, name) {
        (true, "old_mmap") => "mmap",
        (true, "old_select") => "select",
        (true, "old_getrlimit") => "getrlimit",
        (true, "oldumount") => "umount",
        _ => name,
    };
    name.into()
}
