//! One filter for a whole pod: all its containers, and the pause container that holds its namespaces.

use runtimemap_crds::{ApplicationProfileSpec, ContainerProfile};

/// What the pause container's program calls: it starts, waits for signals, and reaps orphans.
pub const PAUSE: &[&str] = &[
    "arch_prctl",
    "fstat",
    "getrandom",
    "newfstatat",
    "pause",
    "ppoll",
    "prlimit64",
    "read",
    "readlink",
    "readlinkat",
    "rseq",
    "set_robust_list",
    "set_tid_address",
    "uname",
    "wait4",
    "write",
];

/// All containers of a pod, as if they were one: as much of it as a filter is made of.
pub(super) fn together(spec: &ApplicationProfileSpec) -> ContainerProfile {
    let mut pod = ContainerProfile::default();
    for container in spec.init_containers.iter().chain(&spec.containers) {
        pod.syscalls.extend(container.syscalls.iter().cloned());
        pod.capabilities.extend(container.capabilities.iter().cloned());
        for (origin, calls) in &container.syscall_origins {
            pod.syscall_origins.entry(*origin).or_default().extend(calls.iter().cloned());
        }
        for (architecture, calls) in &container.syscall_architectures {
            pod.syscall_architectures.entry(architecture.clone()).or_default().extend(calls.iter().cloned());
        }
    }
    pod.syscalls.extend(PAUSE.iter().map(|call| (*call).to_owned()));
    pod
}
