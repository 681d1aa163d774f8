//! OCI seccomp filters from the system calls of a profile.

mod architecture;
pub mod base;
mod explain;
mod groups;
mod refused;
mod siblings;

use std::collections::BTreeSet;

use runtimemap_crds::{
    ApplicationProfile, ContainerProfile, OciSeccomp, SeccompProfile, SeccompProfileSpec,
    seccomp_profile::{OciSyscall, SeccompProfileStatus},
};

pub use base::Runtime;
pub use refused::REFUSED;
pub use siblings::FAMILIES;

use crate::notes::Notes;
use groups::Groups;

/// `ENOSYS`: what a newer C library takes for "this kernel has no such call", and tries the older one.
const ENOSYS: u32 = 38;
/// `EPERM`.
const EPERM: u32 = 1;

/// What goes into a filter beside the calls of the container's own command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Calls that another version of the same C library makes in place of one that was seen.
    pub siblings: bool,
    /// Calls of exec probes.
    pub probes: bool,
    /// Calls of commands entered from outside (`kubectl exec`).
    pub entered: bool,
    /// Log what would be refused, and refuse nothing.
    pub audit: bool,
    /// The runtime that will load the filter. None: whichever.
    pub runtime: Option<Runtime>,
    /// Whether the container has `allowPrivilegeEscalation: false`, with which its runtime needs less. None: either way.
    pub no_new_privileges: Option<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self { siblings: true, probes: true, entered: true, audit: false, runtime: None, no_new_privileges: None }
    }
}

/// Makes the filters of a workload, one per container, named like the profile.
pub fn generate(profile: &ApplicationProfile, options: &Options) -> SeccompProfile {
    let spec = &profile.spec;
    let mut notes = Notes::default();
    explain::workload(&mut notes, spec, options);
    let mut filters = SeccompProfileSpec { workload: spec.workload.clone(), ..SeccompProfileSpec::default() };
    for container in spec.init_containers.iter().chain(&spec.containers) {
        explain::container(&mut notes, container, &Groups::of(container, options));
        filters.containers.insert(container.name.clone(), filter(container, &spec.architectures, options));
    }
    let mut object = SeccompProfile::new(profile.metadata.name.as_deref().unwrap_or_default(), filters);
    object.metadata.namespace.clone_from(&profile.metadata.namespace);
    object.status = Some(SeccompProfileStatus { notes: notes.finish(), ..SeccompProfileStatus::default() });
    object
}

/// The filter of one container, on the architectures it was seen on (amd64, arm64).
///
/// Entries: what the runtime and every program needs; what the workload calls; what is refused by name.
pub fn filter(container: &ContainerProfile, architectures: &[String], options: &Options) -> OciSeccomp {
    let Groups { base, workload, refused } = Groups::of(container, options);
    let mut syscalls: Vec<OciSyscall> = [base, workload].into_iter().filter_map(|names| entry("SCMP_ACT_ALLOW", None, names)).collect();
    if !options.audit {
        // All else gets ENOSYS; a program that asks for one of these would look for another way that is not there either.
        syscalls.extend(entry("SCMP_ACT_ERRNO", Some(EPERM), refused));
    }
    OciSeccomp {
        default_action: if options.audit { "SCMP_ACT_LOG" } else { "SCMP_ACT_ERRNO" }.to_owned(),
        default_errno_ret: (!options.audit).then_some(ENOSYS),
        architectures: architecture::names(architectures, container),
        syscalls,
    }
}

/// None for no names: an entry has to have some.
fn entry(action: &str, errno_ret: Option<u32>, names: BTreeSet<String>) -> Option<OciSyscall> {
    (!names.is_empty()).then(|| OciSyscall { names: names.into_iter().collect(), action: action.to_owned(), errno_ret, args: Vec::new() })
}
