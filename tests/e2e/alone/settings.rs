//! Settings of the chart, changed while everything runs.

use std::{path::Path, process::Command};

use runtimemap_tests::space::{NEIGHBORHOOD, POLICY, PROFILE, SECCOMP, Space, kubectl, try_kubectl, wait_until};
use serde_json::{Value, json};

use super::second::{self, SecondNode};
use crate::{
    bed::{Bed, parts},
    snapshot::assert_learned,
};

/// Settings of the suite, with some changed; as they were when dropped.
pub(super) struct Settings;

impl Settings {
    pub(super) fn set(changed: &[&str]) -> Self {
        let settings = Self;
        assert!(install(changed), "{changed:?}");
        settings
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        let done = install(&[]);
        assert!(done || std::thread::panicking(), "the suite's own settings are back");
    }
}

/// Whether the chart took them.
pub(crate) fn install(changed: &[&str]) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bed/install.sh");
    Command::new(script).args(changed).status().unwrap().success()
}

fn generated(space: &Space) -> String {
    space.kubectl(&["get", "generatednetworkpolicies,seccompprofiles.runtimemap.io", "-o", "name"], "")
}

fn current(object: &Value) -> (&Value, &Value) {
    let condition = &object["status"]["conditions"][0];
    (&condition["status"], &condition["reason"])
}

#[tokio::test]
async fn policies_are_made_once_they_are_asked_for_and_kept_when_they_no_longer_are() {
    let controllers = parts("controller");
    let space = Space::new("asked").await;
    space.learns_for("5s");
    let settings = Settings::set(&["nodeAgent.generatePolicies.networkPolicy=false", "nodeAgent.generatePolicies.seccomp=false"]);
    space.apply(include_str!("../manifests/rollout.yaml"));
    space.learned("deployment-web").await;
    assert_eq!(generated(&space), "");
    drop(settings);
    let made = |object: &Value| current(object) == (&json!("True"), &json!("MadeAtCompletion"));
    let policy = space.until(POLICY, "deployment-web", "is made", made).await;
    let filter = space.until(SECCOMP, "deployment-web", "is made", made).await;
    let _settings = Settings::set(&["nodeAgent.generatePolicies.networkPolicy=false", "nodeAgent.generatePolicies.seccomp=false"]);
    let kept = |object: &Value| current(object) == (&json!("False"), &json!("SwitchedOff"));
    assert_eq!(space.until(POLICY, "deployment-web", "is not asked for", kept).await["spec"], policy["spec"]);
    assert_eq!(space.until(SECCOMP, "deployment-web", "is not asked for", kept).await["spec"], filter["spec"]);
    assert_eq!(parts("controller"), controllers, "no restart");
}

#[tokio::test]
async fn what_ran_while_it_was_off_is_learned_from_what_still_shows_once_it_is_on() {
    let settings = Settings::set(&["nodeAgent.enabled=false"]);
    wait_until("no agent", || parts("agent").is_empty().then_some(())).await;
    if Bed::own().is_some() {
        let links = Command::new("bpftool").args(["link", "show"]).output().unwrap();
        let links = String::from_utf8(links.stdout).unwrap();
        assert!(!links.contains("sys_enter") && !links.contains("cgroup_mkdir"), "hooks of nobody are left: {links}");
    }
    let space = Space::new("before").await;
    space.learns_for("5s");
    space.apply(include_str!("../manifests/before.yaml"));
    space.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"], "");
    assert_eq!(space.kubectl(&["get", "applicationprofiles", "-o", "name"], ""), "");
    drop(settings);
    assert_learned(&space, &["deployment-web"]).await;
}

#[tokio::test]
async fn o4_replicas_on_nodes_without_an_agent_are_named() {
    let node = kubectl(&["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"], "");
    kubectl(&["label", "node", &node, "watched=yes", "--overwrite"], "");
    let _settings = Settings::set(&["nodeAgent.nodeSelector.watched=yes"]);
    // Only now: an agent's pod that nobody runs there would hold up the others' update.
    let second = SecondNode::new();
    let space = Space::new("selector").await;
    space.learns_for("5s");
    space.apply(include_str!("../manifests/spread.yaml"));
    let template = "jsonpath={range .items[*]}{.spec.nodeName}/{.metadata.name} {end}";
    let placed = || {
        let all = space.kubectl(&["get", "pods", "-o", template], "");
        let mut pods = all.split_whitespace().map(|pod| pod.split_once('/').unwrap());
        pods.find(|(node, _)| *node == second::NAME).map(|(_, pod)| pod.to_owned())
    };
    let unseen = wait_until("a pod on the second node", placed).await;
    second.run(&space, &unseen).await;
    let [profile, neighborhood] = space.learned("deployment-web").await;
    for object in [profile, neighborhood] {
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let seen = conditions.iter().find(|condition| condition["type"] == "AllReplicasSeen").unwrap();
        assert_eq!((&seen["status"], &seen["reason"]), (&json!("False"), &json!("ReplicaSilent")));
        assert!(seen["message"].as_str().unwrap().contains(&unseen), "{seen}");
    }
    space.kubectl(&["delete", "deployment", "web", "--wait=false"], "");
    space.kubectl(&["delete", "pod", &unseen, "--force", "--grace-period=0", "--ignore-not-found"], "");
    space.until_gone(PROFILE, "deployment-web").await;
    space.until_gone(NEIGHBORHOOD, "deployment-web").await;
    let (_, said, _) = try_kubectl(&["label", "node", &node, "watched-"], "");
    assert!(said.contains("unlabeled"), "{said}");
}
