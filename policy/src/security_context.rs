//! Advice on `securityContext`: what a workload can do without, as a strategic-merge patch of it.

mod writable;

use std::collections::BTreeSet;

use runtimemap_crds::{ApplicationProfile, ContainerProfile};
use serde_json::{Map, Value, json};

use crate::notes::{Notes, listed};
use writable::Writable;

/// A patch, and what a reviewer should know of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// A strategic-merge patch for the workload: `kubectl patch KIND NAME --patch-file FILE`.
    pub patch: Value,
    /// What it leaves out and why, and what to look at.
    pub notes: Vec<String>,
}

/// Makes the patch of a workload: its containers drop every capability but those that were granted and used, gain no privileges, and write
/// to nothing but where they wrote.
pub fn advise(profile: &ApplicationProfile) -> Advice {
    let spec = &profile.spec;
    let mut notes = Notes::default();
    notes.sandboxed(profile.status.as_ref());
    let mut volumes = Vec::new();
    let mut list = |containers: &[ContainerProfile], notes: &mut Notes| -> Vec<Value> {
        containers.iter().map(|one| container(one, &mut volumes, notes)).collect()
    };
    let (init, containers) = (list(&spec.init_containers, &mut notes), list(&spec.containers, &mut notes));
    notes.add("whether a container runs as root is not part of its profile: where its image's user is not root, add runAsNonRoot: true");
    let mut pod = Map::new();
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
        "Pod" | "Command" => json!({"spec": pod}),
        "CronJob" => json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}),
        _ => json!({"spec": {"template": {"spec": pod}}}),
    }
}

fn container(profile: &ContainerProfile, volumes: &mut Vec<Value>, notes: &mut Notes) -> Value {
    let name = &profile.name;
    let used = profile.capabilities.iter().filter(|capability| capability.granted).map(|capability| capability.name.as_str());
    let used: BTreeSet<&str> = used.collect();
    let mut capabilities = json!({"drop": ["ALL"]});
    if !used.is_empty() {
        capabilities["add"] = json!(used);
    }
    let mut context = json!({"capabilities": capabilities});
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
    match Writable::of(profile) {
        Ok(Writable { directories }) => {
            context["readOnlyRootFilesystem"] = json!(true);
            let mut mounts = Vec::new();
            for directory in &directories {
                let volume = writable::volume(name, directory);
                mounts.push(json!({"name": volume, "mountPath": directory}));
                volumes.push(json!({"name": volume, "emptyDir": {}}));
            }
            if !mounts.is_empty() {
                patch["volumeMounts"] = json!(mounts);
                notes.add(format!(
                    "{name}: writes to {}; an emptyDir there begins empty and hides what the image has; leave it out where a volume is mounted already",
                    listed(&directories.iter().collect::<Vec<_>>())
                ));
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
