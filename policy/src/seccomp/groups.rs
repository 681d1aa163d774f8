//! The calls of a filter, by why they are in it.

use std::collections::BTreeSet;

use runtimemap_crds::{ContainerProfile, Origin};

use super::{Options, base, refused, siblings};

/// Each call is in one group only. The runtime's come first: else a call that a program makes now and then would stand now here, now
/// there, and two recordings of it would differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Groups {
    /// What the runtime and every program needs.
    pub(super) base: BTreeSet<String>,
    /// What the workload was seen to call, and what stands for it.
    pub(super) workload: BTreeSet<String>,
    /// What is answered EPERM.
    pub(super) refused: BTreeSet<String>,
}

impl Groups {
    /// The groups of one container.
    pub(super) fn of(container: &ContainerProfile, options: &Options) -> Self {
        let mut workload = seen(container, options);
        if options.siblings {
            workload.extend(siblings::of(&workload));
        }
        let base: BTreeSet<String> = base::calls(options.runtime, options.no_new_privileges).into_iter().map(str::to_owned).collect();
        let workload = &workload - &base;
        let refused = refused::REFUSED.iter().map(|name| (*name).to_owned()).filter(|name| !workload.contains(name)).collect();
        Self { base, workload, refused }
    }

    /// Whether the filter lets a call through.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.base.contains(name) || self.workload.contains(name)
    }
}

/// Every call seen that counts, by name.
fn seen(container: &ContainerProfile, options: &Options) -> BTreeSet<String> {
    let ContainerProfile { syscalls, syscall_origins, syscall_architectures, .. } = container;
    let counted = syscall_origins.iter().filter(|(origin, _)| match origin {
        Origin::Probe => options.probes,
        Origin::Exec => options.entered,
        // The runtime's own come from the base set: those seen are of one version, and of the recorder's child without a cluster.
        Origin::Runtime => false,
        Origin::Entrypoint | Origin::Snapshot => true,
    });
    let counted = counted.flat_map(|(_, names)| names);
    let compat = syscall_architectures.values().flatten();
    syscalls.iter().chain(counted).chain(compat).filter(|name| !numbered(name)).cloned().collect()
}

/// Whether a name is only a number: `syscall_600`.
pub(super) fn numbered(name: &str) -> bool {
    name.strip_prefix("syscall_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}
