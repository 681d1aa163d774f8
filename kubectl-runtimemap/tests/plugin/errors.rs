//! What goes wrong: one line that says what, where and what to do, and kubectl's exit code.

use std::{fs::File, io};

use insta::assert_snapshot;

use crate::kubectl::{error, fixtures, is_there, runtimemap};

#[test]
fn every_error_is_one_line_that_says_what_to_do() {
    if !is_there() {
        return;
    }
    let calls = [
        ("show", ""),
        ("show -f missing.yaml", ""),
        ("show -f .", ""),
        ("show -f -", ""),
        ("show -f -", "# only a comment\n---\n"),
        ("show -f nginx.yaml nobody", ""),
        ("show -f nginx.yaml -n elsewhere", ""),
        ("show -f nginx.yaml -c nobody", ""),
        ("show -f nginx.yaml -o json --only files", ""),
        ("show -f -", "apiVersion: v1\nkind: Pod\n"),
        ("show -f -", "apiVersion: runtimemap.io/v1alpha1\nkind: Profile\n"),
        ("policy export -f shop.yaml statefulset/db", ""),
        ("policy export -f nginx.yaml --output yaml", ""),
        ("seccomp export -f shop.yaml networkneighborhood/web", ""),
        ("show -f -", "{apiVersion: v1, kind: List, items: []}"),
        ("show -f -", "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod}]}"),
    ];
    let mut lines = String::new();
    for (args, stdin) in calls {
        let message = error(args, stdin);
        assert_eq!(message.lines().count(), 1, "{message}");
        lines.push_str(&format!("kubectl runtimemap {args}\n  {message}"));
    }
    assert_snapshot!(lines);
}

#[test]
fn malformed_yaml_is_named_by_document_and_line() {
    if !is_there() {
        return;
    }
    let mut text = std::fs::read_to_string(fixtures().join("shop.yaml")).unwrap();
    let lines = text.lines().count();
    text.push_str("---\napiVersion: runtimemap.io/v1alpha1\nkind: SeccompProfile\nmetadata: {name: a}\nspec:\n  containers: 7\n");
    let message = error("show -f -", &text);
    assert!(message.contains(&format!("document 5 at line {}", lines + 6)), "{message}");
    assert!(message.contains("spec.containers"), "{message}");
}

#[test]
fn usage_errors_have_kubectls_exit_code() {
    if is_there() {
        assert!(error("show --no-such-flag", "").starts_with("error: unexpected argument '--no-such-flag' found"));
        assert!(error("show -f nginx.yaml -o table", "").contains("allowed formats are: custom-columns=…,json,jsonpath=…,name,wide,yaml"));
    }
}

#[test]
fn a_file_of_100_megabytes_is_refused_unread() {
    if !is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big.yaml");
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let message = error(&format!("show -f {}", path.display()), "");
    assert!(message.contains("big.yaml is longer than 16 MiB"), "{message}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    if !is_there() {
        return;
    }
    for args in ["show -f nginx.yaml", "show -f nginx.yaml -o json", "policy export -f nginx.yaml", "show --help", ""] {
        let (reader, writer) = io::pipe().unwrap();
        // Nobody reads, from the beginning: the first write fails.
        drop(reader);
        let child = runtimemap(args).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{args}");
    }
}
