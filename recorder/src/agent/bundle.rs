//! What the container runtime wrote about a container: the annotations of its OCI bundle, found through the shim above its processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read,
    path::Path,
};

use serde::{Deserialize, Serialize};

/// Most bytes of a bundle's configuration that are read.
const CONFIG: u64 = 8 << 20;
/// How far above a container's process its shim may be: the runtime itself is between them while it starts.
const ANCESTORS: usize = 3;

/// What a container is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Called {
    /// Its name in the pod's spec; empty for the pod's sandbox.
    pub(super) name: String,
    /// `container` or `sandbox`.
    pub(super) type_: String,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What a container is called, given the processes of its pod. None where the runtime's files are not to be found (yet).
///
/// One shim has all containers of a pod, so that the pod's sandbox leads there also when the container has ended. A process of the
/// pod itself is never believed: it could have such a file wherever it likes.
pub(super) fn find(id: &str, pod: &BTreeSet<u32>) -> Option<Called> {
    let mut asked = BTreeSet::new();
    for &pid in pod {
        let mut above = pid;
        for _ in 0..ANCESTORS {
            let Some(next) = parent(above) else { break };
            above = next;
            if pod.contains(&above) || !asked.insert(above) {
                continue;
            }
            // A shim's working directory is the bundle of its pod's sandbox, beside which the other containers' are. By way of the
            // shim, since the agent may have other mounts.
            if let Some(called) = read(Path::new(&format!("/proc/{above}/cwd/../{id}/config.json"))) {
                return Some(called);
            }
        }
    }
    None
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
        let containerd =
            br#"{"annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "web"}}"#;
        let crio = br#"{"annotations": {"io.kubernetes.cri-o.ContainerType": "container", "io.kubernetes.container.name": "web"}}"#;
        for config in [containerd.as_slice(), crio] {
            assert_eq!(parse(config), Some(Called { name: "web".into(), type_: "container".into() }));
        }
        let sandbox = br#"{"annotations": {"io.kubernetes.cri.container-type": "sandbox"}}"#;
        assert_eq!(parse(sandbox).unwrap().type_, "sandbox");
    }

    #[test]
    fn a_file_that_says_nothing_or_nonsense_names_nobody() {
        for config in [
            "",
            "{}",
            "[]",
            r#"{"annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "a/b\u001b"}}"#,
        ] {
            assert_eq!(parse(config.as_bytes()), None, "{config}");
        }
    }
}
