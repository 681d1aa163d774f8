//! Calls that stand for each other.

use std::collections::BTreeSet;

/// Families: what one version of the C library calls, another or one of another architecture does by one of the same family.
///
/// None has a member that default profiles refuse. `clone3` is in none: a default profile answers ENOSYS, since no filter can see its
/// flags, and the C library then calls `clone`.
pub const FAMILIES: &[&[&str]] = &[
    &["accept", "accept4"],
    &["access", "faccessat", "faccessat2"],
    &["chmod", "fchmodat", "fchmodat2"],
    &["chown", "fchownat", "lchown"],
    &["clock_gettime", "clock_gettime64", "gettimeofday", "time"],
    &["clock_nanosleep", "clock_nanosleep_time64", "nanosleep"],
    &["clone", "fork", "vfork"],
    &["creat", "open", "openat", "openat2"],
    &["dup2", "dup3"],
    &["epoll_create", "epoll_create1"],
    &["epoll_pwait", "epoll_pwait2", "epoll_wait"],
    &["eventfd", "eventfd2"],
    &["fstat", "fstatat64", "lstat", "newfstatat", "stat", "statx"],
    &["futex", "futex_time64", "futex_wait", "futex_waitv", "futex_wake"],
    &["futimesat", "utime", "utimensat", "utimensat_time64", "utimes"],
    &["getdents", "getdents64"],
    &["getrlimit", "prlimit64", "setrlimit", "ugetrlimit"],
    &["inotify_init", "inotify_init1"],
    &["link", "linkat"],
    &["mkdir", "mkdirat"],
    &["mknod", "mknodat"],
    &["pipe", "pipe2"],
    &["poll", "ppoll", "ppoll_time64"],
    &["preadv", "preadv2"],
    &["pselect6", "pselect6_time64", "select"],
    &["pwritev", "pwritev2"],
    &["readlink", "readlinkat"],
    &["recvmmsg", "recvmmsg_time64"],
    &["rename", "renameat", "renameat2"],
    &["rmdir", "unlink", "unlinkat"],
    &["signalfd", "signalfd4"],
    &["symlink", "symlinkat"],
];

/// The calls that stand for these, without these.
pub(super) fn of(seen: &BTreeSet<String>) -> BTreeSet<String> {
    let families = FAMILIES.iter().filter(|family| family.iter().any(|name| seen.contains(*name)));
    let mut siblings: BTreeSet<String> = families.copied().flatten().map(|name| (*name).to_owned()).collect();
    if seen.contains("clone3") {
        // Where a runtime's own rules refuse it, the C library goes back to the older one.
        siblings.insert("clone".to_owned());
    }
    &siblings - seen
}

#[cfg(test)]
mod tests {
    use super::{super::refused, *};

    #[test]
    fn s10_no_sibling_opens_what_default_profiles_close() {
        assert!(FAMILIES.iter().copied().flatten().all(|name| !refused::by_default(name) && *name != "clone3"));
    }

    #[test]
    fn only_families_of_which_one_was_seen_count() {
        let seen = ["clone3", "dup3"].map(str::to_owned).into();
        assert_eq!(of(&seen), ["clone", "dup2"].map(str::to_owned).into());
    }
}
