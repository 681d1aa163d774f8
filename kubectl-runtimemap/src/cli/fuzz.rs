//! Every verb on whatever files and arguments it may be given, without a cluster.

use std::fs;

use proptest::{prelude::*, sample::select, strategy::ValueTree};

use super::*;
use crate::{escape::is_hostile, fuzz};

const RECORDINGS: &[&str] = &[
    include_str!("../../tests/fixtures/nginx.yaml"),
    include_str!("../../tests/fixtures/shop.yaml"),
    include_str!("../../tests/fixtures/hostile.yaml"),
];
const MANIFESTS: &[&str] =
    &[include_str!("../../tests/plugin_cluster/fixtures/shop.yaml"), include_str!("../../tests/plugin_cluster/fixtures/sample.yaml")];

/// What is shown of a call; None where it is refused with one line.
fn shown(args: &[&str]) -> Option<String> {
    let cli = Cli::try_parse_from(std::iter::once("kubectl-runtimemap").chain(args.iter().copied())).ok()?;
    let mut text = String::new();
    let outcome = Plan::check(cli).and_then(|plan| {
        carry_out(&plan, Screen::default(), &mut |part| {
            text.push_str(part);
            Ok(())
        })
    });
    match outcome {
        Ok(report) => Some(text + &report.text),
        Err(error) => {
            let line = escape::line(&format!("{error:#}")).into_owned();
            assert!(!line.is_empty() && !line.contains('\n'), "{args:?}: {line:?}");
            None
        }
    }
}

fn harmless(args: &[&str]) {
    let text = shown(args).unwrap_or_default();
    let through = text.chars().find(|&character| character != '\n' && is_hostile(character));
    assert_eq!(through, None, "{args:?}: {text}");
}

#[test]
fn any_recording_is_shown_by_every_verb_or_refused() {
    const VERBS: &[&[&str]] = &[
        &["show"],
        &["show", "-o", "wide"],
        &["show", "--only", "execs,files,caps,syscalls,network"],
        &["show", "-o", "yaml"],
        &["show", "-o", "json"],
        &["show", "-o", "custom-columns=A:.metadata.name,B:.spec.containers[*].name"],
        &["policy", "export"],
        &["policy", "export", "--format", "cilium"],
        &["policy", "simulate"],
        &["policy", "simulate", "-o", "json"],
        &["seccomp", "export"],
        &["seccomp", "export", "--audit", "--format", "spo"],
        &["seccomp", "patch"],
        &["graph"],
        &["graph", "--format", "svg"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "mermaid"],
        &["diff", "--revisions", "a,b"],
    ];
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
    let (file_name, other_name) = (file.display().to_string(), other.display().to_string());
    let property = |(verb, text): (&[&str], String)| {
        fs::write(&file, text).unwrap();
        harmless(&[verb, &["-f", &file_name]].concat());
    };
    fuzz::run(&(select(VERBS), fuzz::damaged(RECORDINGS)), property);
    fuzz::run(&(select(VERBS), fuzz::changed(RECORDINGS)), property);
    fuzz::run(&(fuzz::changed(RECORDINGS), fuzz::changed(RECORDINGS)), |(text, than)| {
        fs::write(&file, text).unwrap();
        fs::write(&other, than).unwrap();
        harmless(&["diff", "-f", &file_name, "--against", &other_name]);
    });
}

#[test]
fn any_manifests_are_compared_and_tried_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (recording, file) = (folder.path().join("recording.yaml"), folder.path().join("manifests.yaml"));
    // What was recorded of what the manifests declare.
    let namespaced = |text: &str| text.replace("NAMESPACE", "shop").replace("SHOP", "shop").replace("LOAD", "load");
    let ours = |text: &&str| text.contains("runtimemap.io/v1alpha1");
    let learned: Vec<String> = MANIFESTS.iter().flat_map(|text| text.split("\n---\n").filter(ours).map(namespaced)).collect();
    fs::write(&recording, learned.join("\n---\n")).unwrap();
    let (recording, name) = (recording.display().to_string(), file.display().to_string());
    let property = |text: String| {
        fs::write(&file, namespaced(&text)).unwrap();
        harmless(&["diff", "-f", &recording, "--manifests", &name]);
        harmless(&["policy", "simulate", "-f", &recording, "--policies", &name]);
    };
    fuzz::run(&fuzz::changed(MANIFESTS), property);
    fuzz::run(&fuzz::damaged(MANIFESTS), property);
}

