//! What a cluster costs in which everything is learned.

use std::{process::Command, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_tests::space::{PROFILE, Space, kubectl, wait_until};
use serde_json::Value;

use crate::bed::{Bed, SYSTEM};

/// Tracepoints at which a program runs often.
const HOT: [&str; 2] = ["sys_enter", "sys_exit"];

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
    space.apply(include_str!("../manifests/first.yaml"));
    space.until(PROFILE, "pod-first", "is there", |_| true).await;
    let attached = tracepoints();
    assert!(HOT.iter().all(|hot| attached.iter().any(|name| name == hot)), "{attached:?}");
    let phases = || kubectl(&["get", "applicationprofiles", "-A", "-o", "jsonpath={.items[*].status.phase}"], "");
    wait_until("everything learned", || phases().split(' ').all(|phase| phase == "Complete").then_some(())).await;
    wait_until("hot hooks detached", || (!tracepoints().iter().any(|name| HOT.contains(&name.as_str()))).then_some(())).await;
    // What ended just now is still told of.
    let quiet = SignedDuration::from_secs(10);
    let is_quiet = || writes(&bed.audit(), Timestamp::now() - quiet).iter().all(|line| line.contains("leases")).then_some(());
    wait_until("ten seconds without a write", is_quiet).await;
    let settled = Timestamp::now();
    let minute = SignedDuration::try_from(Duration::from_secs(60)).unwrap();
    wait_until("a minute in the audit log", || (*times(&bed.audit()).last()? > settled + minute).then_some(())).await;
    let lines = writes(&bed.audit(), settled);
    let leases = lines.len();
    let others: Vec<&String> = lines.iter().filter(|line| !line.contains("leases")).collect();
    assert_eq!(others, [""; 0]);
    assert!(leases > 0, "the lease was never renewed");
    eprintln!("FIGURE a settled minute: {leases} writes of the lease, none of anything else; tracepoints left: {:?}", tracepoints());
    assert!(!tracepoints().iter().any(|name| HOT.contains(&name.as_str())));
}

/// What the product's accounts have written since then: the resource, who wrote it and when.
fn writes(audit: &str, since: Timestamp) -> Vec<String> {
    let of = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let account = event["user"]["username"].as_str()?;
        let reads = ["get", "list", "watch"].contains(&event["verb"].as_str()?);
        let counts = account.starts_with(&format!("system:serviceaccount:{SYSTEM}:")) && !reads && time(&event)? >= since;
        counts.then(|| format!("{} {account} {}", event["objectRef"]["resource"], event["requestReceivedTimestamp"]))
    };
    audit.lines().filter_map(of).collect()
}

fn time(event: &Value) -> Option<Timestamp> {
    event["requestReceivedTimestamp"].as_str()?.parse().ok()
}

fn times(audit: &str) -> Vec<Timestamp> {
    // The last lines are enough, and the very last may not be whole.
    let last = audit.lines().rev().take(3).filter_map(|line| time(&serde_json::from_str(line).ok()?));
    last.max().into_iter().collect()
}
