//! Architectures, as libseccomp names them, and what one has and another has not.

use std::collections::BTreeSet;

use runtimemap_crds::ContainerProfile;

/// Calls of amd64 that arm64 has not, with that by which the C library does the same there. None: nothing corresponds.
pub const ONLY_AMD64: &[(&str, Option<&str>)] = &[
    ("_sysctl", None),
    ("access", Some("faccessat")),
    ("afs_syscall", None),
    ("alarm", Some("setitimer")),
    ("arch_prctl", None),
    ("chmod", Some("fchmodat")),
    ("chown", Some("fchownat")),
    ("creat", Some("openat")),
    ("create_module", None),
    ("dup2", Some("dup3")),
    ("epoll_create", Some("epoll_create1")),
    ("epoll_ctl_old", None),
    ("epoll_wait", Some("epoll_pwait")),
    ("epoll_wait_old", None),
    ("eventfd", Some("eventfd2")),
    ("fork", Some("clone")),
    ("futimesat", Some("utimensat")),
    ("get_kernel_syms", None),
    ("get_thread_area", None),
    ("getdents", Some("getdents64")),
    ("getpgrp", Some("getpgid")),
    ("getpmsg", None),
    ("inotify_init", Some("inotify_init1")),
    ("ioperm", None),
    ("iopl", None),
    ("lchown", Some("fchownat")),
    ("link", Some("linkat")),
    ("lstat", Some("newfstatat")),
    ("mkdir", Some("mkdirat")),
    ("mknod", Some("mknodat")),
    ("modify_ldt", None),
    ("open", Some("openat")),
    ("pause", Some("ppoll")),
    ("pipe", Some("pipe2")),
    ("poll", Some("ppoll")),
    ("putpmsg", None),
    ("query_module", None),
    ("readlink", Some("readlinkat")),
    ("rename", Some("renameat")),
    ("rmdir", Some("unlinkat")),
    ("security", None),
    ("select", Some("pselect6")),
    ("set_thread_area", None),
    ("signalfd", Some("signalfd4")),
    ("stat", Some("newfstatat")),
    ("symlink", Some("symlinkat")),
    ("sysfs", None),
    ("time", Some("clock_gettime")),
    ("tuxcall", None),
    ("unlink", Some("unlinkat")),
    ("uprobe", None),
    ("uretprobe", None),
    ("uselib", None),
    ("ustat", None),
    ("utime", Some("utimensat")),
    ("utimes", Some("utimensat")),
    ("vfork", Some("clone")),
    ("vserver", None),
];

/// Calls of 32-bit x86 alone that our lists name.
const ONLY_X86: [&str; 4] = ["stime", "umount", "vm86", "vm86old"];

/// The calls by which the same is done on these architectures: what arm64 lacks is replaced there. What no architecture of the filter has
/// is left out. `compat` is whether 32-bit calls were seen, of which some have the same names.
pub(super) fn translated(calls: BTreeSet<String>, architectures: &[String], compat: bool) -> BTreeSet<String> {
    if !architectures.iter().any(|architecture| architecture == "arm64") {
        return calls;
    }
    let arm = architectures.iter().all(|architecture| architecture == "arm64");
    let alone = arm && !compat;
    let mut all = BTreeSet::new();
    for call in calls.into_iter().filter(|call| !arm || !ONLY_X86.contains(&call.as_str())) {
        match ONLY_AMD64.binary_search_by_key(&call.as_str(), |(name, _)| name) {
            Err(_) => {
                all.insert(call);
            }
            Ok(place) => {
                all.extend(ONLY_AMD64.get(place).and_then(|(_, same)| *same).map(str::to_owned));
                if !alone {
                    all.insert(call);
                }
            }
        }
    }
    all
}

/// The architectures of a filter. Those of 32 bits only where such a call was seen. Never NATIVE, which crun refuses.
pub(super) fn names(architectures: &[String], container: &ContainerProfile) -> Vec<String> {
    let own = architectures.iter().filter_map(|architecture| name(architecture));
    let compat = container.syscall_architectures.iter().filter(|(_, calls)| !calls.is_empty());
    let compat = compat.filter_map(|(architecture, _)| name(architecture));
    own.chain(compat).collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
}

/// libseccomp's name for one of Go's, or of the kernel's for the other ABIs of a processor.
pub(super) fn name(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "SCMP_ARCH_X86_64",
        "386" | "x86" => "SCMP_ARCH_X86",
        "x32" => "SCMP_ARCH_X32",
        "arm64" => "SCMP_ARCH_AARCH64",
        "arm" => "SCMP_ARCH_ARM",
        "ppc64le" => "SCMP_ARCH_PPC64LE",
        "riscv64" => "SCMP_ARCH_RISCV64",
        "s390x" => "SCMP_ARCH_S390X",
        _ => return None,
    })
}
