//! Directories that a container writes to.

use std::collections::BTreeSet;

use runtimemap_crds::{ContainerProfile, Open};

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

/// Whether a file was opened in a way that changes it or its directory.
pub fn is_written(open: &Open) -> bool {
    open.flags.iter().any(|flag| matches!(flag.as_str(), "O_WRONLY" | "O_RDWR" | "O_CREAT" | "O_TRUNC" | "O_TMPFILE"))
}

/// Directories of a container in which something was written: none of the kernel's own file systems, and none where, or below which, one of
/// `mounts` is mounted.
pub fn written(container: &ContainerProfile, mounts: &[String]) -> BTreeSet<String> {
    let mounted = |path: &str| mounts.iter().map(|mount| mount.trim_end_matches('/')).any(|mount| path == mount || is_below(path, mount));
    let opens = container.opens.iter().filter(|open| is_plain(&open.path) && is_written(open));
    opens.map(|open| directory(&open.path)).filter(|directory| !mounted(directory)).collect()
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl Writable {
    /// Those of a container outside of what is mounted, or why an emptyDir cannot stand for one of them.
    pub(super) fn of(profile: &ContainerProfile, mounts: &[String]) -> Result<Self, String> {
        let written = written(profile, mounts);
        let directories: BTreeSet<String> =
            written.iter().filter(|one| !written.iter().any(|other| is_below(one, other))).cloned().collect();
        for directory in &directories {
            if SYSTEM.contains(&directory.as_str()) || directory.starts_with("/usr/") || directory.starts_with("/etc/") {
                return Err(format!("it writes to {directory}, which no emptyDir can stand for"));
            }
            let is_read = |open: &&Open| is_plain(&open.path) && !is_written(open) && !open.flags.iter().any(|flag| flag == "O_DIRECTORY");
            let read = profile.opens.iter().filter(is_read).map(|open| &open.path).chain(profile.execs.iter().map(|exec| &exec.path));
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
