//! At a terminal, here that of script(1).

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::server::Server;

pub(crate) struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    shown: String,
}

impl Terminal {
    /// Runs `kubectl runtimemap` with these arguments in a terminal of its own.
    pub(crate) fn run(server: &Server, args: &str, environment: &[(&str, &str)]) -> Self {
        let line = format!("exec kubectl runtimemap {args}");
        // Somebody who waits at a terminal waits for ever.
        let mut child = server
            .command("timeout")
            .args(["--kill-after=5", "120", "script", "--quiet", "--flush", "--return", "--command", &line, "/dev/null"])
            .envs(environment.iter().copied())
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1) runs");
        let keys = child.stdin.take().expect("it was piped");
        let screen = child.stdout.take().expect("it was piped");
        Self { child, keys, screen, shown: String::new() }
    }

    /// Waits for a text that comes after what was waited for before.
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let read = self.screen.read(&mut byte).expect("the terminal can be read");
            assert!(read > 0, "no {text:?} after {}{}", self.shown, String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
        self.shown.push_str(&String::from_utf8_lossy(&bytes));
        self
    }

    pub(crate) fn answer(&mut self, line: &str) -> &mut Self {
        self.keys.write_all(format!("{line}\n").as_bytes()).expect("it reads");
        self.keys.flush().expect("it reads");
        self
    }

    /// Everything that was shown, and the exit code.
    pub(crate) fn finish(mut self) -> (String, Option<i32>) {
        let mut rest = Vec::new();
        self.screen.read_to_end(&mut rest).expect("the terminal can be read");
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        (self.shown, self.child.wait().expect("it ends").code())
    }
}
