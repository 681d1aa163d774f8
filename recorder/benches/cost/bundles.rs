//! What a container runtime writes about a container: the agent looks for it until it is there, which would be work that no node has.

use std::{env, fs};

use serde_json::json;
use tempfile::TempDir;

use crate::pod::{Container, Pod};

/// Where the containers' bundles are, for this process has the place of their shim.
pub(crate) struct Bundles(#[expect(dead_code, reason = "held for its end")] TempDir);

impl Bundles {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = folder.path().join("sandbox");
        fs::create_dir(&sandbox).unwrap();
        env::set_current_dir(&sandbox).unwrap();
        Self(folder)
    }
}

/// Starts a container that has a bundle.
pub(crate) fn container(pod: &Pod) -> Container {
    let container = pod.container();
    let folder = env::current_dir().unwrap().with_file_name(&container.id);
    let annotations = json!({"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app"});
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("config.json"), json!({"annotations": annotations}).to_string()).unwrap();
    container
}
