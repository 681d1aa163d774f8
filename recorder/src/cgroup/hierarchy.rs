//! The mounted hierarchies, and which of them tells containers apart.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Component, Path, PathBuf},
};

use super::Error;

/// Controllers by which containers are told apart, best first: the first that a v1 hierarchy has. The kernel side goes by the same list.
const CONTROLLERS: [&str; 12] =
    ["pids", "memory", "cpu", "cpuacct", "devices", "freezer", "blkio", "net_cls", "perf_event", "net_prio", "hugetlb", "cpuset"];

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Its number in /proc/cgroups; 0 is v2.
    pub id: u32,
    /// Its controllers; none are known of v2.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Which of its groups the mount shows as its root.
    pub root: PathBuf,
}

/// The hierarchy by which the kernel's tasks are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its number in /proc/cgroups; 0 is v2.
    pub hierarchy_id: u32,
    /// Controller by which the kernel finds it; None for v2.
    pub controller: Option<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
}

/// All mounted hierarchies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies {
    v1: Vec<Hierarchy>,
    v2: Option<Hierarchy>,
    /// Controllers that are bound to v1 hierarchies, with their hierarchy's number, mounted here or not.
    bound: Vec<(String, u32)>,
}

/// The hierarchy of identity on this machine.
///
/// # Errors
/// If none is mounted.
pub fn identity() -> Result<Identity, Error> {
    Hierarchies::read()?.identity()
}

impl Hierarchies {
    /// Those of this process's mount namespace.
    ///
    /// # Errors
    /// If /proc is not there.
    pub fn read() -> Result<Self, Error> {
        let mounts = read("/proc/self/mountinfo")?;
        let cgroups = read("/proc/cgroups").unwrap_or_default();
        Ok(Self::parse(&mounts, &String::from_utf8_lossy(&cgroups)))
    }

    /// From the text of /proc/self/mountinfo and /proc/cgroups.
    pub fn parse(mountinfo: &[u8], cgroups: &str) -> Self {
        let bound: Vec<(String, u32)> = cgroups
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let mut fields = line.split_ascii_whitespace();
                Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
            })
            .filter(|&(_, id)| id != 0)
            .collect();
        let mut found = Self { bound, ..Self::default() };
        for line in mountinfo.split(|&byte| byte == b'\n') {
            found.add(line);
        }
        found
    }

    fn add(&mut self, line: &[u8]) -> Option<()> {
        let mut fields = line.split(|&byte| byte == b' ');
        let root = unescape(fields.nth(3)?);
        let mount = unescape(fields.next()?);
        let mut after = fields.skip_while(|field| *field != b"-").skip(1);
        let kind = after.next()?;
        let options = after.nth(1)?;
        match kind {
            b"cgroup2" => keep_best(&mut self.v2, Hierarchy { id: 0, controllers: Vec::new(), mount, root }),
            b"cgroup" => {
                let options: Vec<&str> = options.split(|&byte| byte == b',').filter_map(|option| str::from_utf8(option).ok()).collect();
                let controllers: Vec<String> =
                    self.bound.iter().filter(|(name, _)| options.contains(&name.as_str())).map(|(name, _)| name.clone()).collect();
                let id = self.bound.iter().find(|(name, _)| controllers.contains(name))?.1;
                let new = Hierarchy { id, controllers, mount, root };
                match self.v1.iter_mut().find(|known| known.id == id) {
                    Some(known) if new.root == Path::new("/") && known.root != Path::new("/") => *known = new,
                    Some(_) => {}
                    None => self.v1.push(new),
                }
            }
            _ => {}
        }
        Some(())
    }

    /// The hierarchy by which the kernel's tasks are told apart.
    ///
    /// # Errors
    /// If it is not mounted.
    pub fn identity(&self) -> Result<Identity, Error> {
        let controller = CONTROLLERS.iter().find_map(|name| self.bound.iter().find(|(bound, _)| bound == name));
        if let Some((name, id)) = controller {
            let hierarchy = self.v1.iter().find(|known| known.id == *id).ok_or_else(|| Error::NotMounted(name.clone()))?;
            return Ok(Identity { hierarchy_id: *id, controller: Some(name.clone()), mount: hierarchy.mount.clone() });
        }
        let v2 = self.v2.as_ref().ok_or(Error::NoneMounted)?;
        Ok(Identity { hierarchy_id: 0, controller: None, mount: v2.mount.clone() })
    }

    /// The hierarchies that a container's cgroup is made in: the one of identity first, then v2 where that is another, since sockets know only v2.
    ///
    /// # Errors
    /// If the one of identity is not mounted.
    pub fn taking_part(&self) -> Result<Vec<&Hierarchy>, Error> {
        let id = self.identity()?.hierarchy_id;
        Ok(self.v1.iter().filter(|known| known.id == id && id != 0).chain(&self.v2).collect())
    }
}

