//! Advice on `securityContext`: what a workload can do without, as a strategic-merge patch of it.

mod token;
mod writable;

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::{ApplicationProfile, ContainerProfile};
use serde_json::{Map, Value, json};

use crate::notes::{Notes, listed};
use writable::Writable;

pub use token::uses_token;
pub use writable::{is_written, written};

/// A patch, and what a reviewer should know of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// A strategic-merge patch for the workload: `kubectl patch KIND NAME --patch-file FILE`.
    pub patch: Value,
    /// What it leaves out and why, and what to look at.
    pub notes: Vec<String>,
}

/// What is known of a workload besides its profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Directories where volumes are mounted, by the container's name. Of a container that is not in it nothing is known.
    pub mounts: BTreeMap<String, Vec<String>>,
    /// The seccomp filter that a container is to have, by its name: a path below the kubelet's seccomp directory.
    pub filters: BTreeMap<String, String>,
}

/// Makes the patch of a workload: its containers run under their filters, drop every capability but those that were granted and used, gain
/// no privileges, write to nothing but where they wrote, and get no token that none of them opened.
pub fn advise(profile: &ApplicationProfile, known: &Known) -> Advice {
    let spec = &profile.spec;
    let mut notes = Notes::default();
    notes.sandboxed(profile.status.as_ref());
    let mut volumes = Vec::new();
    let mut list = |containers: &[ContainerProfile], notes: &mut Notes| -> Vec<Value> {
        containers.iter().map(|one| container(one, known, &mut volumes, notes)).collect()
    };
    let (init, containers) = (list(&spec.init_containers, &mut notes), list(&spec.containers, &mut notes));
    notes.add("whether a container runs as root is not part of its profile: where its image's user is not root, add runAsNonRoot: true");
    let mut pod = Map::new();
    if !uses_token(profile) {
        pod.insert("automountServiceAccountToken".to_owned(), json!(false));
        notes.add("no container opened the service account's token");
    }
    for (key, values) in [("containers", containers), ("initContainers", init), ("volumes", volumes)] {
        if !values.is_empty() {
            pod.insert(key.to_owned(), json!(values));
        }
    }
    Advice { patch: place(&spec.workload.kind, &json!(pod)), notes: notes.finish() }
}

/// Where a workload of this kind has its pod's spec.
fn place(kind: &str, pod: &Value) -> Value {
    match kind {
        // A command that was recorded without a cluster is to be somebody's pod.
        "Pod" | "StaticPod" | "Command" => json!({"spec": pod}),
        "CronJob" => json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
        _ => json!({"spec": {"template": {"spec": pod}}}),
    }
}

/// Capabilities of a container that were granted and used.
pub fn used_capabilities(container: &ContainerProfile) -> BTreeSet<&str> {
    container.capabilities.iter().filter(|capability| capability.granted).map(|capability| capability.name.as_str()).collect()
}

fn container(profile: &ContainerProfile, known: &Known, volumes: &mut Vec<Value>, notes: &mut Notes) -> Value {
    let name = &profile.name;
    let used = used_capabilities(profile);
    // Also where nothing is added: a patch that does not name a list leaves it as it was.
    let capabilities = json!({"drop": ["ALL"], "add": used});
    let mut context = json!({"capabilities": capabilities});
    if let Some(filter) = known.filters.get(name) {
        context["seccompProfile"] = json!({"type": "Localhost", "localhostProfile": filter});
    }
    if used.contains("SYS_ADMIN") {
        // The API server refuses the two together.
        notes.add(format!("{name}: uses SYS_ADMIN, which goes with no allowPrivilegeEscalation: false; see whether it is meant to"));
    } else {
        context["allowPrivilegeEscalation"] = json!(false);
        let gaining: Vec<&str> = profile.execs.iter().map(|exec| exec.path.as_str()).filter(|path| gains_privileges(path)).collect();
        if !gaining.is_empty() {
            notes.add(format!("{name}: ran {}, which may gain nothing with allowPrivilegeEscalation: false", listed(&gaining)));
        }
    }
    let mut patch = json!({"name": name});
    let mounts = known.mounts.get(name);
    match Writable::of(profile, mounts.map(Vec::as_slice).unwrap_or_default()) {
        Ok(Writable { directories }) => {
            context["readOnlyRootFilesystem"] = json!(true);
            let mut added = Vec::new();
            for directory in &directories {
                let volume = writable::volume(name, directory);
                added.push(json!({"name": volume, "mountPath": directory}));
                volumes.push(json!({"name": volume, "emptyDir": {}}));
            }
            if !added.is_empty() {
                patch["volumeMounts"] = json!(added);
                let unknown = if mounts.is_some() { "" } else { "; leave it out where a volume is mounted already" };
                let directories = listed(&directories.iter().collect::<Vec<_>>());
                notes.add(format!("{name}: writes to {directories}; an emptyDir there begins empty and hides what the image has{unknown}"));
            }
        }
        Err(why) => notes.add(format!("{name}: readOnlyRootFilesystem is not advised: {why}")),
    }
    patch["securityContext"] = context;
    patch
}

/// Programs whose only use is to become somebody else.
fn gains_privileges(path: &str) -> bool {
    matches!(path.rsplit('/').next(), Some("sudo" | "su" | "doas" | "newgrp" | "passwd" | "ping" | "mount" | "umount" | "pkexec"))
}
