//! Directories that a container writes to.

use std::collections::BTreeSet;

use runtimemap_crds::ContainerProfile;

use crate::network::name;

/// Where the kernel's own file systems are, which readOnlyRootFilesystem does not touch.
const KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Directories of every image: an empty one in their place and nothing runs.
const SYSTEM: [&str; 14] =
    ["/", "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/opt", "/root", "/sbin", "/srv", "/usr", "/var", "/var/lib"];

/// Directories that could each be an emptyDir.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Writable {
    /// None below another.
    pub(super) directories: BTreeSet<String>,
}

impl Writable {
    /// Those of a container, or why an emptyDir cannot stand for one of them.
    pub(super) fn of(profile: &ContainerProfile) -> Result<Self, String> {
        let opens = || profile.opens.iter().filter(|open| is_plain(&open.path));
        let writes = |flags: &[String]| flags.iter().any(|flag| matches!(flag.as_str(), "O_WRONLY" | "O_RDWR" | "O_CREAT" | "O_TMPFILE"));
        let written: BTreeSet<String> = opens().filter(|open| writes(&open.flags)).map(|open| directory(&open.path)).collect();
        let is_below = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        let directories: BTreeSet<String> =
            written.iter().filter(|one| !written.iter().any(|other| is_below(one, other))).cloned().collect();
        for directory in &directories {
            if SYSTEM.contains(&directory.as_str()) || directory.starts_with("/usr/") || directory.starts_with("/etc/") {
                return Err(format!("it writes to {directory}, which no emptyDir can stand for"));
            }
            let is_read = |open: &&runtimemap_crds::Open| !writes(&open.flags) && !open.flags.iter().any(|flag| flag == "O_DIRECTORY");
            let read = opens().filter(is_read).map(|open| &open.path).chain(profile.execs.iter().map(|exec| &exec.path));
            if let Some(read) = read.into_iter().find(|path| is_below(path, directory)) {
                return Err(format!("it writes to {directory} and reads {read}, which an emptyDir would hide"));
            }
        }
        Ok(Self { directories })
    }
}

/// The name of the volume for a directory of a container.
pub(super) fn volume(container: &str, directory: &str) -> String {
    name::as_volume(&format!("writable-{container}{}", directory.replace('/', "-")))
}

/// Not of the kernel's own file systems, and a name that was there at the end.
fn is_plain(path: &str) -> bool {
    let kernel = KERNEL.iter().any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    !kernel && path.starts_with('/') && !path.ends_with(" (deleted)")
}

/// The directory above a file, and above whatever varied.
fn directory(path: &str) -> String {
    let fixed: Vec<&str> = path.split('/').take_while(|part| !part.contains('⋯') && *part != "*").collect();
    let whole = fixed.len() == path.split('/').count();
    let kept = if whole { &fixed[..fixed.len() - 1] } else { &fixed };
    match kept.join("/") {
        empty if empty.is_empty() => "/".to_owned(),
        directory => directory,
    }
}
