//! OCI seccomp filters from the system calls of a profile.

mod architecture;
pub mod base;
mod ceiling;
mod explain;
mod groups;
mod pod;
mod refused;
mod siblings;

use std::collections::BTreeSet;

use runtimemap_crds::{
    ApplicationProfile, ContainerProfile, OciSeccomp, SeccompProfile, SeccompProfileSpec,
    seccomp_profile::{OciSyscall, SeccompProfileStatus},
};

pub use architecture::ONLY_AMD64;
pub use base::Runtime;
pub use pod::PAUSE;
pub use refused::REFUSED;
pub use siblings::FAMILIES;

use crate::notes::Notes;
use groups::Groups;

/// `ENOSYS`: what a newer C library takes for "this kernel has no such call", and tries the older one.
const ENOSYS: u32 = 38;
/// `EPERM`.
const EPERM: u32 = 1;

/// What goes into a filter beside the calls of the container's own command.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Also one filter for the whole pod, which confines the pause container, too.
    pub pod: bool,
    /// Calls that a reviewer wants, by name, although the default profile of container runtimes would refuse them to such a container,
    /// or allow them with some arguments only.
    pub beyond: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            siblings: true,
            probes: true,
            entered: true,
            audit: false,
            runtime: None,
            no_new_privileges: None,
            pod: false,
            beyond: BTreeSet::new(),
        }
    }
}

/// Makes the filters of a workload, one per container, named like the profile.
pub fn generate(profile: &ApplicationProfile, options: &Options) -> SeccompProfile {
    let spec = &profile.spec;
    let mut notes = Notes::default();
    notes.sandboxed(profile.status.as_ref());
    explain::workload(&mut notes, spec, options);
    let mut filters = SeccompProfileSpec { workload: spec.workload.clone(), ..SeccompProfileSpec::default() };
    for container in spec.init_containers.iter().chain(&spec.containers) {
        explain::container(&mut notes, container, &Groups::of(container, &spec.architectures, options));
        filters.containers.insert(container.name.clone(), filter(container, &spec.architectures, options));
    }
    if options.pod {
        filters.pod = Some(filter(&pod::together(spec), &spec.architectures, options));
        notes.add("the filter of the pod is for all its containers and the pause container together; those of the containers are narrower");
    }
    let mut object = SeccompProfile::new(profile.metadata.name.as_deref().unwrap_or_default(), filters);
    object.metadata.namespace.clone_from(&profile.metadata.namespace);
    object.status = Some(SeccompProfileStatus { notes: notes.finish(), ..SeccompProfileStatus::default() });
    object
}

/// The filter of one container, on the architectures it was seen on (amd64, arm64).
///
/// Entries: what the runtime and every program needs; what the workload calls; what it may call with some arguments only; what is refused
/// by name.
pub fn filter(container: &ContainerProfile, architectures: &[String], options: &Options) -> OciSeccomp {
    let Groups { base, workload, conditional, closed: _, refused } = Groups::of(container, architectures, options);
    let mut syscalls: Vec<OciSyscall> = [base, workload].into_iter().filter_map(|names| entry("SCMP_ACT_ALLOW", None, names)).collect();
    syscalls.extend(conditional.iter().flat_map(|call| ceiling::conditional(call)));
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
