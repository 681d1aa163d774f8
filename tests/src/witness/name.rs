//! Where strace calls a system call otherwise than the kernel's table.

/// The kernel's name of strace's `name`.
pub(super) fn kernels(compat: bool, name: &str) -> &str {
    match (compat, name) {
        (true, "old_mmap") => "mmap",
        (true, "old_select") => "select",
        (true, "old_getrlimit") => "getrlimit",
        (true, "oldumount") => "umount",
        _ => name,
    }
}
