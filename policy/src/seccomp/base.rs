//! Calls that a container's program has no say in: those of its runtime, and those that every program makes.
//!
//! The runtime's were measured; the files say with which version and how. One more version is one more file, and a line here.

use std::collections::BTreeSet;

use super::refused;

/// Without these, programs loop for ever instead of ending, whatever they do.
pub const ALWAYS: &[&str] =
    &["exit", "exit_group", "futex", "restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "sigreturn"];

/// What the Go runtime under runc may do at any moment, so that no measurement can be sure to see it.
pub const CHANCE: &[&str] =
    &["brk", "epoll_ctl", "epoll_pwait", "getpid", "gettid", "madvise", "mmap", "mprotect", "munmap", "nanosleep", "sigaltstack", "tgkill"];

/// What runtimes call on kernels that lack what they prefer (openat2, faccessat2), and so in no measurement on a newer one.
pub const OLDER_KERNELS: &[&str] = &["faccessat", "fchdir", "readlinkat"];

/// A container runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// runc, which containerd and Docker start.
    Runc,
    /// crun, which CRI-O and Podman start.
    Crun,
}

/// The base set of one version of a runtime, as it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The runtime.
    pub runtime: Runtime,
    /// Its version.
    pub version: &'static str,
    /// Where it was measured, as GOARCH has it.
    pub architecture: &'static str,
    /// `WAY PRIVILEGES USER needs|makes: NAMES`, one a line; `#` begins a comment.
    text: &'static str,
}

/// Every version measured.
pub const MEASURED: &[Measured] = &[
    measured(Runtime::Runc, "1.1.5", include_str!("base/runc-1.1.5-amd64.txt")),
    measured(Runtime::Runc, "1.1.15", include_str!("base/runc-1.1.15-amd64.txt")),
    measured(Runtime::Runc, "1.2.6", include_str!("base/runc-1.2.6-amd64.txt")),
    measured(Runtime::Runc, "1.3.6", include_str!("base/runc-1.3.6-amd64.txt")),
    measured(Runtime::Runc, "1.4.3", include_str!("base/runc-1.4.3-amd64.txt")),
    measured(Runtime::Runc, "1.5.2", include_str!("base/runc-1.5.2-amd64.txt")),
    measured(Runtime::Crun, "1.8.1", include_str!("base/crun-1.8.1-amd64.txt")),
];

const fn measured(runtime: Runtime, version: &'static str, text: &'static str) -> Measured {
    Measured { runtime, version, architecture: "amd64", text }
}

/// Calls of one case, in the words of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// For example `run no-new-privileges root`.
    pub case: &'static str,
    /// Whether the program does not start without them; else the runtime makes them and does without.
    pub needed: bool,
    names: &'static str,
}

impl Calls {
    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.names.split_whitespace()
    }
}

impl Measured {
    /// What was measured, by case.
    pub fn calls(&self) -> impl Iterator<Item = Calls> + use<> {
        self.text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (title, names) = line.split_once(':')?;
            let (case, word) = title.rsplit_once(' ')?;
            Some(Calls { case, needed: word == "needs", names })
        })
    }
}

/// Calls that a runtime has to be allowed, and those that every program has.
///
/// `None` stands for not known: every runtime, and containers with and without `allowPrivilegeEscalation: false`, which decides how
/// early a runtime loads the filter.
pub fn calls(runtime: Option<Runtime>, no_new_privileges: Option<bool>) -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&str> = ALWAYS.iter().chain(CHANCE).chain(OLDER_KERNELS).copied().collect();
    for measured in MEASURED.iter().filter(|measured| runtime.is_none_or(|runtime| measured.runtime == runtime)) {
        for calls in measured.calls() {
            let early = calls.case.split(' ').any(|word| word == "new-privileges");
            if no_new_privileges.is_none_or(|without| without != early) {
                // What it only tries is no reason to allow what a default profile refuses.
                names.extend(calls.names().filter(|name| calls.needed || !refused::by_default(name)));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_file_is_read() {
        for measured in MEASURED {
            let cases: BTreeSet<&str> = measured.calls().map(|calls| calls.case).collect();
            // Run or exec, with or without new privileges, root or not; each needs or makes.
            assert_eq!((cases.len(), measured.calls().count()), (8, 16), "{:?} {}", measured.runtime, measured.version);
            assert!(measured.text.contains(&format!("{} ", measured.version)), "the file of {} is another's", measured.version);
        }
    }

    #[test]
    fn s1_a_filter_that_loads_early_has_to_allow_more() {
        let (late, early) = (calls(Some(Runtime::Runc), Some(true)), calls(Some(Runtime::Runc), Some(false)));
        assert!(late.contains("fstatfs") && !late.contains("setuid"));
        assert!(early.contains("fstatfs") && early.contains("setuid") && early.contains("fchown"));
        let both = calls(None, None);
        assert!(both.is_superset(&early) && both.is_superset(&late));
        assert!(both.contains("setresuid"), "crun's");
    }

    #[test]
    fn s10_what_a_runtime_tries_and_does_without_opens_nothing_that_default_profiles_close() {
        assert!(MEASURED.iter().flat_map(Measured::calls).any(|calls| calls.names().any(|name| name == "fsopen")));
        assert_eq!(calls(None, None).into_iter().filter(|name| refused::by_default(name)).collect::<Vec<_>>(), Vec::<&str>::new());
    }
}
