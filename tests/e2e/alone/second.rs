//! A second node, which no kubelet runs.

use runtimemap_tests::space::{POD, Space, kubectl};
use serde_json::{Value, json};

use crate::bed::SYSTEM;

/// Name of it.
pub(super) const NAME: &str = "node2";

/// Gone when dropped.
pub(super) struct SecondNode;

impl SecondNode {
    /// One that pods can be placed on, if they tolerate it.
    pub(super) fn new() -> Self {
        let taints = json!([{"key": "runtimemap.io/e2e", "effect": "NoSchedule"}]);
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": {"kubernetes.io/hostname": NAME}},
            "spec": {"taints": taints}});
        kubectl(&["apply", "-f", "-"], &node.to_string());
        let room = json!({"cpu": "8", "memory": "8Gi", "pods": "110"});
        let ready = json!([{"type": "Ready", "status": "True", "reason": "Simulated", "message": "no kubelet runs it"}]);
        status("node", &[NAME], &json!({"capacity": room, "allocatable": room, "conditions": ready}));
        Self
    }

    /// The same with the pod of an agent on it, which never runs.
    pub(super) fn with_agent() -> Self {
        let node = Self::new();
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent2", "namespace": SYSTEM},
            "spec": {"nodeName": NAME, "serviceAccountName": "runtimemap-agent", "containers": [{"name": "agent", "image": "none"}]},
        });
        kubectl(&["apply", "-f", "-"], &pod.to_string());
        node
    }

    /// Says of a pod on it that it runs, as a kubelet would.
    pub(super) async fn run(&self, space: &Space, pod: &str) {
        let pod = space.until(POD, pod, "has containers", |pod| pod["spec"]["containers"][0].is_object()).await;
        let running = json!({"running": {"startedAt": pod["metadata"]["creationTimestamp"]}});
        let container = &pod["spec"]["containers"][0];
        let containers = json!([{"name": container["name"], "image": container["image"], "imageID": "", "containerID": "containerd://none",
            "ready": true, "started": true, "restartCount": 0, "state": running}]);
        let name = pod["metadata"]["name"].as_str().unwrap();
        status("pod", &["-n", &space.name, name], &json!({"phase": "Running", "containerStatuses": containers}));
    }
}

fn status(kind: &str, which: &[&str], status: &Value) {
    let patch = json!({"status": status}).to_string();
    kubectl(&[&["patch", kind, "--subresource=status", "--type=merge", "-p", &patch], which].concat(), "");
}

impl Drop for SecondNode {
    fn drop(&mut self) {
        kubectl(&["delete", "node", NAME, "--ignore-not-found"], "");
        // Those of DaemonSets, too, which would be waited for until somebody collects them.
        let placed = format!("--field-selector=spec.nodeName={NAME}");
        kubectl(&["delete", "pods", "--all-namespaces", &placed, "--force", "--grace-period=0", "--wait=false"], "");
        kubectl(&["delete", "nodeobservation,nodedirective", NAME, "--ignore-not-found"], "");
    }
}
