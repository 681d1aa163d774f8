//! How soon the first facts of a container can be read.

use k8s_openapi::jiff::{Timestamp, Unit};
use serde_json::Value;

use runtimemap_tests::space::{POD, PROFILE, Space};

/// First facts are in the profile within so many seconds of a container's start.
const SOON: f64 = 5.0;

#[tokio::test]
async fn first_facts_are_readable_within_seconds() {
    let space = Space::new("first").await;
    space.apply(include_str!("../manifests/first.yaml"));
    let ran = |profile: &Value| profile["spec"]["containers"][0]["execs"].as_array().is_some_and(|execs| !execs.is_empty());
    space.until(PROFILE, "pod-first", "shows what it runs", ran).await;
    let read = Timestamp::now();
    let running = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["running"].is_object();
    let pod = space.until(POD, "first", "runs", running).await;
    // Whole seconds, cut: the figure is up to one too high.
    let started: Timestamp = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"].as_str().unwrap().parse().unwrap();
    let seconds = (read - started).total(Unit::Second).unwrap();
    eprintln!("FIGURE first facts were readable {seconds:.1} s after the container started");
    assert!(seconds < SOON, "{seconds} s");
}
