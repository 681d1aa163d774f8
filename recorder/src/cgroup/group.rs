//! A group made for one command: the same name in every hierarchy that takes part.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Error, Hierarchies};

/// How long the kernel may take to let go of processes that have just ended.
const REMOVAL: Duration = Duration::from_secs(3);

/// A group of its own. Dropping it leaves it; see [`Cgroup::remove`].
#[derive(Clone, Debug)]
pub struct Cgroup {
    /// Its directories, the one of the hierarchy of identity first.
    pub dirs: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes a group below the recorder's own, or below the root of the hierarchy where the recorder's own is not to be seen.
    ///
    /// # Errors
    /// If no hierarchy is mounted or a directory could not be made; what was made is gone again.
    pub fn create(name: &str) -> Result<Self, Error> {
        let own = PathBuf::from("/proc/self/cgroup");
        let text = fs::read_to_string(&own).map_err(|source| Error::Read { path: own, source })?;
        let hierarchies = Hierarchies::read()?;
        let parents: Vec<PathBuf> =
            hierarchies.taking_part()?.into_iter().map(|part| part.directory_of(&text).unwrap_or_else(|| part.mount.clone())).collect();
        Self::create_below(&parents, name)
    }

    fn create_below(parents: &[PathBuf], name: &str) -> Result<Self, Error> {
        let mut made = Self { dirs: Vec::new() };
        for parent in parents {
            let path = parent.join(name);
            if let Err(source) = fs::create_dir(&path) {
                // The error that counts is the first one.
                let _ = made.remove();
                return Err(Error::Create { path, source });
            }
            made.dirs.push(path);
        }
        Ok(made)
    }

    /// Files through which a process enters: it writes `0` to each. Opened beforehand, since between fork and exec nothing may be allocated.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn entrances(&self) -> Result<Vec<File>, Error> {
        // v2 first: the kernel side takes the hierarchy of identity for the moment of entering.
        self.dirs.iter().rev().map(|path| open_procs(path).map_err(|source| Error::Enter { path: path.clone(), source })).collect()
    }

    /// Processes in it and in the groups below it, zombies not counted.
    pub fn processes(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        if let Some(path) = self.dirs.first() {
            collect(path, &mut found);
        }
        found
    }

    /// Puts the processes that are still in it where they would have been without it: into the group above.
    ///
    /// # Errors
    /// If a process cannot be moved; one that has ended is none.
    pub fn release(&self) -> Result<(), Error> {
        for path in &self.dirs {
            let Some(parent) = path.parent() else { continue };
            let mut inside = BTreeSet::new();
            collect(path, &mut inside);
            for pid in inside {
                match fs::write(parent.join("cgroup.procs"), pid.to_string()) {
                    Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                    result => result.map_err(|source| Error::Enter { path: parent.to_owned(), source })?,
                }
            }
        }
        Ok(())
    }

    /// Removes it with all groups below it. Waits for processes that are about to end.
    ///
    /// # Errors
    /// If a process stays in it.
    pub fn remove(&self) -> Result<(), Error> {
        let deadline = Instant::now() + REMOVAL;
        for path in &self.dirs {
            while let Err(source) = remove_tree(path) {
                if source.raw_os_error() != Some(libc::EBUSY) || Instant::now() > deadline {
                    return Err(Error::Remove { path: path.clone(), source });
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }
}

fn open_procs(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path.join("cgroup.procs"))
}

/// Adds the processes of a group and of all below it. A group that vanishes meanwhile has none.
pub(super) fn collect(path: &Path, found: &mut BTreeSet<u32>) {
    found.extend(fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default().lines().filter_map(|line| line.parse::<u32>().ok()));
    for below in children(path) {
        collect(&below, found);
    }
}

fn remove_tree(path: &Path) -> io::Result<()> {
    for below in children(path) {
        remove_tree(&below)?;
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn children(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn enter(group: &Cgroup, pid: u32) {
        for dir in &group.dirs {
            fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap();
        }
    }

    #[test]
    fn a_group_knows_its_processes_lets_them_go_and_leaves_nothing_behind() {
        let group = Cgroup::create(&format!("runtimemap-test-{}", std::process::id())).unwrap();
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        enter(&group, child.id());
        assert_eq!(group.processes(), BTreeSet::from([child.id()]));
        for dir in &group.dirs {
            fs::create_dir_all(dir.join("a/b")).unwrap();
            fs::write(dir.join("a/b/cgroup.procs"), child.id().to_string()).unwrap();
        }
        assert_eq!(group.processes(), BTreeSet::from([child.id()]), "of groups below, too");
        group.release().unwrap();
        assert_eq!(group.processes(), BTreeSet::new());
        group.remove().unwrap();
        assert!(group.dirs.iter().all(|dir| !dir.exists()));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_group_that_could_not_be_made_everywhere_is_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let parents = [folder.path().to_owned(), folder.path().join("missing")];
        let error = Cgroup::create_below(&parents, "x").unwrap_err();
        assert!(error.to_string().starts_with("failed to make the cgroup "), "{error}");
        assert!(!folder.path().join("x").exists());
    }
}
