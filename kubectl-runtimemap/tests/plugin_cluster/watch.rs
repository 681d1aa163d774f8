//! `show --watch`, and what `status` and `version` say of an installation.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::server::{Outcome, Server};

/// A call that does not end by itself.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn run(server: &Server, args: &str) -> Self {
        // Ended from outside, should what is waited for never come. The plugin takes kubectl's place, so that it is ended itself.
        let mut child = server
            .command("timeout")
            .args(["--kill-after=5", "120", "kubectl", "runtimemap"])
            .args(args.split_whitespace())
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let lines = BufReader::new(child.stdout.take().expect("it was piped"));
        Self { child, lines }
    }

    /// The next line's words.
    fn line(&mut self) -> Vec<String> {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).expect("it can be read") > 0, "the watch ended");
        line.split_whitespace().map(str::to_owned).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // timeout(1) passes it on to what it started.
        let ended = std::process::Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(ended.is_ok_and(|status| status.success()) && self.child.wait().is_ok(), "the watch was not ended");
    }
}

#[test]
fn a_watch_shows_each_change_as_it_comes() {
    let server = Server::get();
    server.shop("watched");
    server.shop("unwatched");
    let mut watch = Watch::run(&server, "show -n watched --watch");
    assert_eq!(watch.line()[..2], ["WORKLOAD", "PHASE"]);
    assert_eq!(watch.line()[..2], ["deployment/web", "Complete"]);
    let phase = |namespace: &str| {
        let patch = r#"{"status": {"phase": "Learning"}}"#;
        let target =
            ["patch", "applicationprofile", "deployment-web", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch];
        server.kubectl(&target);
    };
    phase("unwatched");
    phase("watched");
    assert_eq!(watch.line()[..2], ["deployment/web", "Learning"]);
    server.kubectl(&["delete", "applicationprofile", "deployment-web", "-n", "watched"]);
    let gone = watch.line();
    assert!(gone[0] == "deployment/web" && gone.last().unwrap() == "(deleted)", "{gone:?}");
    // One alone, by its name.
    let mut watch = Watch::run(&server, "show web -n unwatched --watch --no-headers");
    assert_eq!(watch.line()[..2], ["deployment/web", "Learning"]);
    let Outcome { stderr, code, .. } = server.runtimemap("show web other -n unwatched --watch");
    assert_eq!((code, stderr.as_str()), (Some(1), "error: one workload or all of them can be watched: give one name, or none\n"));
}

#[test]
fn status_shows_parts_nodes_and_losses_and_version_what_runs() {
    let server = Server::get();
    server.kubectl(&["create", "namespace", "runtimemap"]);
    let object = |kind: &str, name: &str, replicas: Value| {
        let labels = json!({"app.kubernetes.io/name": "runtimemap", "part": name});
        let container = json!({"name": name, "image": "registry.example/runtimemap:0.1.7"});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let object = json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": format!("runtimemap-{name}"), "namespace": "runtimemap", "labels": labels},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        });
        server.create(&object.to_string());
    };
    object("Deployment", "controller", json!(2));
    object("DaemonSet", "agent", Value::Null);
    let observation = json!({
        "apiVersion": "runtimemap.io/v1alpha1", "kind": "NodeObservation", "metadata": {"name": "node-1"},
        "spec": {"ledger": "a", "sequence": 0, "architecture": "amd64", "gaps": ["SCTP is not seen without cgroup v2"]},
    });
    server.create(&observation.to_string());
    let Outcome { stdout, code, .. } = server.runtimemap("status");
    assert_eq!(code, Some(1), "{stdout}");
    for line in ["runtimemap-controller   runtimemap   0.1.7     0/2", "runtimemap-agent        runtimemap   0.1.7     0/0"] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
    assert!(stdout.contains("1 node reports") && stdout.contains("SCTP is not seen without cgroup v2"), "{stdout}");
    assert!(stdout.contains("kubectl describe deployment.apps/runtimemap-controller -n runtimemap says why it is not ready"), "{stdout}");
    // All that is wanted is ready, which here is nothing: there is no node.
    server.kubectl(&["scale", "deployment/runtimemap-controller", "-n", "runtimemap", "--replicas=0"]);
    let well = server.runtimemap("status");
    assert_eq!(well.code, Some(0), "{}", well.stdout);
    let own = env!("CARGO_PKG_VERSION");
    let version = server.runtimemap("version");
    assert_eq!(version.stdout, format!("Client Version: v{own}\nController Version: 0.1.7\nAgent Version: 0.1.7\n"), "{}", version.stderr);
    server.kubectl(&["delete", "namespace", "runtimemap", "--wait=false"]);
}

#[test]
fn an_undo_can_be_tried_first() {
    let server = Server::get();
    server.shop("undone");
    assert_eq!(server.runtimemap("policy apply web -n undone --yes").code, Some(0));
    let named = "networkpolicy.networking.k8s.io/runtimemap-deployment-web";
    for dry_run in ["--dry-run", "--dry-run=client", "--dry-run=server"] {
        let tried = server.runtimemap(&format!("policy undo web -n undone {dry_run}"));
        assert_eq!((tried.code, tried.stdout), (Some(0), format!("{named} deleted (dry run)\n")), "{}", tried.stderr);
        server.kubectl(&["get", "networkpolicy", "runtimemap-deployment-web", "-n", "undone"]);
    }
    assert_eq!(server.runtimemap("policy undo networkpolicy/runtimemap-deployment-web -n undone").stdout, format!("{named} deleted\n"));
}
