//! The review, the applying and the undoing.

use serde_json::Value;

use crate::{
    server::{Outcome, Server},
    terminal::Terminal,
};

fn policy(server: &Server, namespace: &str) -> Value {
    let text = server.kubectl(&["get", "networkpolicy", "-n", namespace, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| item["metadata"]["name"] == "runtimemap-deployment-web").cloned().unwrap_or(Value::Null)
}

#[test]
fn a_review_applies_what_was_allowed_and_remembers_what_was_not() {
    let server = Server::get();
    server.shop("reviewed");
    let mut terminal = Terminal::run(&server, "policy apply deployment/web -n reviewed", &[]);
    terminal.wait_for("[1/3]").wait_for("Allow this? ").answer("?").wait_for("y - allow this").wait_for("Allow this? ").answer("y");
    terminal.wait_for("[2/3]").wait_for("Allow this? ").answer("n");
    terminal.wait_for("[3/3]").wait_for("Allow this? ").answer("y");
    terminal.wait_for("2 rules allowed, 1 rejected").wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("networkpolicy.networking.k8s.io/runtimemap-deployment-web serverside-applied"), "{shown}");
    let applied = policy(&server, "reviewed");
    let rules = |direction: &str| applied["spec"][direction].as_array().map_or(0, Vec::len);
    assert_eq!(rules("ingress") + rules("egress"), 2, "{applied}");
    let managers: Vec<&str> =
        applied["metadata"]["managedFields"].as_array().into_iter().flatten().filter_map(|field| field["manager"].as_str()).collect();
    assert!(managers.is_empty() || managers.contains(&"kubectl-runtimemap"), "{managers:?}");
    // The next review asks nothing, and says what stays rejected.
    let again = server.runtimemap("policy apply deployment/web -n reviewed --yes --dry-run=server");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("rejected by ") && again.stderr.contains("still in what was learned"), "{}", again.stderr);
    assert_eq!(again.stdout, "networkpolicy.networking.k8s.io/runtimemap-deployment-web serverside-applied (server dry run)\n");
    // And undone it is as before.
    let undone = server.runtimemap("policy undo deployment/web -n reviewed");
    assert_eq!(undone.stdout, "networkpolicy.networking.k8s.io/runtimemap-deployment-web deleted\n", "{}", undone.stderr);
    assert_eq!(policy(&server, "reviewed"), Value::Null);
}

#[test]
fn a_review_that_is_left_changes_nothing() {
    let server = Server::get();
    server.shop("left");
    let mut terminal = Terminal::run(&server, "policy apply deployment/web -n left", &[]);
    terminal.wait_for("Allow this? ").answer("y").wait_for("Allow this? ").answer("q");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Nothing was changed."), "{shown}");
    assert_eq!(policy(&server, "left"), Value::Null);
    let mut terminal = Terminal::run(&server, "policy apply deployment/web -n left", &[]);
    terminal.wait_for("Allow this? ").answer("a").wait_for("Apply 1 policy? ").answer("p").wait_for("kind: NetworkPolicy");
    terminal.wait_for("Apply 1 policy? ").answer("n");
    assert!(terminal.finish().0.contains("Nothing was changed."));
    assert_eq!(policy(&server, "left"), Value::Null);
}

#[test]
fn t4_without_a_terminal_the_way_without_one_is_named() {
    let server = Server::get();
    server.shop("piped");
    let Outcome { stdout, stderr, code } = server.runtimemap("policy apply deployment/web -n piped");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("error: a review needs a terminal") && stderr.contains("--yes") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn an_edited_rule_is_applied_as_it_was_edited() {
    let server = Server::get();
    server.shop("edited");
    let folder = tempfile::tempdir().unwrap();
    let editor = folder.path().join("editor.sh");
    std::fs::write(&editor, "#!/bin/sh\nsed -i 's/5432/5433/' \"$1\"\n").unwrap();
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut terminal = Terminal::run(&server, "policy apply deployment/web -n edited", &[("KUBE_EDITOR", editor.to_str().unwrap())]);
    terminal.wait_for("Allow this? ").answer("/5432").wait_for("5432").wait_for("Allow this? ").answer("e").wait_for("5433 (changed)");
    terminal.wait_for("Allow this? ").answer("y").wait_for("Allow this? ").answer("a");
    // The flow that was seen has another port: that is said before anything is done.
    terminal.wait_for("would be cut").wait_for("Apply 1 policy? ").answer("y");
    let (shown, code) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(policy(&server, "edited").to_string().contains("5433"));
}

#[test]
fn a_plan_is_applied_once_and_refused_when_it_is_stale() {
    let server = Server::get();
    server.shop("planned");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let file = file.to_str().unwrap();
    let written = server.runtimemap(&format!("policy apply web -n planned --yes --plan-out {file}"));
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    assert_eq!(policy(&server, "planned"), Value::Null, "a plan changes nothing");
    let applied = server.runtimemap(&format!("policy apply --plan {file}"));
    assert_eq!(applied.stdout, "networkpolicy.networking.k8s.io/runtimemap-deployment-web serverside-applied\n", "{}", applied.stderr);
    let stale = server.runtimemap(&format!("policy apply --plan {file}"));
    assert_eq!(stale.code, Some(1));
    assert!(stale.stderr.contains("the plan is stale: the NetworkPolicy in force of planned/deployment-web changed"), "{}", stale.stderr);
    std::fs::write(file, "{}").unwrap();
    let broken = server.runtimemap(&format!("policy apply --plan {file}"));
    assert!(broken.stderr.contains("is no plan that --plan-out wrote"), "{}", broken.stderr);
}

#[test]
fn a_conflict_is_reported_and_can_be_forced_and_undone() {
    let server = Server::get();
    server.shop("conflict");
    let text = server.runtimemap("policy apply web -n conflict --yes --dry-run=client").stdout;
    // Somebody else has it, with another port.
    let theirs = text.replace("8080", "9090");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("theirs.yaml");
    std::fs::write(&file, theirs).unwrap();
    server.kubectl(&["apply", "--server-side", "--field-manager=somebody", "-f", file.to_str().unwrap()]);
    let refused = server.runtimemap("policy apply web -n conflict --yes");
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("Apply failed with 1 conflict: conflict with \"somebody\""), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force-conflicts"), "{}", refused.stderr);
    let forced = server.runtimemap("policy apply web -n conflict --yes --force-conflicts");
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
    assert!(policy(&server, "conflict").to_string().contains("\"port\":8080"));
    let undone = server.runtimemap("policy undo web -n conflict");
    assert_eq!(undone.stdout, "networkpolicy.networking.k8s.io/runtimemap-deployment-web restored\n", "{}", undone.stderr);
    assert!(policy(&server, "conflict")["spec"]["ingress"].to_string().contains("\"port\":9090"));
    let twice = server.runtimemap("policy undo web -n conflict");
    assert!(twice.code == Some(1) && twice.stderr.contains("undone already"), "{}", twice.stderr);
}

#[test]
fn what_is_still_being_learned_is_refused() {
    let server = Server::get();
    server.shop("learning");
    let patch = r#"{"status": {"phase": "Learning"}}"#;
    server.kubectl(&[
        "patch",
        "networkneighborhood",
        "deployment-web",
        "-n",
        "learning",
        "--subresource=status",
        "--type=merge",
        "-p",
        patch,
    ]);
    let refused = server.runtimemap("policy apply web -n learning --yes");
    assert!(refused.code == Some(1) && refused.stderr.contains("--allow-incomplete"), "{}", refused.stderr);
    assert_eq!(server.runtimemap("policy apply web -n learning --yes --allow-incomplete").code, Some(0));
}
