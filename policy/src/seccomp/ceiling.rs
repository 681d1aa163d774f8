//! What a filter never allows, whatever was seen: more than the default profile of container runtimes gives to a container with the
//! same capabilities.

use std::collections::BTreeSet;

use runtimemap_crds::seccomp_profile::{OciArg, OciSyscall};

use super::refused;

/// Calls that the default profile gives to whoever has a capability.
const GIVEN: &[(&str, &[&str])] = &[
    ("BPF", &["bpf"]),
    ("DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("PERFMON", &["perf_event_open"]),
    (
        "SYS_ADMIN",
        &[
            "bpf",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    ("SYS_BOOT", &["reboot"]),
    ("SYS_MODULE", &["delete_module", "finit_module", "init_module"]),
    ("SYS_NICE", &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("SYS_PACCT", &["acct"]),
    ("SYS_PTRACE", &["kcmp", "pidfd_getfd", "process_madvise"]),
    ("SYS_RAWIO", &["ioperm", "iopl"]),
    ("SYS_TIME", &["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    ("SYS_TTY_CONFIG", &["vhangup"]),
    ("SYSLOG", &["syslog"]),
];

/// Flags of `clone` that make namespaces.
const NAMESPACES: u64 = 0x7e02_0000;
/// Personalities that change nothing that protects: Linux, 32 bits, its two ways of `uname`, and asking which it is.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];
/// The address family of sockets to the hypervisor.
const VSOCK: u64 = 40;

/// How far a filter may open a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Whatever its arguments.
    Open,
    /// With some arguments only.
    Conditional,
    /// Not at all.
    Closed,
}

/// How far a filter may open a call for whoever has these capabilities.
pub(super) fn reach(call: &str, capabilities: &BTreeSet<String>) -> Reach {
    let given = GIVEN.iter().any(|(capability, calls)| calls.contains(&call) && capabilities.contains(*capability));
    match call {
        "clone" if capabilities.contains("SYS_ADMIN") => Reach::Open,
        "clone" | "personality" | "socket" => Reach::Conditional,
        // A filter cannot see its flags. Without it the C library goes back to clone.
        "clone3" if !given => Reach::Closed,
        _ if refused::by_default(call) && !given => Reach::Closed,
        _ => Reach::Open,
    }
}

/// Entries that allow a call with the arguments that the default profile allows. Each of them is enough.
pub(super) fn conditional(call: &str) -> Vec<OciSyscall> {
    let argument = |op: &str, value, value_two| OciArg { index: 0, value, value_two, op: op.to_owned() };
    let arguments: Vec<OciArg> = match call {
        "clone" => vec![argument("SCMP_CMP_MASKED_EQ", NAMESPACES, Some(0))],
        "personality" => PERSONALITIES.iter().map(|value| argument("SCMP_CMP_EQ", *value, None)).collect(),
        "socket" => vec![argument("SCMP_CMP_NE", VSOCK, None)],
        _ => Vec::new(),
    };
    let entry =
        |argument| OciSyscall { names: vec![call.to_owned()], action: "SCMP_ACT_ALLOW".to_owned(), errno_ret: None, args: vec![argument] };
    arguments.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(capabilities: &[&str]) -> BTreeSet<String> {
        capabilities.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn s10_a_capability_opens_what_it_is_for_and_no_more() {
        for (capability, calls) in GIVEN {
            for call in *calls {
                assert_eq!(reach(call, &with(&[])), Reach::Closed, "{call}");
                assert_eq!(reach(call, &with(&[capability])), Reach::Open, "{call} with {capability}");
            }
        }
        assert_eq!(reach("mount", &with(&["SYS_TIME", "BPF"])), Reach::Closed);
        assert_eq!(reach("keyctl", &with(&["SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO"])), Reach::Closed);
        assert_eq!(reach("read", &with(&[])), Reach::Open);
    }

    #[test]
    fn s10_arguments_are_those_of_the_default_profile() {
        for call in ["clone", "personality", "socket"] {
            assert_eq!(reach(call, &with(&[])), Reach::Conditional);
            assert!(conditional(call).iter().all(|entry| entry.args.len() == 1 && entry.names == [call]));
        }
        assert_eq!(reach("clone", &with(&["SYS_ADMIN"])), Reach::Open);
        assert_eq!(
            conditional("clone")[0].args[0],
            OciArg { index: 0, value: 2_114_060_288, value_two: Some(0), op: "SCMP_CMP_MASKED_EQ".into() }
        );
        assert_eq!(conditional("personality").len(), 5);
        assert_eq!(conditional("read"), []);
    }

    #[test]
    fn every_call_that_is_given_is_one_that_is_refused_without() {
        for call in GIVEN.iter().flat_map(|(_, calls)| *calls).filter(|call| **call != "clone3") {
            assert!(refused::by_default(call), "{call}");
        }
    }
}
