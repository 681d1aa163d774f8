//! What was learned: show, diff, simulate, graph, status, relearn, completion.

use serde_json::Value;

use crate::server::{Outcome, Server};

fn stdout(server: &Server, args: &str) -> String {
    let Outcome { stdout, stderr, code } = server.runtimemap(args);
    assert_eq!(code, Some(0), "{args}: {stderr}");
    stdout
}

#[test]
fn o1_a_list_shows_what_objects_hold_though_it_does_not_read_them() {
    let server = Server::get();
    server.shop("list");
    let list = stdout(&server, "show -n list");
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert_eq!(lines[1][..8], ["deployment/web", "Complete", "seen", "no", "1", "2", "1", "4"], "{list}");
    // In chunks of one it is the same, and so is what -A shows of it.
    let without_age = |list: &str| list.lines().map(|line| line.rsplit_once("   ").map(|(rest, _)| rest.to_owned())).collect::<Vec<_>>();
    assert_eq!(without_age(&stdout(&server, "show -n list --chunk-size=1")), without_age(&list));
    assert!(stdout(&server, "show -A").lines().any(|line| line.starts_with("list ") && line.contains("deployment/web")));
    assert!(stdout(&server, "show -n list -l team=shop --no-headers").starts_with("deployment/web"));
    let nothing = server.runtimemap("show -n list -l team!=shop");
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), "No workload was learned in list namespace.\n"));
}

#[test]
fn one_workload_is_found_by_every_name_it_has() {
    let server = Server::get();
    server.shop("one");
    let by_name = stdout(&server, "show -n one web");
    assert!(by_name.starts_with("Deployment/web (namespace one; complete, recorded for 1h; amd64)"), "{by_name}");
    for name in
        ["deployment/web", "deployments.apps/web", "deployment-web", "-A deployment/web", "--only execs,files,caps,syscalls,network web"]
    {
        let shown = stdout(&server, &format!("show -n one {name}").replace("-n one -A", "-A"));
        assert!(shown.contains("/app/server"), "{name}: {shown}");
    }
    // What is declared of it now comes before what it did.
    let patch = r#"[{"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": {"privileged": true}}]"#;
    server.kubectl(&["patch", "deployment", "web", "-n", "one", "--type=json", "-p", patch]);
    let privileged = stdout(&server, "show -n one web");
    let second = privileged.lines().nth(1).unwrap();
    assert_eq!(second, "Warning: container web is privileged: what it did says little of what it can do");
    let yaml = stdout(&server, "show -n one web -o yaml");
    assert!(yaml.contains("kind: ApplicationProfile") && yaml.contains("kind: NetworkNeighborhood"), "{yaml}");
    assert_eq!(stdout(&server, "show -n one networkneighborhood/web -o jsonpath={.spec.podSelector.matchLabels.app}"), "web");
    let missing = server.runtimemap("show -n one nobody");
    assert_eq!(missing.code, Some(1));
    assert_eq!(
        missing.stderr,
        "error: nothing was learned of \"nobody\" in namespace \"one\"; `kubectl runtimemap show -A` lists what is there\n"
    );
}

#[test]
fn refusals_and_failures_are_said_in_kubectls_words() {
    let server = Server::get();
    for (args, code, expected) in [
        ("show -A --as nobody", 1, "Error from server (Forbidden): applicationprofiles.runtimemap.io is forbidden: User \"nobody\""),
        ("show --context nowhere", 1, "error: context \"nowhere\" does not exist"),
        ("show --server https://127.0.0.1:1 -A", 1, "Unable to connect to the server: "),
        ("show --server https://192.0.2.1 --request-timeout=1s -A", 1, "Unable to connect to the server: "),
        ("diff -n nowhere", 2, "error: nothing was learned that could be compared"),
        ("status --server https://127.0.0.1:1", 2, "Unable to connect to the server: "),
        ("relearn web", 1, "error: \"web\" does not say what it is"),
        ("policy undo web", 1, "error: no NetworkPolicy of \"web\" was applied"),
    ] {
        let Outcome { stderr, code: found, stdout } = server.runtimemap(args);
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{args}: {stderr}");
        assert!(stderr.starts_with(expected), "{args}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn diff_finds_every_planted_difference_and_nothing_else() {
    let server = Server::get();
    server.shop("planted");
    let Outcome { stdout, stderr, code } = server.runtimemap("diff -n planted web");
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    let changed: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("+ ") || line.starts_with("- ") || line.starts_with("+-") || line.starts_with("--"))
        .collect();
    let changed: Vec<&str> = changed.into_iter().filter(|line| !line.starts_with("---")).collect();
    assert_eq!(
        changed,
        [
            "-- NET_ADMIN",
            "-- TCP 8081",
            "+- TCP 8080",
            "-- pods app=retired on TCP 6379 (NetworkPolicy web-by-hand)",
            "+- the cluster's DNS on UDP 53",
        ],
        "{stdout}"
    );
    assert!(stdout.starts_with("--- declared/planted/Deployment/web\n+++ learned/planted/Deployment/web\n"), "{stdout}");
    let json: Value = serde_json::from_str(&server.runtimemap("diff -n planted web -o json").stdout).unwrap();
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(5), "{json}");
    // A gate for one part only.
    assert_eq!(server.runtimemap("diff -n planted web --only execs").code, Some(0));
    let by_program =
        server.command("kubectl").args(["runtimemap", "diff", "-n", "planted", "web"]).env("KUBECTL_EXTERNAL_DIFF", "diff -ru").output();
    let by_program = Outcome::from(by_program.unwrap());
    assert_eq!(by_program.code, Some(1), "{}", by_program.stderr);
    assert!(by_program.stdout.contains("-- NET_ADMIN"), "{}", by_program.stdout);
}

