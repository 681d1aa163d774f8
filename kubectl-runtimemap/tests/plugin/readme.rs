//! What README shows of the plugin is what it prints.

use std::path::Path;

use crate::kubectl::{command, is_there, run};

const README: &str = include_str!("../../../README.md");
/// Line that stands for any number of lines.
const ANY: &str = "…";
/// Line before the block.
const BEFORE: &str = "From a recording to its policies and its map, in the repository's folder:";

fn matches(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&ANY, rest)) => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, others)| line == first && matches(rest, others)),
    }
}

#[test]
fn what_readme_shows_of_the_plugin_is_what_it_prints() {
    if !is_there() {
        return;
    }
    let (_, rest) = README.split_once(&format!("\n{BEFORE}\n\n```console\n")).expect("README has the block");
    let (block, _) = rest.split_once("\n```\n").expect("it ends");
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace");
    let folder = tempfile::tempdir().unwrap();
    // Commands write files: not into the repository.
    let recording = "kubectl-runtimemap/tests/fixtures/nginx.yaml";
    std::fs::create_dir_all(folder.path().join("kubectl-runtimemap/tests/fixtures")).unwrap();
    std::fs::copy(repository.join(recording), folder.path().join(recording)).unwrap();
    let mut shown = 0;
    for part in block.split("$ ").filter(|part| !part.is_empty()) {
        let mut lines = part.lines();
        let line = lines.next().expect("a command");
        let expected: Vec<&str> = lines.collect();
        let outcome = run(command("sh").args(["-c", line]).current_dir(folder.path()), "");
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
        let said = format!("{}{}", outcome.stderr, outcome.stdout);
        assert!(matches(&expected, &said.lines().collect::<Vec<_>>()), "{line}\nprints\n{said}\nREADME says\n{}", expected.join("\n"));
        shown += 1;
    }
    assert!(shown >= 5, "README shows what a person does, from one end to the other");
}
