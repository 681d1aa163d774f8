//! What README shows of the plugin is what it prints.
#![cfg(target_os = "linux")]

use std::path::Path;

use crate::kubectl::{command, is_there, run};

const README: &str = include_str!("../../../README.md");
/// Line that stands for any number of lines.
const ANY: &str = "…";
/// Line before the block.
const BEFORE: &str = "From a recording to its policies and its map, in the repository's folder:";
/// The recording that it works on.
const RECORDING: &str = "tests/demo/web.yaml";
/// How questions begin and end. What a line of README has after one is what was typed.
const QUESTIONS: [(&str, &str); 2] = [("Allow this? [", "] "), ("Change to (", "): ")];

fn matches(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&ANY, rest)) => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, others)| line == first && matches(rest, others)),
    }
}

/// What was typed at a question.
fn answer(line: &str) -> Option<&str> {
    QUESTIONS.iter().find(|(begin, _)| line.starts_with(begin)).and_then(|(_, end)| line.split_once(end)).map(|(_, answer)| answer)
}

/// What a terminal shows that does not show what is typed, with what was typed.
fn typed(shown: &str, answers: &[&str]) -> String {
    let (mut text, mut rest) = (String::new(), shown);
    for answer in answers {
        let ends = QUESTIONS.iter().filter_map(|(begin, end)| {
            let start = rest.find(begin)?;
            Some(start + rest[start..].find(end)? + end.len())
        });
        let place = ends.min().expect("a question for each answer");
        text.push_str(&format!("{}{answer}\n", &rest[..place]));
        rest = &rest[place..];
    }
    text + rest
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
    std::fs::create_dir_all(folder.path().join(RECORDING).parent().unwrap()).unwrap();
    std::fs::copy(repository.join(RECORDING), folder.path().join(RECORDING)).unwrap();
    let mut shown = 0;
    for part in block.split("$ ").filter(|part| !part.is_empty()) {
        let mut lines = part.lines();
        let line = lines.next().expect("a command");
        let expected: Vec<&str> = lines.collect();
        let answers: Vec<&str> = expected.iter().filter_map(|line| answer(line)).collect();
        let mut shell = if answers.is_empty() {
            let mut shell = command("sh");
            shell.args(["-c", line]);
            shell
        } else {
            let mut shell = command("script");
            shell.args(["--quiet", "--return", "--command", &format!("stty -echo; {line}"), "/dev/null"]).env("SHELL", "/bin/sh");
            shell
        };
        let keys: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
        let outcome = run(shell.current_dir(folder.path()).env("NO_COLOR", "1"), &keys);
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
        let said = typed(&format!("{}{}", outcome.stderr, outcome.stdout).replace("\r\n", "\n"), &answers);
        assert!(matches(&expected, &said.lines().collect::<Vec<_>>()), "{line}\nprints\n{said}\nREADME says\n{}", expected.join("\n"));
        shown += 1;
    }
    assert!(shown >= 5, "README shows what a person does, from one end to the other");
}

#[test]
fn answers_are_put_where_they_were_asked_for() {
    assert_eq!(answer("Allow this? [y,n] y"), Some("y"));
    assert_eq!(answer("  allow to [1/2] y"), None);
    let shown = "a [1/2]\nAllow this? [y,n] b\nChange to (empty: leave it): c\n";
    assert_eq!(typed(shown, &["w", "1"]), "a [1/2]\nAllow this? [y,n] w\nb\nChange to (empty: leave it): 1\nc\n");
}
