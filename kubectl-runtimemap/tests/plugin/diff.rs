//! `diff` of files: against manifests, kustomizations, other recordings and other revisions.

use std::{fs, path::Path};

use serde_json::Value;

use crate::kubectl::{Outcome, command, fixtures, is_there, run, runtimemap};

/// A workload that declares other things than what `shop.yaml` says of it, and a policy.
const MANIFESTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: shop/web:42
        ports: [{containerPort: 8080, name: http}, {containerPort: 9090}]
        livenessProbe: {exec: {command: [/bin/sh, /app/healthz.sh]}}
        readinessProbe: {tcpSocket: {port: 9999}}
        securityContext:
          readOnlyRootFilesystem: true
          seccompProfile: {type: Unconfined}
          capabilities: {drop: [ALL], add: [CAP_SYS_TIME]}
      - name: proxy
        image: envoy:1.31
        securityContext: {privileged: true, readOnlyRootFilesystem: false}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: proxy}}}]
    ports: [{port: 8080}, {port: 9090}]
";
/// Lines that differ, each with the path that it stands under.
const PLANTED: [&str; 12] = [
    "automountServiceAccountToken: -true (the token is mounted, and nothing opened it)",
    "containers/proxy/privileged: -true",
    "containers/proxy/readOnlyRootFilesystem: -false",
    "containers/web/capabilities: -SYS_TIME",
    "containers/web/ports: -TCP 9090",
    "containers/web/readinessProbe: -TCP 9999",
    "containers/web/seccompProfile: -Unconfined",
    "network/ingress: -pods app=proxy on TCP 9090 (NetworkPolicy web)",
    "containers/proxy/readOnlyRootFilesystem: +true (nothing was written outside of volumes)",
    "containers/web/readOnlyRootFilesystem: +writes in /tmp, where no volume is",
    "containers/web/seccompProfile: +RuntimeDefault (no call that it refuses was made)",
    "containers/web/seccompProfile: +keyctl (refused while it was recorded)",
];

fn differences(args: &str) -> Vec<String> {
    let Outcome { stdout, stderr, code } = run(&mut runtimemap(args), "");
    let json: Value = serde_json::from_str(&stdout).expect(&stderr);
    let list = json["differences"].as_array().expect("a list");
    assert_eq!(code, Some(i32::from(!list.is_empty())), "{stdout}{stderr}");
    let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
    let sign = |one: &Value| if ["declared", "first", "older"].contains(&text(one, "only").as_str()) { '-' } else { '+' };
    list.iter().map(|one| format!("{}: {}{}", text(one, "path"), sign(one), text(one, "value"))).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    fs::write(&file, text).expect("a file can be written");
    file.display().to_string()
}

#[test]
fn manifests_are_compared_by_what_they_declare() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "web.yaml", MANIFESTS);
    let manifests = folder.path().display();
    assert_eq!(differences(&format!("diff -f shop.yaml deployment/web --manifests {manifests} -o json")), PLANTED);
    // The same as a person reads it, and part by part.
    let Outcome { stdout, code, .. } = run(&mut runtimemap(&format!("diff -f shop.yaml web --manifests {manifests}/web.yaml")), "");
    assert_eq!(code, Some(1));
    assert!(stdout.starts_with("--- declared/shop/Deployment/web\n+++ learned/shop/Deployment/web\n@@ "), "{stdout}");
    assert!(stdout.contains("\n-- SYS_TIME\n"), "{stdout}");
    let only = |part: &str| differences(&format!("diff -f shop.yaml web --manifests {manifests} --only {part} -o json"));
    assert_eq!(only("caps"), [PLANTED[1], PLANTED[3]]);
    assert_eq!(only("execs"), Vec::<String>::new());
    assert_eq!(only("syscalls"), [PLANTED[6], PLANTED[10], PLANTED[11]]);
    assert_eq!(only("files"), [PLANTED[0], PLANTED[2], PLANTED[8], PLANTED[9]]);
    assert_eq!(only("network"), [PLANTED[4], PLANTED[5], PLANTED[7]]);
}

