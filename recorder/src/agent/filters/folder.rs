//! The folder itself: whole files or none, and no way out of it.

use std::{
    fs,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{self, OFlag, OpenHow, ResolveFlag, openat, openat2},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, fsync, unlinkat},
};
use runtimemap_crds::FilterFile;

/// Name of a file that is being written. Each folder has one writer, and so one such file at most.
const NEW: &str = ".new";

/// A file could not be written or removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {act} the seccomp filter {}: {cause}{hint}", path.display())]
pub(super) struct Error {
    act: &'static str,
    path: PathBuf,
    cause: Errno,
    hint: &'static str,
}

/// Where filters are, a folder for each namespace.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Puts a filter there, if it is not there already. It has this name only once all of it is on the disk.
    ///
    /// # Errors
    /// If that cannot be done; what was there before is there still.
    pub(super) fn put(&self, namespace: &str, name: &str, content: &str) -> Result<(), Error> {
        let file = format!("{name}.json");
        let put = || -> nix::Result<()> {
            let root = self.open()?;
            let folder = match beneath(&root, namespace) {
                Err(Errno::ENOENT) => {
                    mkdirat(&root, namespace, Mode::from_bits_truncate(0o755))?;
                    fsync(&root)?;
                    beneath(&root, namespace)?
                }
                other => other?,
            };
            if read(&folder, &file).is_some_and(|found| found == content) {
                return Ok(());
            }
            gone(unlinkat(&folder, NEW, UnlinkatFlags::NoRemoveDir))?;
            let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let new = fs::File::from(openat(&folder, NEW, flags, Mode::from_bits_truncate(0o644))?);
            (&new).write_all(content.as_bytes()).and_then(|()| new.sync_all()).map_err(|error| errno(&error))?;
            fcntl::renameat(&folder, NEW, &folder, file.as_str())?;
            fsync(&folder)
        };
        put().map_err(|cause| self.error("write", namespace, &file, cause))
    }

    /// Whether the filter with this id is there, under the name that holds its hash.
    pub(super) fn holds(&self, id: &str) -> bool {
        let Some((namespace, hashed)) = id.split_once('/') else { return false };
        let found = self.open().and_then(|root| beneath(&root, namespace)).ok().and_then(|folder| read(&folder, &format!("{hashed}.json")));
        found.is_some_and(|content| is(hashed, content))
    }

    /// Removes the filter with this id, and that under the name without the hash if it is the same.
    ///
    /// # Errors
    /// If that cannot be done.
    pub(super) fn remove(&self, id: &str) -> Result<(), Error> {
        let Some((namespace, hashed)) = id.split_once('/') else { return Ok(()) };
        let file = format!("{hashed}.json");
        let remove = || -> nix::Result<()> {
            let root = self.open()?;
            let folder = match beneath(&root, namespace) {
                Err(Errno::ENOENT) => return Ok(()),
                other => other?,
            };
            let stable = format!("{}.json", FilterFile::name_of(hashed));
            let same = read(&folder, &stable).is_some_and(|content| is(hashed, content));
            for file in [same.then_some(&stable), Some(&file)].into_iter().flatten() {
                gone(unlinkat(&folder, file.as_str(), UnlinkatFlags::NoRemoveDir))?;
            }
            fsync(&folder)?;
            // Others may still be in it.
            let _ = unlinkat(&root, namespace, UnlinkatFlags::RemoveDir);
            Ok(())
        };
        remove().map_err(|cause| self.error("remove", namespace, &file, cause))
    }

    /// Removes what an agent before this one had no time to finish.
    pub(super) fn sweep(&self) {
        let Ok(root) = self.open() else { return };
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if let Ok(folder) = beneath(&root, &entry.file_name()) {
                let _ = unlinkat(&folder, NEW, UnlinkatFlags::NoRemoveDir);
            }
        }
    }

    fn open(&self) -> nix::Result<OwnedFd> {
        fcntl::open(&self.0, OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    }

    fn error(&self, act: &'static str, namespace: &str, file: &str, cause: Errno) -> Error {
        let hint = match cause {
            Errno::ELOOP | Errno::ENOTDIR => "; a symbolic link or a file is in the place of its folder, and is not followed",
            Errno::ENOSPC | Errno::EDQUOT => "; make room on the node's disk",
            Errno::EROFS | Errno::EACCES | Errno::EPERM => "; the agent needs this folder writable",
            Errno::ENOENT => "; mount the folder runtimemap of the kubelet's seccomp folder here",
            _ => "",
        };
        Error { act, path: self.0.join(namespace).join(file), cause, hint }
    }
}

/// The folder of this name. Never one that a symbolic link leads to.
fn beneath<P: ?Sized + AsRef<Path>>(root: &OwnedFd, name: &P) -> nix::Result<OwnedFd> {
    let name = name.as_ref();
    let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    match openat2(root, name, how) {
        // Before Linux 5.6, and under runtimes' filters of that time.
        Err(Errno::ENOSYS | Errno::EPERM) => step(root, name),
        other => other,
    }
}

/// The same with what older kernels have: it is one step down, and so it is enough not to follow its last part.
fn step(root: &OwnedFd, name: &Path) -> nix::Result<OwnedFd> {
    openat(root, name, OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

/// What is in a file. None of what is no file, or not text.
fn read(folder: &OwnedFd, name: &str) -> Option<String> {
    // Somebody's pipe would wait for a writer.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let mut file = fs::File::from(openat(folder, name, flags, Mode::empty()).ok()?);
    let mut text = String::new();
    file.metadata().ok()?.is_file().then(|| file.read_to_string(&mut text).ok()).flatten()?;
    Some(text)
}

/// Whether a name with a hash is of this content.
fn is(hashed: &str, content: String) -> bool {
    let name = FilterFile::name_of(hashed).to_owned();
    FilterFile { namespace: String::new(), name, content }.hashed() == hashed
}

/// What is not there need not be removed.
fn gone(removed: nix::Result<()>) -> nix::Result<()> {
    if removed == Err(Errno::ENOENT) { Ok(()) } else { removed }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_symbolic_link_is_followed_by_new_kernels_means_or_by_old_ones() {
        let place = tempfile::tempdir().unwrap();
        let (inside, outside) = (place.path().join("in"), place.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink(&outside, inside.join("shop")).unwrap();
        fs::create_dir(inside.join("real")).unwrap();
        let root = Folder::new(inside.clone()).open().unwrap();
        assert_eq!(beneath(&root, "shop").unwrap_err(), Errno::ELOOP);
        // Which of the two depends on the kernel.
        assert!(matches!(step(&root, Path::new("shop")).unwrap_err(), Errno::ELOOP | Errno::ENOTDIR));
        assert!(beneath(&root, "real").is_ok() && step(&root, Path::new("real")).is_ok());
        assert_eq!(beneath(&root, "../out").unwrap_err(), Errno::EXDEV);
        let error = Folder::new(inside).put("shop", "web", "{}").unwrap_err().to_string();
        assert!(error.contains("shop/web.json") && error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (shop, victim) = (place.path().join("shop"), place.path().join("victim"));
        fs::create_dir(&shop).unwrap();
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, shop.join("web.json")).unwrap();
        symlink(&victim, shop.join(NEW)).unwrap();
        Folder::new(place.path().to_owned()).put("shop", "web", "{}").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert!(shop.join("web.json").symlink_metadata().unwrap().is_file());
        assert_eq!(fs::read_to_string(shop.join("web.json")).unwrap(), "{}");
    }
}
