//! What cannot be recorded is refused with one line and the right status, before anything is run.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use crate::rig::Rig;

const BINARY: &str = env!("CARGO_BIN_EXE_runtimemap-recorder");

fn one_line(text: &str) -> bool {
    text.starts_with("runtimemap-recorder: ") && text.lines().count() == 1
}

#[test]
fn a_command_that_is_not_there_is_127_and_one_that_cannot_run_126() {
    let rig = Rig::new();
    let plain = rig.path("plain");
    fs::write(&plain, "x").unwrap();
    for (program, code, words) in
        [("no-such-program", 127, "No such file"), (plain.to_str().unwrap(), 126, "ermission denied"), ("/", 126, "ermission denied")]
    {
        let done = rig.record(&["--", program]);
        assert_eq!(done.code, Some(code), "{program}: {}", done.stderr);
        assert!(one_line(&done.stderr) && done.stderr.contains(words) && done.stderr.contains(program), "{}", done.stderr);
        assert!(!rig.path("map.yaml").exists(), "nothing was recorded");
    }
}

#[test]
fn without_root_one_line_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the binary was built may be closed to others.
    let copy = folder.path().join("recorder");
    fs::copy(BINARY, &copy).unwrap();
    let mark = folder.path().join("mark");
    let run = |args: &[&str]| -> Output {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--"]).arg(&copy).args(args);
        command.current_dir("/").output().unwrap()
    };
    let done = run(&["record", "--", "touch", mark.to_str().unwrap()]);
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(125), "{stderr}");
    assert!(one_line(&stderr) && stderr.contains("run it with sudo"), "{stderr}");
    assert!(!mark.exists());
}

#[test]
fn a_result_that_cannot_be_written_is_known_before_the_command_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    for flag in ["--output", "--facts"] {
        let done = Command::new(BINARY).args(["record", flag, "/nowhere/file", "--", "touch"]).arg(&mark).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(125), "{stderr}");
        assert!(one_line(&stderr) && stderr.contains("failed to write /nowhere/file"), "{stderr}");
        assert!(!mark.exists());
    }
}

#[test]
fn a_full_disk_is_125_and_said() {
    for args in [["--output", "/dev/full"], ["--facts", "/dev/full"]] {
        let done = Command::new(BINARY).arg("record").args(args).args(["--", "true"]).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(125), "{args:?} {stderr}");
        assert!(one_line(&stderr) && stderr.contains("No space left"), "{stderr}");
    }
}

#[test]
fn wrong_flags_are_125_since_lower_ones_are_the_commands() {
    for args in [
        &["record"][..],
        &["record", "--nonsense", "--", "true"],
        &["record", "--pid", "1", "--", "true"],
        &["record", "--name", "A", "--", "true"],
    ] {
        let done = Command::new(BINARY).args(args).output().unwrap();
        assert_eq!(done.status.code(), Some(125), "{args:?}");
        assert!(!done.stderr.is_empty());
    }
    assert_eq!(Command::new(BINARY).args(["record", "--help"]).output().unwrap().status.code(), Some(0));
}

#[test]
fn standard_output_takes_the_map_after_the_commands_own_output() {
    let done = Command::new(BINARY).args(["record", "--", "echo", "hello"]).output().unwrap();
    assert_eq!(done.status.code(), Some(0));
    let stdout = String::from_utf8(done.stdout).unwrap();
    assert!(stdout.starts_with("hello\napiVersion: runtimemap.io/v1alpha1\n"), "{stdout}");
    assert!(done.stderr.is_empty());
}

#[test]
fn check_names_every_signal() {
    let done = Command::new(BINARY).arg("check").output().unwrap();
    let stdout = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0));
    for words in ["programs started", "system calls entered", "files opened", "capabilities", "TCP connections"] {
        assert!(stdout.contains(words), "{words}: {stdout}");
    }
    assert!(!stdout.contains("  sys_enter"), "{stdout}");
}

#[test]
fn check_counts_what_the_verifier_walked() {
    let done = Command::new(BINARY).args(["check", "--programs"]).output().unwrap();
    let stdout = String::from_utf8(done.stdout).unwrap();
    let mut counts = stdout.lines().filter_map(|line| line.strip_prefix("  sys_enter")?.split_once(": "));
    let count = counts.next().unwrap_or_else(|| panic!("{stdout}")).1;
    assert!(count == "not told by this kernel" || count.parse::<u32>().is_ok_and(|count| count > 10), "{count}");
}
