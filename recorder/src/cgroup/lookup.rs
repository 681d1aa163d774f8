//! Groups that are already there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{Error, Hierarchies, group::collect};

/// A group that somebody else made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its directories, the one of the hierarchy of identity first.
    pub dirs: Vec<PathBuf>,
    /// Whether it is the root of its hierarchy, which holds the whole machine.
    pub root: bool,
}

impl Found {
    /// Processes in it and in the groups below it.
    pub fn processes(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        if let Some(path) = self.dirs.first() {
            collect(path, &mut found);
        }
        found
    }

    /// Whether it still exists.
    pub fn exists(&self) -> bool {
        self.dirs.first().is_some_and(|path| path.is_dir())
    }
}

/// The group of that path: a directory below a mount, or a path as /proc/PID/cgroup has it. The same path is taken in every hierarchy that takes part.
///
/// # Errors
/// If the hierarchy of identity has no such group.
pub fn by_path(path: &Path) -> Result<Found, Error> {
    by_path_in(&Hierarchies::read()?, path)
}

fn by_path_in(hierarchies: &Hierarchies, path: &Path) -> Result<Found, Error> {
    let parts = hierarchies.taking_part()?;
    // The longest mount that holds it: v2 may be mounted at /sys/fs/cgroup/unified, below nothing of its own.
    let mount = parts.iter().map(|part| &part.mount).filter(|mount| path.starts_with(mount)).max_by_key(|mount| mount.components().count());
    let below = match mount {
        Some(mount) => path.strip_prefix(mount).unwrap_or(path),
        None => path.strip_prefix("/").unwrap_or(path),
    };
    let dirs: Vec<PathBuf> = parts.iter().map(|part| part.mount.join(below)).filter(|dir| dir.join("cgroup.procs").exists()).collect();
    if dirs.first().is_none_or(|first| !first.starts_with(&parts[0].mount)) {
        return Err(Error::NotFound { path: path.to_owned(), mounts: parts.iter().map(|part| part.mount.clone()).collect() });
    }
    Ok(Found { dirs, root: below.as_os_str().is_empty() })
}

/// The group that a process is in.
///
/// # Errors
/// If the process has ended, or its group is not to be seen from here.
pub fn of_process(pid: u32) -> Result<Found, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/cgroup"));
    let text = fs::read_to_string(&path).map_err(|source| Error::Read { path, source })?;
    let hierarchies = Hierarchies::read()?;
    let parts = hierarchies.taking_part()?;
    let not_found = || Error::NotFound { path: PathBuf::from(format!("of process {pid}")), mounts: vec![parts[0].mount.clone()] };
    let first = parts[0].directory_of(&text).ok_or_else(not_found)?;
    let root = first == parts[0].mount;
    let others = parts.iter().skip(1).filter_map(|part| Some((part, part.directory_of(&text)?)));
    // A group that v2 shares with strangers, such as its root, says nothing about this container.
    let dirs = std::iter::once(first).chain(others.filter(|(part, dir)| *dir != part.mount).map(|(_, dir)| dir)).collect();
    Ok(Found { dirs, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hybrid(folder: &Path) -> Hierarchies {
        for dir in ["pids/web", "unified/web", "unified/only"] {
            fs::create_dir_all(folder.join(dir)).unwrap();
            fs::write(folder.join(dir).join("cgroup.procs"), "7\n").unwrap();
        }
        let at = folder.display();
        let mounts = format!("39 31 0:36 / {at}/pids rw - cgroup cgroup rw,pids\n41 31 0:38 / {at}/unified rw - cgroup2 cgroup2 rw\n");
        Hierarchies::parse(mounts.as_bytes(), "pids\t8\t1\t1\n")
    }

    #[test]
    fn a_path_is_looked_up_in_both_hierarchies_however_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let all = hybrid(folder.path());
        let dirs = vec![folder.path().join("pids/web"), folder.path().join("unified/web")];
        for path in [PathBuf::from("web"), "/web".into(), folder.path().join("pids/web"), folder.path().join("unified/web")] {
            let found = by_path_in(&all, &path).unwrap();
            assert_eq!((&found.dirs, found.root), (&dirs, false), "{path:?}");
            assert_eq!(found.processes(), BTreeSet::from([7]));
        }
    }

    #[test]
    fn a_path_that_the_hierarchy_of_identity_does_not_have_is_not_found() {
        let folder = tempfile::tempdir().unwrap();
        let error = by_path_in(&hybrid(folder.path()), Path::new("/only")).unwrap_err().to_string();
        assert!(error.contains("failed to find the cgroup /only"), "{error}");
    }
}
