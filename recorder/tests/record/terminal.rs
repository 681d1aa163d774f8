//! At a terminal, here that of script(1).

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::rig::Rig;

const BINARY: &str = env!("CARGO_BIN_EXE_runtimemap-recorder");

struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: BufReader<ChildStdout>,
}

impl Terminal {
    /// Runs a line of shell in a terminal of its own.
    fn run(line: &str) -> Self {
        // In the shell's place: a shell that waits would take the terminal's signals as well, and end by them.
        let line = format!("exec {line}");
        // Somebody who waits at a terminal waits for ever.
        let mut child = Command::new("timeout")
            .args(["--kill-after=5", "120", "script", "--quiet", "--flush", "--return", "--command", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = child.stdin.take().unwrap();
        let screen = BufReader::new(child.stdout.take().unwrap());
        Self { child, keys, screen }
    }

    fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.screen.read_line(&mut line).unwrap() > 0, "no {text:?}");
        }
    }

    fn press(&mut self, key: u8) {
        self.keys.write_all(&[key]).unwrap();
        self.keys.flush().unwrap();
    }

    fn finish(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.screen.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let rig = Rig::new();
    let map = rig.path("map.yaml");
    let script = "trap \"echo interrupted\" INT; echo ready; for i in 1 2 3 4 5; do sleep 0.2; done; exit 6";
    let mut terminal = Terminal::run(&format!("{BINARY} record --output {} -- sh -c '{script}'", map.display()));
    terminal.wait_for("ready");
    terminal.press(3);
    let (code, screen) = terminal.finish();
    assert_eq!((code, screen.matches("interrupted").count()), (Some(6), 1), "{screen}");
    assert_eq!(rig.phase(), "Complete");
}

#[test]
fn the_command_has_the_terminal() {
    let rig = Rig::new();
    let map = rig.path("map.yaml");
    let mut terminal = Terminal::run(&format!("{BINARY} record --output {} -- sh -c 'tty; read line; echo got $line'", map.display()));
    terminal.wait_for("/dev/pts/");
    for key in b"words\n" {
        terminal.press(*key);
    }
    let (code, screen) = terminal.finish();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("got words"), "{screen}");
    assert!(!screen.contains("recording:"), "no status line where the command writes: {screen}");
}

#[test]
fn ctrl_z_gives_the_shell_its_terminal_back_and_fg_goes_on() {
    let rig = Rig::new();
    let map = rig.path("map.yaml");
    // Not dash: it starts commands by vfork, and where the key comes in the midst of that, it never stops, recorded or not.
    let line = format!(
        "bash -i -c 'set -m; {BINARY} record --output {} -- bash -c \"echo ready; sleep 1; echo done\"; echo shell has it; fg; echo code $?'",
        map.display()
    );
    let mut terminal = Terminal::run(&line);
    terminal.wait_for("ready");
    terminal.press(26);
    terminal.wait_for("shell has it");
    let (_, screen) = terminal.finish();
    assert!(screen.contains("done") && screen.contains("code 0"), "{screen}");
    assert_eq!(rig.phase(), "Complete");
}

#[test]
fn the_status_line_is_shown_where_it_disturbs_nobody() {
    let rig = Rig::new();
    let map = rig.path("map.yaml");
    for (flag, shown) in [("", true), ("--quiet", false)] {
        let terminal = Terminal::run(&format!("{BINARY} record {flag} --output {} -- sleep 1.5 > /dev/null", map.display()));
        let (code, screen) = terminal.finish();
        assert_eq!((code, screen.contains("recording: ")), (Some(0), shown), "{screen:?}");
    }
}
