//! What is left of the product when it is taken off: nothing.

use std::process::Command;

use runtimemap_tests::space::{PROFILE, Space, kubectl, try_kubectl, wait_until};
use serde_json::Value;

use crate::bed::{Bed, SYSTEM};

/// Kinds of which the chart makes objects in no namespace.
const KINDS: &str = "customresourcedefinitions,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                     validatingadmissionpolicybindings,validatingwebhookconfigurations,mutatingwebhookconfigurations,flowschemas,\
                     priorityclasses,apiservices";
/// Maps of the agent's programs, and programs of it.
const NAMES: [&str; 5] = ["CGROUPS", "STATES", "SLOTS_READY", "cgroup_mkdir", "sys_enter"];

/// Objects of the cluster that are the product's.
fn objects() -> Vec<String> {
    let all = kubectl(&["get", KINDS, "-o", "name"], "");
    all.lines().filter(|name| name.contains("runtimemap")).map(str::to_owned).collect()
}

/// Maps and programs of the agent in this kernel.
fn in_kernel() -> Vec<String> {
    let list = |what: &str| -> Vec<Value> {
        serde_json::from_slice(&Command::new("bpftool").args([what, "show", "--json"]).output().unwrap().stdout).unwrap()
    };
    let all = [list("map"), list("prog")].concat();
    let names = all.iter().filter_map(|item| item["name"].as_str());
    names.filter(|name| NAMES.iter().any(|known| name.starts_with(known))).map(str::to_owned).collect()
}

#[tokio::test]
async fn uninstalling_leaves_no_link_program_map_object_or_stuck_namespace() {
    let Some(_) = Bed::own() else { return };
    let space = Space::new("last").await;
    space.apply(include_str!("manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    let before = in_kernel();
    assert!(NAMES.iter().all(|name| before.iter().any(|known| known.starts_with(name))), "{before:?}");
    assert!(objects().len() > 10, "{:?}", objects());
    let helm = ["uninstall", "runtimemap", "--namespace", SYSTEM, "--wait", "--timeout=180s"];
    let output = Command::new("helm").args(helm).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wait_until("the kernel to be as it was", || in_kernel().is_empty().then_some(())).await;
    wait_until("no object of the cluster", || objects().is_empty().then_some(())).await;
    kubectl(&["delete", "namespace", SYSTEM, &space.name, "--wait=false"], "");
    for namespace in [SYSTEM, &space.name] {
        wait_until("the namespace to go", || (!try_kubectl(&["get", "namespace", namespace], "").0).then_some(())).await;
    }
}
