//! What a cluster costs in which everything is learned.

use std::{cell::Cell, process::Command};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_tests::space::{PROFILE, Space, kubectl, wait_until};
use serde_json::Value;

use crate::bed::{Bed, SYSTEM};

/// Tracepoints at which a program runs often.
const HOT: [&str; 2] = ["sys_enter", "sys_exit"];
/// A minute, and longer than any agent waits before it sends again what has no answer.
const QUIET: SignedDuration = SignedDuration::from_secs(65);

/// Workloads that are not learned yet.
fn learning() -> String {
    let template = r#"{range .items[?(@.status.phase!="Complete")]}{.metadata.namespace}/{.metadata.name} {.status.phase}, {end}"#;
    kubectl(&["get", "applicationprofiles", "-A", "-o", &format!("jsonpath={template}")], "")
}

/// Names of the tracepoints that programs of eBPF hang at, as the kernel says.
fn tracepoints() -> Vec<String> {
    let output = Command::new("bpftool").args(["link", "show", "--json"]).output().unwrap();
    let links: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    links.iter().filter_map(|link| Some(link["tp_name"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn o5_a_settled_cluster_writes_nothing_but_leases_and_has_no_hot_hook_attached() {
    let Some(bed) = Bed::own() else { return };
    let space = Space::new("settled").await;
    space.learns_for("5s");
    space.apply(include_str!("../manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    let attached = tracepoints();
    assert!(HOT.iter().all(|hot| attached.iter().any(|name| name == hot)), "{attached:?}");
    let began = Timestamp::now();
    let last = Cell::new(String::new());
    wait_until("everything learned", || {
        let open = learning();
        let none = open.is_empty();
        last.set(if none { last.take() } else { open });
        none.then_some(())
    })
    .await;
    let learned = Timestamp::now();
    wait_until("hot hooks detached", || (!tracepoints().iter().any(|name| HOT.contains(&name.as_str()))).then_some(())).await;
    // What ended before is still told of: the time begins after that.
    let detached = Timestamp::now();
    let leases = wait_until("time in which nothing but leases is written", || {
        let since = Timestamp::now() - QUIET;
        let written = writes(&bed.audit(), since);
        (since >= detached && written.iter().all(|line| line.starts_with("leases "))).then_some(written.len())
    })
    .await;
    assert!(leases > 0, "the lease was never renewed");
    let before: Vec<String> = writes(&bed.audit(), detached).into_iter().filter(|line| !line.starts_with("leases ")).collect();
    eprintln!(
        "FIGURE settled for {} s: {leases} writes of the lease, none of anything else; tracepoints left: {:?}; everything was learned after {} s \
         (last: {}), hooks detached {} s later, and written in the {} s after that: {before:?}",
        QUIET.as_secs(),
        tracepoints(),
        learned.duration_since(began).as_secs(),
        last.take(),
        detached.duration_since(learned).as_secs(),
        (Timestamp::now().duration_since(detached) - QUIET).as_secs(),
    );
    assert!(!tracepoints().iter().any(|name| HOT.contains(&name.as_str())));
}

/// What the product's accounts have written since then: the resource, who wrote it and when.
fn writes(audit: &str, since: Timestamp) -> Vec<String> {
    let of = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let account = event["user"]["username"].as_str()?;
        let reads = ["get", "list", "watch"].contains(&event["verb"].as_str()?);
        let counts = account.starts_with(&format!("system:serviceaccount:{SYSTEM}:")) && !reads && time(&event)? >= since;
        let object = &event["objectRef"];
        counts.then(|| format!("{} {} by {account}", object["resource"].as_str().unwrap_or_default(), object["name"]))
    };
    audit.lines().filter_map(of).collect()
}

fn time(event: &Value) -> Option<Timestamp> {
    event["requestReceivedTimestamp"].as_str()?.parse().ok()
}
