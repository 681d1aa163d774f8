//! The real kubectl, with the plugin that was just built first in PATH.

use std::{
    env,
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Switches off, by name, tests of what is not installed.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

/// Whether to go on: kubectl is there, or the test fails, or it was switched off by name and says so.
pub(crate) fn is_there() -> bool {
    let without = env::var(WITHOUT).unwrap_or_default();
    if without.split([',', ' ']).any(|name| name == "kubectl") {
        eprintln!("switched off by {WITHOUT}=kubectl");
        return false;
    }
    let answers = Command::new("kubectl").args(["version", "--client"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(
        answers.is_ok_and(|status| status.success()),
        "no kubectl in PATH, and these tests call the plugin through it; install kubectl, or leave them out with {WITHOUT}=kubectl"
    );
    true
}

/// Folder of the files that tests show.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn path() -> OsString {
    let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-runtimemap")).parent().expect("a binary is in a folder");
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(plugin.to_owned()).chain(env::split_paths(&rest))).expect("PATH has no colon in its parts")
}

/// A program run among the fixtures, with the plugin in PATH and nothing in its environment about colours.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(fixtures()).env("PATH", path()).env("TERM", "xterm").env("KUBECONFIG", "/nonexistent");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    command
}

/// `kubectl runtimemap` with these arguments, split at blanks.
pub(crate) fn runtimemap(args: &str) -> Command {
    let mut command = command("kubectl");
    command.arg("runtimemap").args(args.split_whitespace());
    command
}

/// Runs to the end, with this on standard input.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Outcome {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("it was piped");
    let stdin = stdin.to_owned();
    // What does not want its input closes it.
    let writer = std::thread::spawn(move || drop(input.write_all(stdin.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Outcome {
        stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
        code: output.status.code(),
    }
}

/// The output of a call that has to succeed without a word on standard error.
pub(crate) fn stdout(args: &str) -> String {
    let Outcome { stdout, stderr, code } = run(&mut runtimemap(args), "");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "kubectl runtimemap {args}");
    stdout
}

/// The complaint of a call that has to fail with nothing on standard output.
pub(crate) fn error(args: &str, stdin: &str) -> String {
    let Outcome { stdout, stderr, code } = run(&mut runtimemap(args), stdin);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "kubectl runtimemap {args}: {stderr}");
    stderr
}
