//! How long the plugin takes on a file of 1,000 workloads, and on one of as many with 100,000 flows: `cargo bench -p kubectl-runtimemap`.
//!
//! Prints one line for each verb. The whole program is measured, from its start to its end, at its fastest of some runs.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench that cannot go on has failed, and prints what it measured")]

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use runtimemap_crds::yaml;

/// Runs of each verb.
const RUNS: usize = 5;

/// Profiles and neighborhoods of as many workloads, each of which talks to three others, and to so many addresses outside the cluster.
fn recording(workloads: usize, addresses: usize) -> String {
    let mut text = String::new();
    for workload in 0..workloads {
        let head = |kind: &str| {
            format!(
                "---\napiVersion: runtimemap.io/v1alpha1\nkind: {kind}\nmetadata: {{name: deployment-w{workload}, namespace: ns{}}}\nspec:\n  \
                 workload: {{apiVersion: apps/v1, kind: Deployment, name: w{workload}}}\n",
                workload % 20
            )
        };
        text.push_str(&head("ApplicationProfile"));
        text.push_str("  containers:\n  - name: c\n    execs: [{path: /app/server, args: [/app/server]}]\n    syscalls: [execve, openat, read, write]\n");
        text.push_str(&head("NetworkNeighborhood"));
        // Writing to a String cannot fail.
        let _ = write!(text, "  podSelector: {{matchLabels: {{app: w{workload}}}}}\n  containers:\n  - name: c\n    egress:\n");
        for peer in (1..=3).map(|step| (workload + step * 7) % workloads) {
            let _ = writeln!(
                text,
                "    - {{identifier: i{peer}, type: internal, peer: {{class: Workload, namespace: ns{}, kind: Deployment, name: w{peer}}}, \
                 podSelector: {{matchLabels: {{app: w{peer}}}}}, ports: [{{name: TCP-80, protocol: TCP, port: 80}}]}}",
                peer % 20
            );
        }
        if addresses > 0 {
            let of = |number: usize| format!("203.0.{}.{}", number / 250, number % 250 + 1);
            let list: Vec<String> = (0..addresses).map(|number| of((workload * 7 + number) % 60_000)).collect();
            let port = "[{name: TCP-443, protocol: TCP, port: 443}]";
            let list = list.join(", ");
            let _ = writeln!(text, "    - {{identifier: w, type: external, peer: {{class: World}}, ipAddresses: [{list}], ports: {port}}}");
        }
    }
    // As the recorder writes it.
    yaml::to_stream(&yaml::from_stream(&text).expect("it is a recording")).expect("it can be written")
}

fn fastest(args: &[&str], file: &Path) -> Duration {
    let run = |_| {
        let start = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-runtimemap"));
        let status = command.args(args).arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("the plugin runs").success(), "{args:?} succeeds");
        start.elapsed()
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let thousand = folder.path().join("thousand.yaml");
    fs::write(&thousand, recording(1000, 0)).expect("a file can be written");
    let flows = folder.path().join("flows.yaml");
    fs::write(&flows, recording(1000, 97)).expect("a file can be written");
    for (what, args, file) in [
        ("show, 1,000 workloads", &["show"][..], &thousand),
        ("graph, 1,000 workloads", &["graph"], &thousand),
        ("policy simulate, 3,000 flows", &["policy", "simulate", "--denied"], &thousand),
        ("policy simulate, 100,000 flows", &["policy", "simulate", "--denied"], &flows),
    ] {
        println!("{what}: {:.0} ms", fastest(args, file).as_secs_f64() * 1000.0);
    }
}
