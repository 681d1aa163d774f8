//! The calls of a filter, by why they are in it.

use std::collections::BTreeSet;

use runtimemap_crds::{ContainerProfile, Origin};

use super::{
    Options,
    architecture::translated,
    base,
    ceiling::{self, Reach},
    refused, siblings,
};

/// Each call is in one group only. The runtime's come first: else a call that a program makes now and then would stand now here, now
/// there, and two recordings of it would differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Groups {
    /// What the runtime and every program needs.
    pub(super) base: BTreeSet<String>,
    /// What the workload was seen to call, and what stands for it.
    pub(super) workload: BTreeSet<String>,
    /// What is allowed with some arguments only.
    pub(super) conditional: BTreeSet<String>,
    /// What the workload called, and no default profile would let it: answered as if it had never been seen.
    pub(super) closed: BTreeSet<String>,
    /// What is answered EPERM.
    pub(super) refused: BTreeSet<String>,
}

impl Groups {
    /// The groups of one container that was seen on these architectures.
    pub(super) fn of(container: &ContainerProfile, architectures: &[String], options: &Options) -> Self {
        let compat = container.syscall_architectures.values().any(|calls| !calls.is_empty());
        let on = |calls| translated(calls, architectures, compat);
        let mut workload = seen(container, options);
        if options.siblings {
            workload.extend(siblings::of(&workload));
        }
        let mut workload = on(workload);
        let capabilities = container.capabilities.iter().filter(|capability| capability.granted).map(|capability| capability.name.clone());
        let capabilities: BTreeSet<String> = capabilities.collect();
        let reach = |call: &String| {
            if options.beyond.contains(call) { Reach::Open } else { ceiling::reach(call, &capabilities) }
        };
        let mut base = on(base::calls(options.runtime, options.no_new_privileges).into_iter().map(str::to_owned).collect());
        let (mut conditional, mut closed) = (BTreeSet::new(), BTreeSet::new());
        for call in base.iter().chain(&workload).filter(|call| reach(call) == Reach::Conditional) {
            conditional.insert(call.clone());
        }
        for call in workload.iter().filter(|call| reach(call) == Reach::Closed) {
            closed.insert(call.clone());
        }
        base.retain(|call| !conditional.contains(call));
        workload.retain(|call| !conditional.contains(call) && !closed.contains(call) && !base.contains(call));
        let refused = on(refused::REFUSED.iter().map(|name| (*name).to_owned()).filter(|name| !workload.contains(name)).collect());
        Self { base, workload, conditional, closed, refused }
    }

    /// Whether the filter lets a call through.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.base.contains(name) || self.workload.contains(name) || self.conditional.contains(name)
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