#[test]
fn any_arguments_are_a_plan_or_refused() {
    const WORDS: &[&str] = &[
        "show\0",
        "diff\0",
        "policy\0",
        "apply\0",
        "export\0",
        "simulate\0",
        "undo\0",
        "seccomp\0",
        "patch\0",
        "approve\0",
        "graph\0",
        "relearn\0",
        "version\0",
        "-f\0",
        "-n\0",
        "-A\0",
        "-l\0",
        "-o\0",
        "-c\0",
        "--only\0",
        "--format\0",
        "--output\0",
        "--yes\0",
        "--dry-run\0",
        "--dry-run=",
        "--request-timeout=",
        "--chunk-size=",
        "--plan\0",
        "--plan-out\0",
        "--watch\0",
        "--pod\0",
        "--revisions\0",
        "a,b\0",
        "deployment/web\0",
        "web\0",
        "/\0",
        "json\0",
        "jsonpath={.a}\0",
        "wide\0",
        "1m30s\0",
        "9h",
        "-1\0",
        "app in (a,b)\0",
        "\0",
        "=",
        "-",
        "--",
    ];
    fuzz::run(&fuzz::words(WORDS), |line| {
        let args: Vec<&str> = line.split('\0').collect();
        if let Ok(cli) = Cli::try_parse_from(std::iter::once("kubectl-runtimemap").chain(args)) {
            let _ = Plan::check(cli);
        }
    });
}

#[test]
fn any_names_and_selectors_choose_or_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.yaml");
    fs::write(&file, RECORDINGS[1]).unwrap();
    let file = file.display().to_string();
    const NAMES: &[&str] =
        &["deployment", "deployments.apps", "statefulset", "applicationprofile.runtimemap.io", "/", "web", "db", ".", "-", "\n"];
    const LABELS: &[&str] = &["a", "=", "!=", "in", "(", ")", ",", "!", " "];
    fuzz::run(&(fuzz::words(NAMES), fuzz::words(LABELS)), |(name, labels)| {
        harmless(&["show", "-f", &file, "-o", "name", "--", &name]);
        harmless(&["show", "-f", &file, "-l", &labels, "-n", &name]);
    });
}

#[test]
fn any_line_is_completed() {
    // None of the words asks a cluster: names and namespaces are not among what is completed here.
    const WORDS: &[&str] = &[
        "policy\0",
        "seccomp\0",
        "completion\0",
        "--format\0",
        "--format=",
        "--only\0",
        "--only=",
        "-o\0",
        "--fi",
        "--",
        "-",
        "=",
        "\0",
        "x",
        "--dry-run=",
        "--output\0",
        "-f\0",
    ];
    fuzz::run(&fuzz::words(WORDS), |line| {
        let words: Vec<String> = line.split('\0').map(str::to_owned).collect();
        let text = completion::complete(&mut Cli::command(), &words);
        assert!(text.ends_with(":4\n") || text.ends_with(":0\n"), "{text:?}");
        assert!(!text.chars().any(|character| !matches!(character, '\n' | '\t') && is_hostile(character)), "{text:?}");
    });
}

#[test]
fn what_is_not_refused_is_shown() {
    // Otherwise the properties above would hold of anything.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/shop.yaml");
    assert!(shown(&["show", "-f", file]).is_some_and(|text| text.contains("Deployment/web")));
    assert_eq!(shown(&["show", "-f", file, "nobody"]), None);
    let strategy = fuzz::changed(RECORDINGS);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let texts = std::iter::repeat_with(|| strategy.new_tree(&mut runner).unwrap().current());
    let read = texts.take(50).filter(|text| runtimemap_crds::yaml::from_stream(text).is_ok()).count();
    assert!(read > 10, "of 50 changed recordings {read} can still be read");
}
