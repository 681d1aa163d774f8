//! Every hook, once: what it gives, since which kernel, and what is tried when it is not there.
//!
//! A signal is a ladder. The loader takes the first rung whose programs load and attach; every rung yields the same facts.

use super::Signal;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attach {
    /// To a raw tracepoint.
    RawTracepoint(&'static str),
    /// To the same, with arguments whose types the verifier knows.
    TypedTracepoint(&'static str),
    /// To a tracepoint by way of perf: slower, and never interrupted for another process.
    PerfTracepoint(&'static str, &'static str),
    /// At the end of a kernel function; the first of these that the kernel has.
    FExit(&'static [&'static str]),
    /// As kprobe or kretprobe on a kernel function; the first of these that the kernel has.
    KProbe(&'static [&'static str]),
    /// To the cgroup of each container, for packets that leave it.
    CgroupEgress,
    /// To the cgroup of each container, for packets that reach it.
    CgroupIngress,
}

/// A program of the object and where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// Name in the object.
    pub(crate) name: &'static str,
    /// Where it is attached.
    pub(crate) attach: Attach,
}

/// One way to see a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rung {
    /// Name in `check` and for `--avoid`.
    pub(crate) name: &'static str,
    /// Oldest kernel that has it, where nothing else forbids it.
    pub(crate) since: &'static str,
    /// Oldest kernel on which its link can be pinned; empty if never.
    pub(crate) pinnable: &'static str,
    /// Its programs; none where another signal's program does the work.
    pub(crate) programs: &'static [Program],
    /// What a user should know of this rung; empty if it is as good as the first.
    pub(crate) limits: &'static str,
}

/// A signal and its ladder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ladder {
    /// What it gives.
    pub(crate) signal: Signal,
    /// In words.
    pub(crate) gives: &'static str,
    /// Whether nothing can be recorded without it.
    pub(crate) required: bool,
    /// What is missing from every profile where no rung holds.
    pub(crate) cost: &'static str,
    /// Best first.
    pub(crate) rungs: &'static [Rung],
}

const fn raw(name: &'static str) -> Program {
    Program { name, attach: Attach::RawTracepoint(name) }
}

const fn tracepoints(name: &'static str, programs: &'static [Program]) -> Rung {
    Rung { name, since: "4.17", pinnable: "5.8", programs, limits: "" }
}

/// A tracepoint that every system call of the machine passes: read by plain loads, or by helper where these are not allowed; by way of perf
/// where the others may be interrupted.
const fn busy(names: [&'static str; 3], programs: [&'static [Program]; 3]) -> [Rung; 3] {
    let [typed, raw, perf] = programs;
    [
        Rung { name: names[0], since: "5.11", pinnable: "5.11", programs: typed, limits: "" },
        tracepoints(names[1], raw),
        Rung { name: names[2], since: "5.15", pinnable: "5.15", programs: perf, limits: "" },
    ]
}

const fn typed(name: &'static str, tracepoint: &'static str) -> Program {
    Program { name, attach: Attach::TypedTracepoint(tracepoint) }
}

const fn perf(name: &'static str, tracepoint: &'static str) -> Program {
    Program { name, attach: Attach::PerfTracepoint("raw_syscalls", tracepoint) }
}

impl Rung {
    /// Whether a kernel that lets programs at system calls be interrupted would interrupt these. While one is, the kernel skips it for every
    /// other process on its processor.
    pub(crate) fn interruptible(&self) -> bool {
        self.programs.iter().any(|program| match program.attach {
            Attach::RawTracepoint(name) | Attach::TypedTracepoint(name) => name.starts_with("sys_"),
            Attach::FExit(_) => true,
            Attach::PerfTracepoint(..) | Attach::KProbe(_) | Attach::CgroupEgress | Attach::CgroupIngress => false,
        })
    }
}

const OPEN: &[&str] = &["do_filp_open", "do_file_open"];
const OPEN_ROOT: &[&str] = &["do_file_open_root"];
const CAPABLE: &[&str] = &["cap_capable"];
/// Where kretprobes that were not told of an end are found out at last.
const THREAD_EXIT: Attach = Attach::RawTracepoint("sched_process_exit");

