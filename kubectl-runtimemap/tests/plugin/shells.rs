//! What shells and scripts ask for: completion, versions, formats.
#![cfg(target_os = "linux")]

use std::process::Command;

use serde_json::Value;

use crate::kubectl::{Outcome, command, error, is_there, run, stdout};

fn shell(name: &str, args: &[&str]) -> String {
    let Outcome { stdout, stderr, code } = run(command(name).args(args), "");
    assert_eq!(code, Some(0), "{name}: {stderr}");
    stdout
}

#[test]
fn each_shell_completes_by_the_script_that_is_printed_for_it() {
    if !is_there() {
        return;
    }
    let bash = "source <(kubectl runtimemap completion bash); COMP_WORDS=(kubectl-runtimemap po); COMP_CWORD=1; _kubectl_runtimemap; echo ${COMPREPLY[@]}";
    assert_eq!(shell("bash", &["-c", bash]), "policy\n");
    // Without a line to edit there is no completion in zsh: its own two functions only print.
    let zsh = "compdef() { }; _describe() { print -l -- ${(P)2} }; source <(kubectl runtimemap completion zsh); words=(kubectl-runtimemap po); CURRENT=2; _kubectl_runtimemap";
    assert!(shell("zsh", &["-f", "-c", zsh]).starts_with("policy:Network policies"), "{}", shell("zsh", &["-f", "-c", zsh]));
    let fish = "kubectl runtimemap completion fish | source; complete -C 'kubectl-runtimemap po'";
    assert!(shell("fish", &["--no-config", "-c", fish]).starts_with("policy\tNetwork policies"));
}

#[test]
fn every_connection_flag_of_kubectl_is_taken() {
    if !is_there() {
        return;
    }
    let named = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        words.map(|word| word.split(['=', ',']).next().unwrap_or_default().to_owned()).collect()
    };
    let output = Command::new("kubectl").arg("options").output().unwrap();
    // Of kubectl's own workings; a namespace is a flag of the verbs that have one.
    let other = ["cache-dir", "log-flush-frequency", "match-server-version", "namespace", "profile", "profile-output", "v", "vmodule"];
    let other = [&other[..], &["warnings-as-errors", "kuberc", "as-user-extra"]].concat();
    let ours = named(&stdout("options"));
    let missing: Vec<String> = named(&String::from_utf8_lossy(&output.stdout))
        .into_iter()
        .filter(|flag| !ours.contains(flag) && !other.contains(&flag.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
    assert!(ours.contains(&"request-timeout".to_owned()) && ours.contains(&"chunk-size".to_owned()), "{ours:?}");
}

#[test]
fn versions_are_for_people_and_for_scripts() {
    if !is_there() {
        return;
    }
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(stdout("version --client"), format!("Client Version: v{own}\n"));
    assert_eq!(stdout("--version"), format!("kubectl-runtimemap {own}\n"));
    let json: Value = serde_json::from_str(&stdout("version --client -o json")).unwrap();
    assert_eq!(json, serde_json::json!({"clientVersion": own, "server": []}));
}

#[test]
fn objects_are_printed_in_kubectls_formats() {
    if !is_there() {
        return;
    }
    let columns = stdout("show -f shop.yaml -o custom-columns=KIND:.kind,NAME:.metadata.name,NODE:.spec.node");
    let lines: Vec<Vec<&str>> = columns.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["KIND", "NAME", "NODE"]);
    assert_eq!(lines[1], ["ApplicationProfile", "deployment-web", "<none>"]);
    assert_eq!(stdout("show -f shop.yaml statefulset/db -o jsonpath={.spec.containers[*].syscalls}"), "[\"read\"]");
    assert!(error("show -f shop.yaml -o jsonpath={.a", "").starts_with("error: "));
}

#[test]
fn a_map_is_drawn_in_every_format() {
    if !is_there() {
        return;
    }
    for (format, begins, holds) in [
        ("html", "<!DOCTYPE html>", "Deployment/proxy"),
        ("svg", "<svg ", "TCP 8080"),
        ("dot", "digraph ", "n0 -> n1 [label=\"TCP 8080"),
        ("mermaid", "flowchart LR\n", "TCP 8080"),
    ] {
        let drawn = stdout(&format!("graph -f shop.yaml --format {format}"));
        assert!(drawn.starts_with(begins) && drawn.contains(holds), "{format}: {drawn}");
        assert_eq!(drawn, stdout(&format!("graph -f shop.yaml --format {format}")));
    }
    assert_eq!(stdout("graph -f shop.yaml"), stdout("graph -f shop.yaml --format html"));
}

#[test]
fn recorded_flows_are_tried_for_people_and_for_scripts() {
    if !is_there() {
        return;
    }
    let outcome = run(&mut crate::kubectl::runtimemap("policy simulate -f shop.yaml -o json"), "");
    let json: Value = serde_json::from_str(&outcome.stdout).expect(&outcome.stderr);
    assert_eq!((outcome.code, &json["cut"], &json["recorded"]), (Some(0), &0.into(), &2.into()), "{json}");
    let reason = json["flows"][0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("networkpolicy shop/runtimemap-deployment-web allows it by spec.ingress[0]"), "{reason}");
    let denied = run(&mut crate::kubectl::runtimemap("policy simulate -f shop.yaml --denied"), "");
    assert_eq!((denied.code, denied.stdout.as_str()), (Some(0), "0 of 2 recorded flows would be cut\n"));
}
