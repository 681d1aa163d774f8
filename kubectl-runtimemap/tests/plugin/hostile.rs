//! Names made to take over a terminal, or to begin a line of their own.

use serde_json::Value;

use crate::kubectl::{Outcome, command, fixtures, is_there, run, runtimemap};

/// What the fixture calls everything.
const NAME: &str = "\x1b]0;owned\x07\x1b[2J\u{202e}gpj.exe\r\n# injected: true\0\u{9b}31m\u{2028}";

#[test]
fn t3_no_output_lets_a_name_through() {
    if !is_there() {
        return;
    }
    for args in [
        "show -f hostile.yaml",
        "show -f hostile.yaml -o wide",
        "show -f hostile.yaml -o yaml",
        "show -f hostile.yaml -o json",
        "show -f hostile.yaml -o name",
        "show -f hostile.yaml --only execs,files,caps,syscalls,network",
        "show -f hostile.yaml --container nobody",
        "show -f hostile.yaml -n nowhere",
        "policy export -f hostile.yaml",
        "policy export -f hostile.yaml --format cilium",
        "seccomp export -f hostile.yaml",
        "seccomp export -f hostile.yaml --pod",
        "seccomp export -f hostile.yaml --output -",
        "seccomp export -f hostile.yaml --pod --format spo",
        "seccomp patch -f hostile.yaml",
        "policy simulate -f hostile.yaml",
        "policy simulate -f hostile.yaml -o json",
        "policy apply -f hostile.yaml --yes --allow-incomplete --dry-run=client",
        "diff -f hostile.yaml --against shop.yaml",
        "diff -f hostile.yaml --against shop.yaml -o json",
        "graph -f hostile.yaml",
        "graph -f hostile.yaml --format svg",
        "graph -f hostile.yaml --format dot",
        "graph -f hostile.yaml --format mermaid",
        "show -f hostile.yaml -o jsonpath={..name}",
        "show -f hostile.yaml -o custom-columns=A:.metadata.annotations,B:.spec.containers",
    ] {
        let Outcome { stdout, stderr, code } = run(&mut runtimemap(args), "");
        let shown = stdout + &stderr;
        assert!(shown.contains("owned") || args.ends_with("name") || args.ends_with("nowhere"), "{args} shows nothing: {shown}");
        let through = shown.chars().find(|&c| c != '\n' && (c.is_control() || "\u{202e}\u{2028}".contains(c)));
        assert_eq!(through, None, "{args} ({code:?})");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("# injected")), "{args}");
    }
}

#[test]
fn t3_a_comment_cannot_end_early_and_a_value_stays_the_same() {
    if !is_there() {
        return;
    }
    let policy = run(&mut runtimemap("policy export -f hostile.yaml"), "").stdout;
    let read = run(command("kubectl").args(["annotate", "--local", "-o", "json", "-f", "-", "seen=yes"]), &policy);
    let read: Value = serde_json::from_str(&read.stdout).expect(&read.stderr);
    assert_eq!(read["metadata"]["annotations"]["note"], NAME);
    assert_eq!(read["metadata"]["name"], "hostile");
}

#[test]
fn t3_an_error_about_a_hostile_file_is_one_harmless_line() {
    if !is_there() {
        return;
    }
    let quoted = serde_json::to_string(NAME).unwrap();
    let head = "apiVersion: runtimemap.io/v1alpha1\n";
    for text in [
        format!("kind: {quoted}\n"),
        format!("{head}kind: {quoted}\n"),
        format!(
            "{head}kind: ApplicationProfile\nmetadata: {{}}\nspec: {{workload: {{kind: a, name: b}}, containers: [{{name: a, execs: [{{path: a, origin: {quoted}}}]}}]}}\n"
        ),
        format!("{head}kind: SeccompProfile\nmetadata: {{}}\nspec: {{workload: {{kind: a, name: b}}, containers: {{{quoted}: 7}}}}\n"),
    ] {
        let Outcome { stdout, stderr, code } = run(&mut runtimemap("show -f -"), &text);
        assert_eq!((code, stdout.as_str()), (Some(1), ""));
        assert_eq!(stderr.lines().count(), 1, "{stderr:?}");
        assert!(!stderr.trim_end_matches('\n').contains(|c: char| c.is_control() || c == '\u{202e}'), "{stderr:?}");
    }
}

#[test]
fn a_name_cannot_lead_a_file_out_of_its_directory() {
    if !is_there() {
        return;
    }
    let text = std::fs::read_to_string(fixtures().join("nginx.yaml")).unwrap();
    for (verb, from, to) in [
        ("seccomp", "name: command-nginx\n", "name: ../../../../command-nginx\n"),
        ("seccomp", "namespace: default\n", "namespace: ..\n"),
        ("policy", "name: runtimemap-command-nginx\n", "name: /../x\n"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let text = text.replace(from, to);
        let outcome = run(&mut runtimemap(&format!("{verb} export -f - --output {}", directory.path().display())), &text);
        assert_eq!(outcome.code, Some(1), "{from}");
        assert!(outcome.stderr.contains("is no name that Kubernetes takes"), "{}", outcome.stderr);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
