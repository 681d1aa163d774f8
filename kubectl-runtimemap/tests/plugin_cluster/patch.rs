//! `seccomp patch` and `seccomp export` of a cluster.

use serde_json::Value;

use crate::{
    server::{Outcome, Server},
    terminal::Terminal,
};

fn pod(server: &Server, namespace: &str) -> Value {
    let text = server.kubectl(&["get", "deployment", "web", "-n", namespace, "-o", "json"]);
    let object: Value = serde_json::from_str(&text).unwrap();
    object["spec"]["template"]["spec"].clone()
}

#[test]
fn a_patch_is_shown_and_applied_after_it_was_confirmed() {
    let server = Server::get();
    server.shop("patched");
    let shown = server.runtimemap("seccomp patch web -n patched");
    assert_eq!((shown.code, shown.stderr.as_str()), (Some(0), ""), "{}", shown.stdout);
    assert!(shown.stdout.starts_with("# For Deployment/web: ") && shown.stdout.contains("runtimemap/patched/deployment-web.json"));
    let before = pod(&server, "patched");
    let mut terminal = Terminal::run(&server, "seccomp patch web -n patched --apply", &[]);
    terminal.wait_for("localhostProfile").wait_for("Patch patched/Deployment/web? [y,n] ").answer("n");
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Nothing was changed."), "{said}");
    assert_eq!(pod(&server, "patched"), before);

    let mut terminal = Terminal::run(&server, "seccomp patch web -n patched --apply", &[]);
    terminal.wait_for("Patch patched/Deployment/web? [y,n] ").answer("y");
    let (said, code) = terminal.finish();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("deployment.apps/web patched"), "{said}");
    let pod = pod(&server, "patched");
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(context["seccompProfile"]["localhostProfile"], "runtimemap/patched/deployment-web.json");
    // What was declared and never used is gone, not only what was missing added.
    assert_eq!(context["capabilities"], serde_json::json!({"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}));
    assert_eq!(context["allowPrivilegeEscalation"], false);
    // The volume at /tmp is the one that was there.
    assert_eq!(pod["containers"][0]["volumeMounts"], before["containers"][0]["volumeMounts"]);
    assert_eq!(pod["volumes"], before["volumes"]);
}

#[test]
fn t4_a_patch_without_a_terminal_has_to_be_confirmed_by_a_flag() {
    let server = Server::get();
    server.shop("unasked");
    let Outcome { stdout, stderr, code } = server.runtimemap("seccomp patch web -n unasked --apply");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("error: there is no terminal to confirm at") && stderr.contains("--yes"), "{stderr}");
    let status = r#"{"status": {"phase": "Learning"}}"#;
    let target = ["patch", "applicationprofile", "deployment-web", "-n", "unasked", "--subresource=status", "--type=merge", "-p", status];
    server.kubectl(&target);
    let refused = server.runtimemap("seccomp patch web -n unasked --apply --yes");
    assert!(refused.code == Some(1) && refused.stderr.contains("--allow-incomplete"), "{}", refused.stderr);
    let done = server.runtimemap("seccomp patch web -n unasked --apply --yes --allow-incomplete");
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "deployment.apps/web patched\n"), "{}", done.stderr);
    assert!(pod(&server, "unasked").to_string().contains("localhostProfile"));
}

#[test]
fn what_cannot_be_patched_is_said() {
    let server = Server::get();
    server.kubectl(&["create", "namespace", "bare"]);
    server.create(
        "apiVersion: runtimemap.io/v1alpha1\nkind: ApplicationProfile\nmetadata: {name: pod-shell, namespace: bare}\n\
         spec: {workload: {apiVersion: v1, kind: Pod, name: shell}, containers: [{name: shell, syscalls: [read]}]}\n\
         status: {phase: Complete}\n",
    );
    let refused = server.runtimemap("seccomp patch shell -n bare --apply --yes");
    assert_eq!(refused.code, Some(1));
    let expected = "error: Pod/shell cannot be patched once it is there: put what is printed into its manifest\n";
    assert!(refused.stderr.ends_with(expected), "{}", refused.stderr);
}

#[test]
fn filters_are_written_as_the_security_profiles_operator_and_auditors_want_them() {
    let server = Server::get();
    server.shop("filtered");
    let export = |flags: &str| {
        let Outcome { stdout, stderr, code } = server.runtimemap(&format!("seccomp export web -n filtered {flags}"));
        assert_eq!(code, Some(0), "{flags}: {stderr}");
        stdout
    };
    let plain: Value = serde_json::from_str(&export("")).unwrap();
    assert_eq!(plain["defaultAction"], "SCMP_ACT_ERRNO");
    let audit: Value = serde_json::from_str(&export("--audit")).unwrap();
    assert_eq!(audit["defaultAction"], "SCMP_ACT_LOG");
    let object: Value = serde_saphyr::from_str(&export("--format spo")).unwrap();
    assert_eq!(object["apiVersion"], "security-profiles-operator.x-k8s.io/v1beta1");
    assert_eq!(object["metadata"]["name"], "filtered-deployment-web");
    let calls = |object: &Value, at: &str| -> Vec<(Value, Value)> {
        let entries = object.pointer(at).unwrap().as_array().unwrap().iter();
        entries.map(|entry| (entry["action"].clone(), entry["names"].clone())).collect()
    };
    assert_eq!(calls(&object, "/spec/syscalls"), calls(&plain, "/syscalls"));
    let folder = tempfile::tempdir().unwrap();
    let written = export(&format!("--output {}", folder.path().display()));
    let file = folder.path().join("runtimemap/filtered/deployment-web.json");
    assert_eq!(written, format!("{}\n", file.display()));
    assert_eq!(serde_json::from_str::<Value>(&std::fs::read_to_string(file).unwrap()).unwrap(), plain);
}
