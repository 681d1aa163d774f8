//! Observers that are programs of their own.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::rig::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

/// One that observes, until dropped.
pub(crate) struct Witness(Child);

impl Witness {
    /// Starts one, and waits until it observes.
    ///
    /// # Errors
    /// What it says, if it cannot.
    pub(crate) fn start(command: &mut Command, said: &Path, observes: impl Fn(u32) -> bool) -> Result<Self, String> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(said).unwrap());
        let mut witness = Self(command.spawn().map_err(|error| format!("failed to run {:?}: {error}", command.get_program()))?);
        let last_words = || fs::read_to_string(said).unwrap_or_default().lines().last().unwrap_or("nothing").to_owned();
        let deadline = Instant::now() + PATIENCE;
        while !observes(witness.0.id()) {
            if let Some(status) = witness.0.try_wait().unwrap() {
                return Err(format!("{status}, saying: {}", last_words()));
            }
            if Instant::now() > deadline {
                return Err(format!("does not observe within {PATIENCE:?}, saying: {}", last_words()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(witness)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT);
        let deadline = Instant::now() + PATIENCE;
        while self.0.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                let _ = self.0.kill();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// What bpftool lists, which fails as a whole where something goes meanwhile.
fn list(what: &str) -> String {
    let mut text = String::new();
    wait_until("a list of programs", || {
        let output = Command::new("bpftool").args([what, "show"]).output().unwrap();
        text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success()
    });
    text
}

/// Whether a process holds a program at the entry of system calls.
pub(crate) fn has_program(pid: u32) -> bool {
    let of = format!("pid {pid} ");
    list("perf").lines().any(|line| line.starts_with(&of) && line.ends_with("sys_enter"))
}

/// How many programs there are, of anybody: raw ones by their links, others by whoever holds them.
pub(crate) fn programs() -> usize {
    let (links, held) = (list("link"), list("perf"));
    links.matches("'sys_enter'").count() + held.matches(" tracepoint  sys_enter").count()
}

/// Whether somebody traces a process.
pub(crate) fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.contains("TracerPid:\t0\n")
}
