//! What the agent of a node may do. Tried, not looked up.

use std::io::Write;

use runtimemap_recorder::mailbox::{self, Letter};
use runtimemap_tests::space::{PROFILE, Space, kubectl, try_kubectl};
use serde_json::{Value, json};

use super::second::SecondNode;
use crate::bed::SYSTEM;

/// A kubeconfig that knows the API server and nobody's keys.
fn nobody() -> tempfile::NamedTempFile {
    let mut config: Value = serde_json::from_str(&kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], "")).unwrap();
    config["users"][0]["user"] = json!({});
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(config.to_string().as_bytes()).unwrap();
    file
}

/// Whoever has a token.
struct Bearer {
    config: tempfile::NamedTempFile,
    token: String,
}

impl Bearer {
    /// The agent in a pod of the system's namespace, by a token that is bound to it.
    fn agent(pod: &str) -> Self {
        let arguments = ["-n", SYSTEM, "create", "token", "runtimemap-agent", "--bound-object-kind=Pod", "--bound-object-name", pod];
        Self { config: nobody(), token: kubectl(&arguments, "").trim().to_owned() }
    }

    fn tries(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let config = self.config.path().to_str().unwrap();
        let (succeeded, out, errors) = try_kubectl(&[&["--kubeconfig", config, "--token", &self.token], arguments].concat(), input);
        (succeeded, out + &errors)
    }

    fn may(&self, arguments: &[&str], input: &str) {
        let (succeeded, said) = self.tries(arguments, input);
        assert!(succeeded, "{arguments:?}: {said}");
    }

    /// It is refused, and told why in these words.
    fn may_not(&self, arguments: &[&str], input: &str, why: &str) {
        let (succeeded, said) = self.tries(arguments, input);
        assert!(!succeeded && said.contains(why), "{arguments:?}: {succeeded}, {said}");
    }
}

fn observation(node: &str, spec: &Value) -> String {
    json!({"apiVersion": "runtimemap.io/v1alpha1", "kind": "NodeObservation", "metadata": {"name": node}, "spec": spec}).to_string()
}

#[tokio::test]
async fn a_node_has_its_own_mailbox_and_nothing_else() {
    let space = Space::new("nodes").await;
    space.apply(include_str!("../manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    let _second = SecondNode::with_agent();
    let first = kubectl(
        &[
            "-n",
            SYSTEM,
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/component=agent",
            "--field-selector=status.phase=Running",
            "-o",
            "jsonpath={.items[0].metadata.name}",
        ],
        "",
    );
    let node1 = kubectl(&["get", "nodeobservations", "-o", "jsonpath={.items[0].metadata.name}"], "");
    let (one, two) = (Bearer::agent(&first), Bearer::agent("agent2"));
    let empty = json!({"ledger": "e2e", "sequence": 1, "architecture": "amd64"});
    let create = ["create", "-f", "-"];
    two.may(&create, &observation("node2", &empty));
    // One request, as agents make it: what `kubectl patch` reads first they may not.
    let patch = ["apply", "--server-side", "--force-conflicts", "--validate=false", "-f", "-"];
    one.may_not(&patch, &observation("node2", &empty), "may not write the NodeObservation node2");
    one.may_not(&create, &observation("node3", &empty), "may not write the NodeObservation node3");
    two.may_not(&patch, &observation(&node1, &empty), &format!("may not write the NodeObservation {node1}"));
    for arguments in [
        &["get", "nodeobservation", &node1][..],
        &["get", "nodeobservation", "node2"],
        &["get", "nodeobservations"],
        &["delete", "nodeobservation", &node1],
        &["get", "pods", "-A"],
        &["get", "secrets", "-A"],
        &["get", "nodes"],
        &["-n", &space.name, "get", "applicationprofile", "pod-first"],
        &["-n", &space.name, "patch", "applicationprofile", "pod-first", "--type=merge", "-p", r#"{"metadata":{"labels":{"a":"b"}}}"#],
        &["-n", &space.name, "delete", "applicationprofile", "pod-first"],
        &["patch", "nodedirective", &node1, "--type=merge", "-p", r#"{"spec":{"ack":{"sequence":9}}}"#],
    ] {
        two.may_not(arguments, "", "Forbidden");
    }
    // What it says of another node's pod is refused, and is nowhere.
    let uid = space.kubectl(&["get", "pod", "first", "-o", "jsonpath={.metadata.uid}"], "");
    let open = runtimemap_crds::Open { path: "/forged".into(), ..Default::default() };
    let container = json!({"podUID": uid, "id": "0".repeat(64), "name": "acts", "type": "container", "startupObserved": true});
    let spec = json!({
        "ledger": "e2e", "sequence": 2, "architecture": "amd64", "containers": [container],
        "payload": mailbox::encode(&[vec![Letter::Open(open)]]).unwrap().unwrap(),
    });
    two.may(&patch, &observation("node2", &spec));
    let directive = ("runtimemap.io", "v1alpha1", "NodeDirective", "nodedirectives");
    let answer = space.until_of_cluster(directive, "node2", "answers", |object| object["spec"]["ack"]["sequence"] == 2).await;
    let said = &answer["spec"]["containers"][0];
    assert_eq!((&said["verdict"], &said["cause"]), (&json!("refused"), &json!("ForeignPod")));
    assert!(!space.kubectl(&["get", "applicationprofiles", "-o", "json"], "").contains("/forged"));
}
