//! The commands that README shows, typed as they stand there, print what README says.
//!
//! Needs root, kubectl and the two binaries, which RUNTIMEMAP_RECORDER and RUNTIMEMAP_PLUGIN name (`make replay` sets them).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

const README: &str = include_str!("../README.md");
/// Line that stands for any number of lines.
const ANY: &str = "…";

/// A command and the lines that it prints.
struct Shown {
    command: String,
    output: Vec<String>,
}

/// The commands of the block that follows a line.
fn shown(after: &str) -> Vec<Shown> {
    let (_, rest) = README.split_once(&format!("\n{after}\n\n```console\n")).expect("README has such a block");
    let (block, _) = rest.split_once("\n```\n").expect("the block ends");
    let mut commands: Vec<Shown> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("# ") {
            commands.push(Shown { command: command.to_owned(), output: Vec::new() });
        } else {
            commands.last_mut().expect("the block begins with a command").output.push(line.to_owned());
        }
    }
    commands
}

/// Whether the lines are those expected, where `…` stands for any number of them.
fn matches(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == ANY => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, others)| line == first && matches(rest, others)),
    }
}

#[test]
fn what_readme_shows_is_what_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    for (name, variable) in [("runtimemap-recorder", "RUNTIMEMAP_RECORDER"), ("kubectl-runtimemap", "RUNTIMEMAP_PLUGIN")] {
        let binary = env::var(variable).unwrap_or_else(|_| panic!("{variable} names no binary; 'make replay' sets it"));
        symlink(fs::canonicalize(&binary).unwrap(), folder.path().join(name)).unwrap();
    }
    let path = format!("{}:{}", folder.path().display(), env::var("PATH").unwrap());
    let commands = shown("By hand:");
    assert!(commands.len() >= 2, "README shows a recording and its map");
    for Shown { command, output } in commands {
        let said = run(&command, folder.path(), &path);
        // A slow machine is no other behaviour.
        let said = said.replace("recorded for 1s", "recorded for 0s");
        let lines: Vec<&str> = said.lines().collect();
        assert!(matches(&output, &lines), "{command}\nprints\n{said}\nREADME says\n{}", output.join("\n"));
    }
}

fn run(command: &str, folder: &Path, path: &str) -> String {
    let child = Command::new("sh").args(["-c", command]).current_dir(folder).env("PATH", path).stdin(Stdio::null()).output().unwrap();
    assert!(child.status.success(), "{command}: {}", String::from_utf8_lossy(&child.stderr));
    String::from_utf8(child.stdout).unwrap()
}

#[test]
fn a_line_that_differs_is_found() {
    let expected = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(matches(&expected("a\n…\nd"), &["a", "b", "c", "d"]));
    assert!(matches(&expected("a\n…\nd"), &["a", "d"]));
    assert!(!matches(&expected("a\n…\nd"), &["a", "b", "c"]));
    assert!(!matches(&expected("a\nb"), &["a", "b", "c"]));
}
