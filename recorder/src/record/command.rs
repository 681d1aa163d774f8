//! Runs a command in a cgroup of its own from its first instruction, and waits for all that it started.

mod shepherd;
mod spawn;

use std::{
    ffi::{CString, OsString},
    io,
    os::unix::ffi::OsStringExt,
    sync::mpsc,
    thread,
};

use nix::{
    errno::Errno,
    sys::{
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
};

use crate::{cgroup::Cgroup, record::signals::Signals};

pub(super) use shepherd::Message;

/// A command could not be run or watched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused what a recorder needs.
    #[error("failed to {0}: {1}")]
    System(&'static str, io::Error),
    /// The child could not enter its cgroup.
    #[error("failed to enter the cgroup: {0}")]
    Enter(Errno),
    /// The command is not there or may not be run.
    #[error("failed to run {0}: {1}")]
    Run(String, Errno),
    /// The thread that waits is gone.
    #[error("failed to wait for the command: its watcher ended early")]
    Watcher,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, with this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// How the whole tree ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Of the command itself.
    pub end: End,
    /// Whether processes were left running because the user asked twice to end.
    pub left_running: bool,
    /// Whether the command was killed by a signal that the recorder or its terminal passed on.
    pub by_signal: bool,
}

/// A running command.
#[derive(Debug)]
pub(super) struct Running {
    messages: mpsc::Receiver<Message>,
}

/// Starts the command. Signals must be blocked already, so that none is lost; from here on they are passed on to the command.
///
/// With `stopped`, waits until the child has stopped itself, in its cgroup and before exec, and tells its process id to `on_stop`.
///
/// # Errors
/// If the kernel refuses a process. That the command cannot be run shows later, in [`Running::poll`].
pub(super) fn start(
    argv: &[OsString],
    cgroup: &Cgroup,
    signals: Signals,
    stopped: bool,
    on_stop: impl FnOnce(u32),
) -> Result<Running, Error> {
    let words: Vec<CString> = argv.iter().filter_map(|word| CString::new(word.clone().into_vec()).ok()).collect();
    let entrances = cgroup.entrances().map_err(|error| Error::System("run a command of its own", io::Error::other(error)))?;
    nix::sys::prctl::set_child_subreaper(true).map_err(|errno| Error::System("become the parent of orphans", errno.into()))?;
    let child = spawn::spawn(&words, &entrances, signals.original(), stopped)?;
    let mut early = None;
    if stopped {
        match waitpid(child.pid, Some(WaitPidFlag::WUNTRACED)) {
            Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)) => on_stop(pid.as_raw().cast_unsigned()),
            Ok(status) => early = Some(status),
            Err(errno) => return Err(Error::System("wait for the command", errno.into())),
        }
    }
    let name = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    let (sender, messages) = mpsc::channel();
    let shepherd = shepherd::Shepherd::new(child, name, cgroup.clone(), signals, sender);
    thread::Builder::new()
        .name("shepherd".to_owned())
        .spawn(move || shepherd.run(early))
        .map_err(|error| Error::System("start a thread", error))?;
    Ok(Running { messages })
}

impl Running {
    /// What has happened since, if anything.
    ///
    /// # Errors
    /// If the command cannot be waited for any more.
    pub(super) fn poll(&self) -> Result<Option<Message>, Error> {
        match self.messages.try_recv() {
            Ok(message) => Ok(Some(message)),
            Err(mpsc::TryRecvError::Empty) => Ok(None),
            Err(mpsc::TryRecvError::Disconnected) => Err(Error::Watcher),
        }
    }
}
