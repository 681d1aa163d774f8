//! OCI seccomp filters from the system calls of a profile.

mod calls;

use std::collections::BTreeSet;

use runtimemap_crds::{
    ApplicationProfile, ContainerProfile, OciSeccomp, Origin, SeccompProfile, SeccompProfileSpec,
    seccomp_profile::{OciSyscall, SeccompProfileStatus},
};

/// `ENOSYS`: what a newer C library takes for "this kernel has no such call", and tries the older one.
const ENOSYS: u32 = 38;
/// `EPERM`.
const EPERM: u32 = 1;

/// What goes into a filter beside the calls seen.
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
}

impl Default for Options {
    fn default() -> Self {
        Self { siblings: true, probes: true, entered: true, audit: false }
    }
}

/// Makes the filters of a workload, one per container, named like the profile.
pub fn generate(profile: &ApplicationProfile, options: &Options) -> SeccompProfile {
    let spec = &profile.spec;
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let mut notes = notes(options);
    let mut filters = SeccompProfileSpec { workload: spec.workload.clone(), ..SeccompProfileSpec::default() };
    for container in containers {
        for call in container.syscalls.iter().filter(|call| calls::numbered(call)) {
            notes.push(format!("{}: {call} has no known name and is left out", container.name));
        }
        for call in allowed(container, options).intersection(&calls::REFUSED.iter().map(|call| (*call).to_owned()).collect()) {
            notes.push(format!("{}: {call} was used, and the default profile of container runtimes refuses it", container.name));
        }
        filters.containers.insert(container.name.clone(), filter(container, &spec.architectures, options));
    }
    let mut object = SeccompProfile::new(profile.metadata.name.as_deref().unwrap_or_default(), filters);
    object.metadata.namespace.clone_from(&profile.metadata.namespace);
    object.status = Some(SeccompProfileStatus { notes });
    object
}

/// The filter of one container, on the architectures it was seen on (amd64, arm64).
pub fn filter(container: &ContainerProfile, architectures: &[String], options: &Options) -> OciSeccomp {
    let allowed = allowed(container, options);
    let refused: Vec<String> = calls::REFUSED.iter().filter(|call| !allowed.contains(**call)).map(|call| (*call).to_owned()).collect();
    let mut syscalls =
        vec![OciSyscall { names: allowed.into_iter().collect(), action: "SCMP_ACT_ALLOW".to_owned(), ..OciSyscall::default() }];
    if !options.audit && !refused.is_empty() {
        syscalls.push(OciSyscall { names: refused, action: "SCMP_ACT_ERRNO".to_owned(), errno_ret: Some(EPERM), ..OciSyscall::default() });
    }
    OciSeccomp {
        default_action: if options.audit { "SCMP_ACT_LOG" } else { "SCMP_ACT_ERRNO" }.to_owned(),
        default_errno_ret: (!options.audit).then_some(ENOSYS),
        architectures: libseccomp_architectures(architectures, !container.syscall_architectures.is_empty()),
        syscalls,
    }
}

/// Every call that the filter lets through, by name.
fn allowed(container: &ContainerProfile, options: &Options) -> BTreeSet<String> {
    let ContainerProfile { syscalls, syscall_origins, syscall_architectures, .. } = container;
    let mut allowed: BTreeSet<String> = syscalls.iter().cloned().collect();
    for (origin, names) in syscall_origins {
        let counts = match origin {
            Origin::Probe => options.probes,
            Origin::Exec => options.entered,
            // The runtime's own come from the base set: those seen are of one version, and of the recorder's child without a cluster.
            Origin::Runtime => false,
            Origin::Entrypoint | Origin::Snapshot => true,
        };
        if counts {
            allowed.extend(names.iter().cloned());
        }
    }
    allowed.extend(syscall_architectures.values().flatten().cloned());
    allowed.retain(|name| !calls::numbered(name));
    if options.siblings {
        for family in calls::SIBLINGS {
            if family.iter().any(|name| allowed.contains(*name)) {
                allowed.extend(family.iter().map(|name| (*name).to_owned()));
            }
        }
    }
    allowed.extend(calls::ALWAYS.iter().chain(calls::RUNC).map(|name| (*name).to_owned()));
    allowed
}

/// Names of libseccomp. Never NATIVE, which crun refuses.
fn libseccomp_architectures(architectures: &[String], compat: bool) -> Vec<String> {
    let mut names = BTreeSet::new();
    for architecture in architectures {
        match architecture.as_str() {
            "arm64" if compat => names.extend(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]),
            "arm64" => names.extend(["SCMP_ARCH_AARCH64"]),
            "amd64" if compat => names.extend(["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]),
            "amd64" => names.extend(["SCMP_ARCH_X86_64"]),
            _ => {}
        }
    }
    names.into_iter().map(str::to_owned).collect()
}

fn notes(options: &Options) -> Vec<String> {
    let mut notes = vec!["calls that runc itself makes after the filter is on are allowed (base set, runc 1.1 to 1.3)".to_owned()];
    if options.siblings {
        notes.push("for each call seen, those that other versions of the C library make in its place are allowed (siblings)".to_owned());
    }
    for (on, who) in [(options.probes, "exec probes"), (options.entered, "commands entered from outside")] {
        notes.push(format!("calls of {who} are {}", if on { "allowed" } else { "left out" }));
    }
    if options.audit {
        notes.push("audit: what is not listed is logged, not refused".to_owned());
    }
    notes
}
