//! When collapsing begins.

/// When a list is collapsed. The defaults are those of the field (Kubescape: 50 names in a directory, 100 in /etc),
/// except where noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Names in one directory that are still listed one by one. One more, and the directory becomes `directory/*`.
    pub children: usize,
    /// Directories with a threshold of their own, valid for all below them; the longest one wins.
    pub directories: Vec<DirectoryThreshold>,
    /// Values of one argument, numbers of arguments and values of argv\[0\] that are still listed one by one.
    /// Lower than in the field (50), as a line of arguments is long and a person reads each.
    pub arguments: usize,
    /// Longest argument in bytes. Of a longer one the beginning is kept, followed by `⋯`.
    pub argument_bytes: usize,
    /// Most arguments of one line. The further ones become `*`.
    pub argument_count: usize,
    /// Size of one container's opens in bytes of YAML, on the way to the object. Over it, the biggest directories are
    /// folded. This bounds the memory of an [`OpenSet`](super::OpenSet) whatever a container does.
    pub open_bytes: usize,
    /// The same for one container's execs and [`ExecSet`](super::ExecSet).
    pub exec_bytes: usize,
    /// Size of a whole profile in bytes of YAML. [`close`](super::close) shares it out among the lists.
    pub profile_bytes: usize,
}

/// A threshold of one directory and all below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryThreshold {
    /// Absolute path without a final slash.
    pub directory: String,
    /// As [`Thresholds::children`].
    pub children: usize,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            children: 50,
            directories: vec![DirectoryThreshold { directory: "/etc".to_owned(), children: 100 }],
            arguments: 20,
            argument_bytes: 512,
            argument_count: 64,
            open_bytes: 128 << 10,
            exec_bytes: 64 << 10,
            // An object stays below 50 kB; the rest is for metadata and status.
            profile_bytes: 46_000,
        }
    }
}

impl Thresholds {
    /// How many names the directory may hold.
    pub(super) fn children_of(&self, directory: &str) -> usize {
        self.directories
            .iter()
            .filter(|own| directory.strip_prefix(own.directory.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            .max_by_key(|own| own.directory.len())
            .map_or(self.children, |own| own.children)
    }
}

/// Places that stay listed by themselves when a directory above them is folded: the top-level directories, so that a
/// flood in `/` blurs nothing else, and what a reviewer must not miss.
pub const PINNED: &[&str] = &[
    "/bin",
    "/boot",
    "/dev/kmem",
    "/dev/mem",
    "/dev/port",
    "/etc/gshadow",
    "/etc/kubernetes",
    "/etc/ld.so.preload",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc/kcore",
    "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger",
    "/root/.kube",
    "/root/.ssh",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/secrets",
    "/sbin",
    "/srv",
    "/sys/fs/cgroup",
    "/tmp",
    "/usr",
    "/var/lib/kubelet",
    "/var/run/docker.sock",
    "/var/run/secrets",
];

/// Whether a path is one of [`PINNED`] or leads to one.
pub(super) fn pinned(path: &str) -> bool {
    PINNED.iter().any(|pinned| pinned.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}
