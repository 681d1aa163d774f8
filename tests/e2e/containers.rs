//! The containers of a pod, each by itself, and what came into one from outside.

use runtimemap_tests::space::{POD, PROFILE, Space};

use crate::snapshot::assert_learned;

#[tokio::test]
async fn every_container_of_a_pod_has_a_part_of_its_own_and_what_enters_it_is_told_apart() {
    let space = Space::new("containers").await;
    space.apply(include_str!("manifests/containers.yaml"));
    for name in ["many", "probed"] {
        let ready = |pod: &serde_json::Value| {
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
        };
        space.until(POD, name, "is ready", ready).await;
    }
    space.kubectl(
        &[
            "debug",
            "many",
            "--image=localhost/runtimemap-e2e/acts:1",
            "--image-pull-policy=Never",
            "--container=debugger",
            "--",
            "/acts",
            "5",
        ],
        "",
    );
    assert_eq!(space.kubectl(&["exec", "probed", "--", "/usr/sbin/nginx", "-t", "-q"], ""), "");
    assert_learned(&space, &["pod-many", "pod-probed"]).await;
    // It runs for a moment at a time, and its learning period only then.
    let ran = |profile: &serde_json::Value| profile["spec"]["containers"][0]["execs"][0]["args"] == serde_json::json!(["/acts"]);
    space.until(PROFILE, "pod-crashing", "shows what it runs", ran).await;
}