/// The table.
pub(crate) const LADDERS: &[Ladder] = &[
    Ladder {
        signal: Signal::Containers,
        gives: "cgroups made below a container's own",
        required: true,
        cost: "containers inside containers",
        rungs: &[tracepoints("cgroup_mkdir", &[raw("cgroup_mkdir"), raw("cgroup_release")])],
    },
    Ladder {
        signal: Signal::Processes,
        gives: "processes that enter, fork and leave",
        required: true,
        cost: "who is the container and who its runtime",
        rungs: &[tracepoints("cgroup_attach_task", &[raw("cgroup_attach_task"), raw("sched_process_fork"), raw("sched_process_exit")])],
    },
    Ladder {
        signal: Signal::Execs,
        gives: "programs started",
        required: true,
        cost: "programs started",
        rungs: &[tracepoints("sched_process_exec", &[raw("sched_process_exec")])],
    },
    Ladder {
        signal: Signal::Syscalls,
        gives: "system calls entered",
        required: true,
        cost: "system calls, and so seccomp profiles",
        rungs: &busy(
            ["tp_btf/sys_enter", "raw_tp/sys_enter", "perf/sys_enter"],
            [&[typed("sys_enter_typed", "sys_enter")], &[raw("sys_enter")], &[perf("sys_enter_perf", "sys_enter")]],
        ),
    },
    Ladder {
        signal: Signal::SyscallEnds,
        gives: "system calls refused by seccomp, sockets bound and listening",
        required: true,
        cost: "refused system calls and listening ports",
        rungs: &busy(
            ["tp_btf/sys_exit", "raw_tp/sys_exit", "perf/sys_exit"],
            [&[typed("sys_exit_typed", "sys_exit")], &[raw("sys_exit")], &[perf("sys_exit_perf", "sys_exit")]],
        ),
    },
    Ladder {
        signal: Signal::Opens,
        gives: "files opened",
        required: true,
        cost: "files opened",
        rungs: &[
            Rung {
                name: "fexit/do_filp_open",
                since: "5.5",
                pinnable: "5.5",
                programs: &[
                    Program { name: "do_filp_open", attach: Attach::FExit(OPEN) },
                    Program { name: "do_file_open_root", attach: Attach::FExit(OPEN_ROOT) },
                ],
                limits: "",
            },
            Rung {
                name: "kprobe/do_filp_open",
                since: "4.17",
                pinnable: "5.15",
                programs: &[
                    Program { name: "do_filp_open_enter", attach: Attach::KProbe(OPEN) },
                    Program { name: "do_filp_open_return", attach: Attach::KProbe(OPEN) },
                    Program { name: "do_file_open_root_enter", attach: Attach::KProbe(OPEN_ROOT) },
                    Program { name: "do_file_open_root_return", attach: Attach::KProbe(OPEN_ROOT) },
                    Program { name: "opening_thread_exit", attach: THREAD_EXIT },
                ],
                limits: "",
            },
            Rung {
                name: "sys_exit/open",
                since: "4.17",
                pinnable: "5.8",
                programs: &[],
                limits: "files opened through io_uring are not seen",
            },
        ],
    },
    Ladder {
        signal: Signal::Capabilities,
        gives: "capabilities asked for",
        required: false,
        cost: "capabilities",
        rungs: &[
            Rung {
                name: "fexit/cap_capable",
                since: "5.5",
                pinnable: "5.5",
                programs: &[Program { name: "cap_capable", attach: Attach::FExit(CAPABLE) }],
                limits: "",
            },
            Rung {
                name: "kprobe/cap_capable",
                since: "4.17",
                pinnable: "5.15",
                programs: &[
                    Program { name: "cap_capable_enter", attach: Attach::KProbe(CAPABLE) },
                    Program { name: "cap_capable_return", attach: Attach::KProbe(CAPABLE) },
                    Program { name: "checking_thread_exit", attach: THREAD_EXIT },
                ],
                limits: "",
            },
            Rung {
                name: "raw_tp/cap_capable",
                since: "6.14",
                pinnable: "6.14",
                programs: &[Program { name: "cap_capable_tracepoint", attach: Attach::RawTracepoint("cap_capable") }],
                limits: "checks without audit are told by their callers' names",
            },
        ],
    },
    Ladder {
        signal: Signal::Connections,
        gives: "TCP connections, both ways",
        required: true,
        cost: "TCP peers",
        rungs: &[tracepoints("inet_sock_set_state", &[raw("inet_sock_set_state")])],
    },
    Ladder {
        signal: Signal::Datagrams,
        gives: "UDP and SCTP peers, DNS answers",
        required: false,
        cost: "UDP and SCTP peers and the DNS names of all peers",
        rungs: &[
            Rung {
                name: "cgroup_skb",
                since: "5.8",
                pinnable: "5.7",
                programs: &[
                    Program { name: "cgroup_skb_egress", attach: Attach::CgroupEgress },
                    Program { name: "cgroup_skb_ingress", attach: Attach::CgroupIngress },
                ],
                limits: "",
            },
            Rung {
                name: "kprobe/udp",
                since: "4.17",
                pinnable: "5.15",
                programs: &[
                    Program { name: "udp_sendmsg_enter", attach: Attach::KProbe(&["udp_sendmsg"]) },
                    Program { name: "udp_sendmsg_return", attach: Attach::KProbe(&["udp_sendmsg"]) },
                    Program { name: "udpv6_sendmsg_enter", attach: Attach::KProbe(&["udpv6_sendmsg"]) },
                    Program { name: "udpv6_sendmsg_return", attach: Attach::KProbe(&["udpv6_sendmsg"]) },
                    Program { name: "sending_thread_exit", attach: THREAD_EXIT },
                    Program { name: "skb_consume_udp", attach: Attach::KProbe(&["skb_consume_udp"]) },
                ],
                limits: "SCTP is not seen",
            },
        ],
    },
];
