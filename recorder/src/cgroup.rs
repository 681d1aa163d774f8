//! Control groups: which hierarchy tells containers apart, and a group of its own for a command.

mod group;
mod hierarchy;
mod lookup;

use std::{io, path::PathBuf};

use nix::errno::Errno;

pub use group::Cgroup;
pub use hierarchy::{Hierarchies, Hierarchy, Identity, identity};
pub use lookup::{Found, by_path, of_process};

/// Failure to find, make or leave a control group.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the kernel could not be read.
    #[error("failed to read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No hierarchy is mounted.
    #[error("failed to find a mounted cgroup hierarchy: mount one with `mount -t cgroup2 none /sys/fs/cgroup`")]
    NoneMounted,
    /// The hierarchy that tells containers apart is not mounted here.
    #[error(
        "failed to find the cgroup hierarchy of the {0} controller: it is in use but not mounted; mount it or run outside of the container"
    )]
    NotMounted(String),
    /// A group could not be made.
    #[error("failed to make the cgroup {path}: {source}{}", hint(source))]
    Create {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A process could not be put into a group.
    #[error("failed to enter the cgroup {path}: {source}{}", hint(source))]
    Enter {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A group could not be removed.
    #[error("failed to remove the cgroup {path}: {source}")]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no such group.
    #[error("failed to find the cgroup {path}: no directory of that name in {}", mounts.iter().map(|mount| mount.display().to_string()).collect::<Vec<_>>().join(" or "))]
    NotFound {
        /// As it was given.
        path: PathBuf,
        /// Where it was looked for.
        mounts: Vec<PathBuf>,
    },
}

/// What a user can do about it.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => "; run it as root, or from a cgroup that is delegated to you",
        Some(Errno::EROFS) => "; the cgroup file system is read-only here, run it outside of the container or remount it",
        Some(Errno::EOPNOTSUPP) => "; the cgroup above it is threaded, run it from another one",
        Some(Errno::EAGAIN) => "; a limit on the number of cgroups or processes is reached",
        Some(Errno::EBUSY) => "; the cgroup above it hands controllers down and may hold no processes, run it from another one",
        _ => "",
    }
}
