//! Names made to take over a terminal, or to begin a line of their own.

use serde_json::Value;

use crate::kubectl::{Outcome, command, fixtures, is_there, run, runtimemap};

/// What the fixture calls everything.
const NAME: &str = "\x1b]0;owned\x07\x1b[2J\u{202e}gpj.exe\r\n# injected: true\0\u{9b}31m\u{2028}";

/// Every verb, in every format that it has.
const CALLS: &[&str] = &[
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
    "diff -f hostile.yaml --revisions a,b",
    "graph -f hostile.yaml",
    "graph -f hostile.yaml --format svg",
    "graph -f hostile.yaml --format dot",
    "graph -f hostile.yaml --format mermaid",
    "show -f hostile.yaml -o jsonpath={..name}",
    "show -f hostile.yaml -o custom-columns=A:.metadata.annotations,B:.spec.containers",
];

/// Runs every call in a folder, and finds what reached the screen as it was.
fn through(folder: &std::path::Path) {
    for args in CALLS {
        let Outcome { stdout, stderr, code } = run(runtimemap(args).current_dir(folder), "");
        let shown = stdout + &stderr;
        assert!(shown.contains("owned") || args.ends_with("name") || args.ends_with("nowhere"), "{args} shows nothing: {shown}");
        let through = shown.chars().find(|&c| c != '\n' && is_hostile(c));
        assert_eq!(through, None, "{args} ({code:?})");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("# injected")), "{args}");
    }
}

/// Control characters, those that turn a line around, and those that begin another.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn t3_no_output_lets_a_name_through() {
    if is_there() {
        through(&fixtures());
    }
}

#[test]
fn t3_no_verb_lets_any_such_character_through() {
    if !is_there() {
        return;
    }
    let hostile: String = (0..=0xffff).filter_map(char::from_u32).filter(|&character| is_hostile(character)).collect();
    assert!(hostile.chars().count() > 80);
    let quoted = serde_json::to_string(&format!("owned{hostile}")).expect("a text is JSON");
    // All as escapes: YAML refuses some of them as they are, and takes others for the end of a line.
    let quoted: String =
        quoted.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) }).collect();
    let text = std::fs::read_to_string(fixtures().join("hostile.yaml")).expect("the fixture is there");
    let name = text.split('"').nth(1).expect("it has a name in quotes");
    let folder = tempfile::tempdir().expect("a folder can be made");
    let written = text.replace(&format!("\"{name}\""), &quoted);
    assert!(written.matches(&quoted).count() > 15);
    std::fs::write(folder.path().join("hostile.yaml"), written).expect("a file can be written");
    std::fs::copy(fixtures().join("shop.yaml"), folder.path().join("shop.yaml")).expect("a file can be copied");
    through(folder.path());
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