impl Hierarchy {
    /// Directory of a process's group, from the text of /proc/PID/cgroup. None if the mount does not show that group.
    pub fn directory_of(&self, process: &str) -> Option<PathBuf> {
        let path = process.lines().find_map(|line| {
            let (id, rest) = line.split_once(':')?;
            let (_, path) = rest.split_once(':')?;
            (id.parse() == Ok(self.id)).then_some(path)
        })?;
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        // A group outside of the reader's cgroup namespace is shown with `..`.
        (!below.components().any(|part| part == Component::ParentDir)).then(|| self.mount.join(below))
    }
}

/// Of two mounts of the same hierarchy, the one that shows all of it.
fn keep_best(known: &mut Option<Hierarchy>, new: Hierarchy) {
    let whole = |hierarchy: &Hierarchy| hierarchy.root == Path::new("/");
    if known.as_ref().is_none_or(|known| whole(&new) && !whole(known)) {
        *known = Some(new);
    }
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::Read { path: PathBuf::from(path), source })
}

/// Undoes mountinfo's `\040` for blanks, tabs, newlines and backslashes.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] if first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &[u8] = b"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const BOUND: &str =
        "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\nmemory\t4\t13\t1\npids\t8\t1\t1\n";
    const UNBOUND: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t13\t1\npids\t0\t1\t1\n";

    fn mounts(taking_part: &[&Hierarchy]) -> Vec<PathBuf> {
        taking_part.iter().map(|hierarchy| hierarchy.mount.clone()).collect()
    }

    #[test]
    fn hybrid_is_told_apart_by_pids_and_takes_v2_along() {
        let all = Hierarchies::parse(HYBRID, BOUND);
        let expected = Identity { hierarchy_id: 8, controller: Some("pids".into()), mount: "/sys/fs/cgroup/pids".into() };
        assert_eq!(all.identity().unwrap(), expected);
        assert_eq!(mounts(&all.taking_part().unwrap()), [PathBuf::from("/sys/fs/cgroup/pids"), "/sys/fs/cgroup/unified".into()]);
    }

    #[test]
    fn pure_v1_without_pids_is_told_apart_by_the_next_controller() {
        let text = b"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
        let all = Hierarchies::parse(text, "cpu\t1\t1\t1\ncpuacct\t1\t1\t1\n");
        let expected = Identity { hierarchy_id: 1, controller: Some("cpu".into()), mount: "/sys/fs/cgroup/cpu,cpuacct".into() };
        assert_eq!(all.identity().unwrap(), expected);
        assert_eq!(mounts(&all.taking_part().unwrap()), [PathBuf::from("/sys/fs/cgroup/cpu,cpuacct")]);
    }

    #[test]
    fn pure_v2_is_told_apart_by_v2_alone() {
        let all = Hierarchies::parse(b"28 23 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", UNBOUND);
        assert_eq!(all.identity().unwrap(), Identity { hierarchy_id: 0, controller: None, mount: "/sys/fs/cgroup".into() });
        assert_eq!(mounts(&all.taking_part().unwrap()), [PathBuf::from("/sys/fs/cgroup")]);
    }

    #[test]
    fn a_bound_controller_that_is_not_mounted_here_is_an_error_and_no_guess() {
        let all = Hierarchies::parse(b"28 23 0:25 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", BOUND);
        assert!(matches!(all.identity(), Err(Error::NotMounted(name)) if name == "pids"));
        assert!(matches!(Hierarchies::parse(b"", "").identity(), Err(Error::NoneMounted)));
    }

    #[test]
    fn a_group_is_found_below_the_part_that_a_mount_shows() {
        let all = Hierarchies::parse(b"41 31 0:38 /docker/ab /sys/fs/cgroup\\040x rw - cgroup2 cgroup2 rw\n", UNBOUND);
        let v2 = all.taking_part().unwrap()[0].clone();
        assert_eq!(v2.directory_of("1:pids:/z\n0::/docker/ab/c\n"), Some("/sys/fs/cgroup x/c".into()));
        assert_eq!(v2.directory_of("0::/other\n"), None);
        assert_eq!(v2.directory_of("0::/docker/ab/../../x\n"), None);
    }

    #[test]
    fn of_two_mounts_the_one_that_shows_everything_is_taken() {
        let text = b"41 31 0:38 /a /mnt rw - cgroup2 cgroup2 rw\n42 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(Hierarchies::parse(text, "").identity().unwrap().mount, PathBuf::from("/sys/fs/cgroup"));
    }
}
