//! Approved seccomp filters on their way: from a person to the kubelet, and a pod that runs under one.

use std::{env, fs, path::PathBuf};

use runtimemap_crds::{SeccompProfile, review};
use runtimemap_tests::space::{SECCOMP, Space, kubectl, try_kubectl, wait_until};
use serde_json::{Value, json};

use super::settings::Settings;
use crate::bed::{Bed, process};

const NODE: (&str, &str, &str, &str) = ("", "v1", "Node", "nodes");
/// Who writes labels of nodes.
const CONTROLLER: &str = "system:serviceaccount:runtimemap:runtimemap-controller";

/// What a person writes who approves the filters as they are.
fn approval(profile: &Value) -> String {
    let profile: SeccompProfile = serde_json::from_value(profile.clone()).unwrap();
    let user = kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"], "");
    let decision = json!({"rule": SeccompProfile::DECIDED, "hash": review::hash(&profile.spec), "decision": "Approved", "by": user});
    json!({"review": {"decisions": [decision]}}).to_string()
}

fn counts(profile: &Value) -> (Option<u64>, Option<u64>) {
    let delivery = &profile["status"]["delivery"];
    (delivery["nodesWanted"].as_u64(), delivery["nodesReady"].as_u64())
}

#[tokio::test]
async fn what_a_person_approved_is_where_the_kubelet_finds_it_and_a_pod_runs_under_it() {
    let Some(_) = Bed::own() else { return };
    let folder = env::var("SECCOMP").expect("SECCOMP is the kubelet's folder; run.sh sets it");
    let space = Space::new("delivered").await;
    space.learns_for("5s");
    space.apply(include_str!("../manifests/rollout.yaml"));
    space.learned("deployment-web").await;
    let profile = space.until(SECCOMP, "deployment-web", "is made", |_| true).await;
    let settings = Settings::set(&["nodeAgent.deliverSeccomp=true", &format!("nodeAgent.kubeletSeccompFolder={folder}")]);
    let node = kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"], "");
    space.until_of_cluster(NODE, &node, "takes filters", |node| node["metadata"]["labels"]["runtimemap.io/seccomp"] == "ready").await;
    let file = PathBuf::from(&folder).join(format!("runtimemap/{}/deployment-web.json", space.name));
    assert!(!file.exists(), "nobody has approved it");

    let object = ["seccompprofiles.runtimemap.io", "deployment-web", "--type=merge", "-p"];
    space.kubectl(&[&["patch"], &object[..], &[&approval(&profile)]].concat(), "");
    let there = space.until(SECCOMP, "deployment-web", "is on its node", |one| counts(one) == (Some(1), Some(1))).await;
    let container = profile["spec"]["containers"].as_object().unwrap().keys().next().unwrap().clone();
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, there["spec"]["containers"][&container]);

    let name = format!("runtimemap/{}/deployment-web.json", space.name);
    let context = json!({"seccompProfile": {"type": "Localhost", "localhostProfile": name}});
    let pod = json!({"containers": [{"name": container, "securityContext": context}]});
    space.kubectl(&["patch", "deployment", "web", "--type=strategic", "-p", &json!({"spec": {"template": {"spec": pod}}}).to_string()], "");
    space.kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"], "");
    let newest = ["get", "pods", "--sort-by=.metadata.creationTimestamp", "-o", "jsonpath={.items[-1:].metadata.name}"];
    let pod = space.kubectl(&newest, "");
    let filtered = || {
        let status = fs::read_to_string(format!("/proc/{}/status", process(&space.name, &pod)?)).ok()?;
        status.lines().any(|line| line == "Seccomp:\t2").then_some(())
    };
    wait_until("its process under the filter", filtered).await;

    // Of a node the controller writes one label, and nothing else.
    for (what, change) in [("label", "other=x"), ("taint", "other=x:NoSchedule"), ("annotate", "other=x")] {
        let (done, _, errors) = try_kubectl(&["--as", CONTROLLER, what, "node", &node, change], "");
        assert!(!done && errors.contains("runtimemap.io/seccomp alone"), "{what}: {errors}");
    }
    // Taken back, it stays as long as somebody names it.
    space.kubectl(&[&["patch"], &object[..], &[r#"{"review": {"decisions": []}}"#]].concat(), "");
    space.until(SECCOMP, "deployment-web", "is carried no more", |one| one["status"]["delivery"].is_null()).await;
    drop(settings);
    assert!(file.exists());
    space.kubectl(&["delete", "pod", &pod, "--grace-period=0", "--force"], "");
    space.kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"], "");
}
