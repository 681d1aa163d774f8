//! Whose cgroup a directory is, by its name: the kubelet's, a pod's, a container's, under the cgroupfs and the systemd driver.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// How deep below a mount the kubelet's own group may lie: a node that is itself a container has its parents' groups before it.
const DEPTH: usize = 6;

/// UID of a pod, from its group's name: `pod<uid>`, or `kubepods-burstable-pod<uid>.slice` with `_` for `-`.
pub(super) fn pod_uid(name: &str) -> Option<String> {
    let (uid, systemd) = match name.strip_suffix(".slice") {
        Some(slice) => {
            (slice.strip_prefix("kubepods-")?.rsplit_once("pod").filter(|(front, _)| front.is_empty() || front.ends_with('-'))?.1, true)
        }
        None => (name.strip_prefix("pod")?, false),
    };
    let uid = if systemd { uid.replace('_', "-") } else { uid.to_owned() };
    // A UUID, or for static pods the hash of a manifest.
    let written = uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (written && (16..=64).contains(&uid.len())).then_some(uid)
}

/// Id of a container, from its group's name: the id itself, or `cri-containerd-<id>.scope` with whatever runtime in front.
pub(super) fn container_id(name: &str) -> Option<String> {
    let id = match name.strip_suffix(".scope") {
        // What watches a container of CRI-O has a group of its own beside it.
        Some(scope) if scope.contains("conmon") => return None,
        Some(scope) => scope.rsplit_once('-')?.1,
        None => name,
    };
    (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// Whether a directory holds pods of one quality of service: `burstable`, `kubepods-besteffort.slice`.
pub(super) fn holds_pods(name: &str) -> bool {
    let name = name.strip_suffix(".slice").and_then(|slice| slice.strip_prefix("kubepods-")).unwrap_or(name);
    matches!(name, "burstable" | "besteffort")
}

/// The kubelet's groups below the mount of a hierarchy. Several where nodes share a machine.
pub(super) fn roots(mount: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![(mount.to_owned(), DEPTH)];
    while let Some((directory, depth)) = pending.pop() {
        for (name, path) in folders(&directory) {
            if name == "kubepods" || name == "kubepods.slice" {
                found.push(path);
            } else if depth > 0 {
                pending.push((path, depth - 1));
            }
        }
    }
    found.sort();
    found
}

/// Everything below the kubelet's groups that says something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Groups in which pods appear.
    pub(super) parents: Vec<PathBuf>,
    /// Groups of pods, with their UIDs.
    pub(super) pods: Vec<(String, PathBuf)>,
}

/// The pods below these roots.
pub(super) fn pods(roots: &[PathBuf]) -> Places {
    let mut places = Places::default();
    for root in roots {
        let mut parents = vec![root.clone()];
        while let Some(parent) = parents.pop() {
            for (name, path) in folders(&parent) {
                if let Some(uid) = pod_uid(&name) {
                    places.pods.push((uid, path));
                } else if holds_pods(&name) {
                    parents.push(path);
                }
            }
            places.parents.push(parent);
        }
    }
    places
}

/// The containers of a pod's group, with their ids.
pub(super) fn containers(pod: &Path) -> Vec<(String, PathBuf)> {
    folders(pod).into_iter().filter_map(|(name, path)| Some((container_id(&name)?, path))).collect()
}

/// Directories with names; what cannot be read has none.
fn folders(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "6fd7c3c2-1f0a-4a3f-9b8e-0d4c1c1f2a3b";

    #[test]
    fn a_pod_is_told_by_either_drivers_name() {
        let slice = format!("kubepods-burstable-pod{}.slice", UID.replace('-', "_"));
        let guaranteed = format!("kubepods-pod{}.slice", UID.replace('-', "_"));
        for name in [format!("pod{UID}"), slice, guaranteed] {
            assert_eq!(pod_uid(&name).as_deref(), Some(UID), "{name}");
        }
        assert_eq!(pod_uid("pod5d2c6a9d5d2c6a9d5d2c6a9d5d2c6a9d").as_deref(), Some("5d2c6a9d5d2c6a9d5d2c6a9d5d2c6a9d"), "a static pod");
    }

    #[test]
    fn what_only_looks_like_a_pod_is_none() {
        let traversal = "pod../../../../etc/passwd";
        for name in
            ["pod", "podman", "burstable", "kubepods-burstable.slice", traversal, "system.slice", "kubepods-xpodaaaaaaaaaaaaaaaa.slice"]
        {
            assert_eq!(pod_uid(name), None, "{name}");
        }
        assert_eq!(pod_uid(&format!("pod{}", "a".repeat(65))), None);
    }

    #[test]
    fn r6_a_container_is_told_whatever_its_runtime_is_called() {
        for name in [ID.to_owned(), format!("cri-containerd-{ID}.scope"), format!("crio-{ID}.scope"), format!("docker-{ID}.scope")] {
            assert_eq!(container_id(&name).as_deref(), Some(ID), "{name}");
        }
        for name in [format!("crio-conmon-{ID}.scope"), "x".repeat(64), ID[1..].to_owned(), format!("{ID}.scope"), String::new()] {
            assert_eq!(container_id(&name), None, "{name}");
        }
    }

    #[test]
    fn pods_are_found_at_every_level_also_in_a_node_that_is_a_container() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("docker/ab/kubelet/kubepods");
        let burstable = root.join(format!("burstable/pod{UID}"));
        let guaranteed = root.join("podaaaaaaaaaaaaaaaaaaaa");
        fs::create_dir_all(burstable.join(ID)).unwrap();
        fs::create_dir_all(burstable.join("other")).unwrap();
        fs::create_dir_all(&guaranteed).unwrap();
        assert_eq!(roots(folder.path()), std::slice::from_ref(&root));
        let mut found = pods(std::slice::from_ref(&root));
        found.pods.sort();
        found.parents.sort();
        assert_eq!(found.pods, [(UID.to_owned(), burstable.clone()), ("aaaaaaaaaaaaaaaaaaaa".to_owned(), guaranteed)]);
        assert_eq!(found.parents, [root.clone(), root.join("burstable")]);
        assert_eq!(containers(&burstable), [(ID.to_owned(), burstable.join(ID))]);
    }
}