#[test]
fn two_namespaces_are_compared_by_what_was_learned() {
    let server = Server::get();
    server.shop("staging");
    server.shop("production");
    let same = server.runtimemap("diff -n staging web --against-namespace production --only execs,files,caps,syscalls");
    assert_eq!((same.code, same.stdout.as_str()), (Some(0), ""), "{}", same.stderr);
    let patch = r#"[{"op": "add", "path": "/spec/containers/0/syscalls/-", "value": "ptrace"}]"#;
    server.kubectl(&["patch", "applicationprofile", "deployment-web", "-n", "production", "--type=json", "-p", patch]);
    let differs = server.runtimemap("diff -n staging web --against-namespace production --only syscalls");
    assert_eq!(differs.code, Some(1));
    assert!(differs.stdout.contains("+- ptrace"), "{}", differs.stdout);
}

#[test]
fn simulate_says_what_the_policies_in_force_cut() {
    let server = Server::get();
    server.shop("simulated");
    let Outcome { stdout, code, .. } = server.runtimemap("policy simulate -n simulated");
    // With the generated policy beside it, DNS passes.
    assert_eq!(code, Some(0), "{stdout}");
    let policies = tempfile::tempdir().unwrap();
    let file = policies.path().join("strict.yaml");
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web-by-hand}\nspec: {podSelector: {}, policyTypes: [Egress]}\n";
    std::fs::write(&file, text).unwrap();
    let Outcome { stdout, code, .. } = server.runtimemap(&format!("policy simulate -n simulated --policies {} --denied", file.display()));
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("networkpolicy simulated/web-by-hand") && stdout.contains("3 of 3 recorded flows would be cut"), "{stdout}");
}

#[test]
fn a_graph_shows_what_policies_do_to_each_edge() {
    let server = Server::get();
    server.shop("drawn");
    let mermaid = stdout(&server, "graph -n drawn --format mermaid");
    assert!(mermaid.starts_with("flowchart LR\n") && mermaid.contains("UDP 53 (cut)"), "{mermaid}");
    assert_eq!(stdout(&server, "graph -n drawn --format svg"), stdout(&server, "graph -n drawn --format svg"));
    assert!(stdout(&server, "graph -A --format dot").contains("label=\"drawn\""));
    let page = stdout(&server, "graph -n drawn");
    assert!(page.contains("default-src 'none'") && page.contains("\"state\":\"cut\""), "{page}");
}

#[test]
fn status_says_what_is_missing_and_what_to_do_next() {
    let server = Server::get();
    let Outcome { stdout, code, .. } = server.runtimemap("status");
    assert_eq!(code, Some(1));
    assert!(stdout.starts_with("runtimemap is installed\n") && stdout.contains("\nNext\n"), "{stdout}");
    let json: Value = serde_json::from_str(&server.runtimemap("status -o json").stdout).unwrap();
    assert_eq!(json["installed"], true);
}

#[test]
fn relearn_marks_the_workload() {
    let server = Server::get();
    server.shop("again");
    assert_eq!(stdout(&server, "relearn deployment/web -n again --dry-run"), "deployment.apps/web learns again (dry run)\n");
    let mark =
        || server.kubectl(&["get", "deployment", "web", "-n", "again", "-o", "jsonpath={.metadata.annotations.runtimemap\\.io/relearn}"]);
    assert_eq!(mark(), "");
    assert_eq!(stdout(&server, "relearn deployment/web -n again"), "deployment.apps/web learns again\n");
    assert!(mark().ends_with('Z'), "{}", mark());
}

#[test]
fn t2_kubectl_completes_names_through_the_program_that_install_writes() {
    let server = Server::get();
    server.shop("completed");
    let folder = tempfile::tempdir().unwrap();
    let installed = server.runtimemap(&format!("completion install --directory {}", folder.path().display()));
    assert_eq!(installed.code, Some(0), "{}", installed.stderr);
    let shim = folder.path().join("kubectl_complete-runtimemap");
    assert_eq!(installed.stdout.trim_end(), shim.display().to_string());
    let ask = |words: &[&str]| {
        let output = server.command(shim.to_str().unwrap()).args(words).output().unwrap();
        Outcome::from(output).stdout
    };
    assert_eq!(ask(&["show", "-n", "completed", "depl"]), "deployment/web\n:4\n");
    assert_eq!(ask(&["show", "-n", "completed", "web", "--container", ""]), "web\n:4\n");
    assert_eq!(ask(&["show", "--namespace", "complet"]), "completed\n:4\n");
    assert!(ask(&["policy", "ap"]).starts_with("apply\t"));
    assert!(ask(&["show", "--on"]).starts_with("--only\t"));
    assert_eq!(ask(&["graph", "--format", "m"]), "mermaid\n:4\n");
    assert_eq!(ask(&["show", "-f", ""]), ":0\n");
}
