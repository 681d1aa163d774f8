//! What the container runtime wrote about a container: the annotations of its OCI bundle, found through the shim above its processes.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Most bytes of a bundle's configuration that are read.
const CONFIG: u64 = 8 << 20;
/// How far above a container's process its shim may be: the runtime itself is between them while it starts.
const ANCESTORS: usize = 3;

/// What a container is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Called {
    /// Its name in the pod's spec; empty for the pod's sandbox.
    pub(super) name: String,
    /// `container` or `sandbox`.
    pub(super) type_: String,
}

/// Folders in which bundles were found, by the host's names.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    folders: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

impl Bundles {
    /// What a container is called, given some process of it. None where the runtime's files are not to be found (yet).
    pub(super) fn find(&mut self, id: &str, pids: impl IntoIterator<Item = u32>) -> Option<Called> {
        if let Some(called) = self.folders.iter().find_map(|folder| read(&host(folder).join(id).join("config.json"))) {
            return Some(called);
        }
        for pid in pids {
            let mut pid = pid;
            for _ in 0..ANCESTORS {
                let Some(above) = parent(pid) else { break };
                pid = above;
                // A shim's working directory is the bundle of its pod's sandbox, beside which the other containers' are.
                let Some(folder) = fs::read_link(format!("/proc/{pid}/cwd")).ok().and_then(|cwd| Some(cwd.parent()?.to_owned())) else {
                    continue;
                };
                if let Some(called) = read(&host(&folder).join(id).join("config.json")) {
                    self.folders.push(folder);
                    return Some(called);
                }
            }
        }
        None
    }
}

/// A path of the host, as it is to be reached from a container that shares the host's processes.
fn host(path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(below) => Path::new("/proc/1/root").join(below),
        Err(_) => path.to_owned(),
    }
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    (parent > 1).then_some(parent)
}

fn read(path: &Path) -> Option<Called> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(CONFIG).read_to_end(&mut text).ok()?;
    parse(&text)
}

/// Annotations of containerd, then those of CRI-O and of dockershim.
fn parse(config: &[u8]) -> Option<Called> {
    let Config { annotations } = serde_json::from_slice(config).ok()?;
    let one_of = |keys: [&str; 2]| keys.iter().find_map(|key| annotations.get(*key)).cloned();
    let type_ = one_of(["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"])?;
    let name = one_of(["io.kubernetes.cri.container-name", "io.kubernetes.container.name"]).unwrap_or_default();
    let fits = name.len() <= 63 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (fits && type_.len() <= 32).then_some(Called { name: if type_ == "sandbox" { String::new() } else { name }, type_ })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_annotations_say_what_a_container_is_called() {
        let containerd = br#"{"annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "web"}}"#;
        let crio = br#"{"annotations": {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.container.name": "web"}}"#;
        for config in [containerd.as_slice(), crio] {
            assert_eq!(parse(config), Some(Called { name: "web".into(), type_: "container".into() }));
        }
        let sandbox = br#"{"annotations": {"io.kubernetes.cri.container-type": "sandbox"}}"#;
        assert_eq!(parse(sandbox).unwrap().type_, "sandbox");
    }

    #[test]
    fn a_file_that_says_nothing_or_nonsense_names_nobody() {
        for config in ["", "{}", "[]", r#"{"annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "a/b\u001b"}}"#] {
            assert_eq!(parse(config.as_bytes()), None, "{config}");
        }
    }
}