#[test]
fn a_kustomization_is_rendered_by_kubectl() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "web.yaml", MANIFESTS);
    let patch = "patches:\n- target: {kind: Deployment, name: web}\n  patch: |-\n    - {op: replace, path: /spec/template/spec/containers/0/ports/1/containerPort, value: 9091}\n";
    write(folder.path(), "kustomization.yaml", &format!("resources: [web.yaml]\n{patch}"));
    let found = differences(&format!("diff -f shop.yaml web -k {} --only network -o json", folder.path().display()));
    assert_eq!(found, ["containers/web/ports: -TCP 9091", PLANTED[5], PLANTED[7]]);
    let empty = tempfile::tempdir().unwrap();
    let Outcome { stderr, code, .. } = run(&mut runtimemap(&format!("diff -f shop.yaml web -k {}", empty.path().display())), "");
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.starts_with("error: kubectl kustomize ") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn two_recordings_are_compared_and_shown_by_any_program() {
    if !is_there() {
        return;
    }
    assert_eq!(differences("diff -f nginx.yaml --against nginx.yaml -o json"), Vec::<String>::new());
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(fixtures().join("nginx.yaml")).unwrap();
    let other = write(folder.path(), "other.yaml", &text.replace("path: /etc/group\n", "path: /etc/shadow\n"));
    let expected = ["containers/nginx/files: -/etc/group O_RDONLY|O_CLOEXEC", "containers/nginx/files: +/etc/shadow O_RDONLY|O_CLOEXEC"];
    assert_eq!(differences(&format!("diff -f nginx.yaml --against {other} -o json")), expected);
    for (program, code) in [("diff -u", 1), ("diff --brief", 1), ("true", 0), ("false", 1), ("no-such-program", 2)] {
        let line = format!("kubectl runtimemap diff -f nginx.yaml --against {other}");
        let outcome = run(command("sh").args(["-c", &line]).env("KUBECTL_EXTERNAL_DIFF", program), "");
        assert_eq!(outcome.code, Some(code), "{program}: {outcome:?}");
    }
    let Outcome { stderr, code, .. } = run(&mut runtimemap("diff -f nginx.yaml"), "");
    assert_eq!(code, Some(2));
    assert!(stderr.starts_with("error: nothing to compare the file with: give --manifests"), "{stderr}");
}

#[test]
fn two_revisions_of_a_workload_are_compared() {
    if !is_there() {
        return;
    }
    let profile = "\
apiVersion: runtimemap.io/v1alpha1
kind: ApplicationProfile
metadata: {name: deployment-web, namespace: shop}
spec:
  workload: {kind: Deployment, name: web}
  containers: [{name: web, syscalls: [read]}]
  revisions: [{revisions: [5d1f0a]}]
status:
  phase: Complete
  revisions:
  - {id: 5d1f0a, phase: Complete, startedAt: \"2026-11-23T10:00:00Z\", images: {web: \"shop/web:1\"}}
  - {id: 7c2a99, phase: Learning, images: {web: \"shop/web:2\"}}
";
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "web.yaml", profile);
    let shown = run(&mut runtimemap(&format!("show -f {file} -o wide")), "").stdout;
    assert!(shown.contains("Learned of 2 revisions\n") && shown.contains("  7c2a99   still learning   -"), "{shown}");
    assert_eq!(differences(&format!("diff -f {file} web --revisions 5d,7c -o json")), ["containers/web/syscalls: -read"]);
    assert_eq!(differences(&format!("diff -f {file} web --revisions 5d,5d -o json")), Vec::<String>::new());
    let Outcome { stderr, code, .. } = run(&mut runtimemap(&format!("diff -f {file} web --revisions 5d,8")), "");
    assert_eq!(code, Some(2));
    let expected = "error: no revision of Deployment/web begins with \"8\"; there is 5d1f0a (shop/web:1), 7c2a99 (shop/web:2)\n";
    assert_eq!(stderr, expected);
}
