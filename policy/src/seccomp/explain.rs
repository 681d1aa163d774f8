//! What a reviewer of a filter should know.

use std::collections::BTreeSet;

use runtimemap_crds::{ApplicationProfileSpec, ContainerProfile, Origin};

use super::{
    Options, architecture,
    base::{MEASURED, Measured, Runtime},
    groups::{Groups, numbered},
    refused,
};
use crate::notes::{Notes, listed};

/// Of all containers.
pub(super) fn workload(notes: &mut Notes, spec: &ApplicationProfileSpec, options: &Options) {
    notes.add(format!(
        "the first entry of each filter is what {} itself and every program needs, whatever the workload does; entries with args allow a \
         call with the arguments that default profiles allow, and no others",
        runtimes(options)
    ));
    if options.siblings {
        notes.add("for each call seen, those that other versions of the C library make in its place are allowed (siblings)");
    }
    for (on, who) in [(options.probes, "exec probes"), (options.entered, "commands entered from outside (kubectl exec)")] {
        notes.add(format!("calls that only {who} made are {}", if on { "allowed" } else { "left out" }));
    }
    if options.audit {
        notes.add("audit: what is not listed is logged, not refused");
    }
    for unknown in spec.architectures.iter().filter(|one| architecture::name(one).is_none()) {
        notes.add(format!("{unknown} is no architecture that this version knows; the filter does not name it"));
    }
    if spec.architectures.iter().any(|one| one == "arm64") {
        notes.add("what runtimes need was measured on amd64; for arm64, what that lacks is replaced by what does the same there");
    }
    for container in spec.ephemeral_containers.iter().filter(|container| !container.syscalls.is_empty()) {
        notes.add(format!("the ephemeral container {} gets no filter", container.name));
    }
}

/// Of one.
pub(super) fn container(notes: &mut Notes, container: &ContainerProfile, groups: &Groups) {
    let ContainerProfile { name, syscalls, syscall_origins, syscalls_denied, .. } = container;
    let own = syscall_origins.iter().filter(|(origin, _)| **origin != Origin::Runtime).flat_map(|(_, names)| names);
    if syscalls.is_empty() && own.count() == 0 {
        notes.add(format!("{name}: no call of its own was seen; under this filter it can hardly do more than start"));
    }
    let nameless: Vec<&String> = container.syscalls.iter().filter(|call| numbered(call)).collect();
    if !nameless.is_empty() {
        notes.add(format!("{name}: {} left out, since filters go by name and no name is known", are(&nameless)));
    }
    let closed: Vec<&String> = groups.closed.iter().collect();
    if !closed.is_empty() {
        notes.add(format!(
            "{name}: {} not allowed although it was used: the default profile of container runtimes refuses it to a container with these \
             capabilities, and a filter made here is never wider; ask for it by name if it is meant to be",
            are(&closed)
        ));
    }
    let dangerous: Vec<&String> = groups.workload.iter().filter(|call| refused::by_default(call)).collect();
    if !dangerous.is_empty() {
        notes.add(format!(
            "{name}: {} allowed since it was used, which default profiles refuse to others: see whether it is meant to be",
            are(&dangerous)
        ));
    }
    let denied: Vec<&String> = syscalls_denied.iter().filter(|call| !groups.allows(call)).collect();
    if !denied.is_empty() {
        notes.add(format!("{name}: {} not allowed: the filter in force while it was recorded refused it", are(&denied)));
    }
}

fn are(calls: &[&String]) -> String {
    format!("{} {}", listed(calls), if calls.len() == 1 { "is" } else { "are" })
}

/// `runc (1.1.5 to 1.5.2) or crun (1.8.1)`.
fn runtimes(options: &Options) -> String {
    let known: BTreeSet<Runtime> = MEASURED.iter().map(|measured| measured.runtime).collect();
    let chosen = known.into_iter().filter(|runtime| options.runtime.is_none_or(|only| only == *runtime));
    let described = chosen.map(|runtime| {
        let name = match runtime {
            Runtime::Runc => "runc",
            Runtime::Crun => "crun",
        };
        let versions: Vec<&Measured> = MEASURED.iter().filter(|measured| measured.runtime == runtime).collect();
        match versions.as_slice() {
            [first, .., last] => format!("{name} ({} to {})", first.version, last.version),
            [only] => format!("{name} ({})", only.version),
            [] => name.to_owned(),
        }
    });
    described.collect::<Vec<_>>().join(" or ")
}
