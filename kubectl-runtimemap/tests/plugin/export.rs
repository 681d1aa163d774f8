//! `policy export` and `seccomp export`.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::kubectl::{command, error, is_there, run, runtimemap, stdout};

#[test]
fn a_policy_stands_under_its_notes() {
    if is_there() {
        assert_snapshot!(stdout("policy export -f nginx.yaml"));
    }
}

#[test]
fn a_policy_that_is_not_there_is_made_from_the_neighborhood() {
    if !is_there() {
        return;
    }
    let outcome = run(&mut runtimemap("policy export -f shop.yaml"), "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_snapshot!(outcome.stdout);
    // Comments do not survive a pipe into kubectl apply, so what the recording lacks is said on standard error, too.
    assert!(outcome.stderr.starts_with("Warning: Deployment/web: StartupObserved: "), "{}", outcome.stderr);
}

#[test]
fn a_filter_that_is_not_there_is_made_from_the_profile() {
    if !is_there() {
        return;
    }
    let outcome = run(&mut runtimemap("seccomp export -f shop.yaml statefulset/db"), "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let filter: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(filter["syscalls"][0]["names"].as_array().unwrap().contains(&"read".into()), "{filter}");
}

#[test]
fn the_real_kubectl_takes_the_policy() {
    if !is_there() {
        return;
    }
    let policy = stdout("policy export -f nginx.yaml");
    let read = run(command("kubectl").args(["annotate", "--local", "-o", "json", "-f", "-", "seen=yes"]), &policy);
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let read: Value = serde_json::from_str(&read.stdout).unwrap();
    assert_eq!(read["kind"], "NetworkPolicy");
    assert_eq!(read["spec"]["egress"][1]["to"][1]["ipBlock"]["cidr"], "2001:db8::7/128");
}

#[test]
fn s7_a_filter_is_plain_oci_json() {
    if !is_there() {
        return;
    }
    let outcome = run(&mut runtimemap("seccomp export -f nginx.yaml"), "");
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.stderr, "Note: Command/nginx: 4 calls of the container runtime were added to those seen\n");
    let filter: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let keys: Vec<&String> = filter.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["architectures", "defaultAction", "defaultErrnoRet", "syscalls"]);
    assert_eq!(filter["syscalls"][1], serde_json::json!({"names": ["bpf", "kexec_load"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}));
}

#[test]
fn one_of_several_filters_has_to_be_named() {
    if !is_there() {
        return;
    }
    assert_snapshot!(error("seccomp export -f shop.yaml web", ""));
    assert_snapshot!(error("seccomp export -f shop.yaml web --container nobody", ""));
    let outcome = run(&mut runtimemap("seccomp export -f shop.yaml --container web"), "");
    let filter: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(filter["syscalls"][0]["names"], serde_json::json!(["execve", "openat", "read", "write"]));
    // Standard output may go into a file, so that what the recording lacks has to be said elsewhere.
    assert!(outcome.stderr.starts_with("Warning: Deployment/web: StartupObserved: "), "{}", outcome.stderr);
}

#[test]
fn a_directory_is_laid_out_as_localhost_profiles_name_it() {
    if !is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("seccomp");
    let shown = root.display();
    let outcome = run(&mut runtimemap(&format!("seccomp export -f shop.yaml -f nginx.yaml --output {shown}")), "");
    let expected =
        ["data/statefulset-db.json", "default/command-nginx.json", "shop/deployment-web-proxy.json", "shop/deployment-web-web.json"];
    let mut written: Vec<&str> = outcome.stdout.lines().collect();
    written.sort_unstable();
    assert_eq!(written, expected.map(|file| format!("{shown}/runtimemap/{file}")));
    let alone = run(&mut runtimemap("seccomp export -f nginx.yaml"), "");
    assert_eq!(fs::read_to_string(root.join("runtimemap/default/command-nginx.json")).unwrap(), alone.stdout);
}

#[test]
fn policies_in_a_directory_are_the_same_every_time() {
    if !is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let shown = directory.path().display();
    for _ in 0..2 {
        let written = stdout(&format!("policy export -f nginx.yaml --output {shown}"));
        assert_eq!(written, format!("{shown}/default.runtimemap-command-nginx.yaml\n"));
        assert_eq!(fs::read_to_string(written.trim_end()).unwrap(), stdout("policy export -f nginx.yaml"));
    }
}

#[test]
fn the_same_policies_can_be_had_for_cilium() {
    if !is_there() {
        return;
    }
    let outcome = run(&mut runtimemap("policy export -f shop.yaml --format cilium"), "");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_snapshot!(outcome.stdout);
    assert!(outcome.stderr.starts_with("Warning: Deployment/web: StartupObserved: "), "{}", outcome.stderr);
    assert!(error("policy export -f shop.yaml --format calico", "").contains("[possible values: kubernetes, cilium]"));
}

#[test]
fn a_patch_stands_under_what_a_reviewer_should_know() {
    if is_there() {
        assert_snapshot!(stdout("seccomp patch -f nginx.yaml"));
    }
}

#[test]
fn the_pods_filter_and_the_operators_object_are_chosen_by_flags() {
    if !is_there() {
        return;
    }
    let object: Value = serde_saphyr::from_str(&run(&mut runtimemap("seccomp export -f nginx.yaml --format spo"), "").stdout).unwrap();
    assert_eq!((&object["kind"], &object["metadata"]["name"]), (&"SeccompProfile".into(), &"default-command-nginx".into()));
    let audit: Value = serde_json::from_str(&run(&mut runtimemap("seccomp export -f nginx.yaml --audit"), "").stdout).unwrap();
    assert_eq!(audit["defaultAction"], "SCMP_ACT_LOG");
    assert!(error("seccomp export -f nginx.yaml --pod", "").contains("there is no such filter; there is: command-nginx --container nginx"));
}
