//! Colours and width: only on a terminal.
#![cfg(target_os = "linux")]

use crate::kubectl::{command, is_there, run, stdout};

/// What a terminal of this many columns gets to see. util-linux's `script` is the terminal.
fn terminal(columns: u16, environment: &[(&str, &str)], args: &str) -> String {
    let line = format!("stty cols {columns} rows 50; kubectl runtimemap {args}");
    let mut script = command("script");
    let outcome = run(script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).envs(environment.iter().copied()), "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.stdout.replace("\r\n", "\n")
}

#[test]
fn a_terminal_gets_colours_and_nothing_else_does() {
    if !is_there() {
        return;
    }
    let shown = terminal(200, &[], "show -f shop.yaml");
    assert!(shown.contains("\x1b[33mWarning: StartupObserved"), "{shown:?}");
    assert!(!stdout("show -f shop.yaml").contains('\x1b'));
    let line = "diff -f nginx.yaml --against shop.yaml || true";
    let shown = terminal(200, &[], line);
    assert!(shown.contains("\x1b[31m-") && shown.contains("\x1b[32m+"), "{shown:?}");
    // What is meant for machines has none, wherever it goes.
    for args in ["show -f nginx.yaml -o yaml", "show -f nginx.yaml -o json", "policy export -f nginx.yaml"] {
        assert!(!terminal(200, &[], args).contains('\x1b'), "{args}");
    }
}

#[test]
fn t3_no_color_and_dumb_terminals_are_honoured() {
    if !is_there() {
        return;
    }
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = terminal(200, &[environment], "show -f shop.yaml");
        assert!(shown.contains("Warning: ") && !shown.contains('\x1b'), "{environment:?}: {shown:?}");
    }
}

#[test]
fn t3_the_only_escape_sequences_on_a_terminal_are_our_own() {
    if !is_there() {
        return;
    }
    let shown = terminal(80, &[], "show -f hostile.yaml");
    let rest = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m"].iter().fold(shown, |text, ours| text.replace(ours, ""));
    assert!(!rest.contains(|c: char| c != '\n' && c.is_control()), "{rest:?}");
}

#[test]
fn tables_fit_a_narrow_terminal() {
    if !is_there() {
        return;
    }
    let shown = terminal(66, &[("NO_COLOR", "1")], "show -f nginx.yaml");
    let tables = shown.lines().filter(|line| line.starts_with("  "));
    let widest = tables.max_by_key(|line| line.chars().count()).unwrap();
    assert!(widest.chars().count() <= 66, "{widest:?}");
    assert!(shown.lines().count() > stdout("show -f nginx.yaml").lines().count(), "{shown}");
}
