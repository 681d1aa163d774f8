//! Fork, enter the cgroup, exec.

use std::{
    convert::Infallible,
    ffi::CString,
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, raise, sigaction, sigprocmask},
    unistd::{ForkResult, Pid, execvp, fork, pipe2},
};

use super::Error;

/// Where the child failed; the first byte of its report.
const ENTERING: u8 = 1;
const RUNNING: u8 = 2;

/// A child that was forked.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) pid: Pid,
    /// Where it reports that it could not run the command; closed by exec.
    report: File,
}

impl Child {
    /// Why the command could not be run; None if it could. Only once the child has ended, so that nobody waits for a report.
    pub(super) fn failure(&mut self, name: &str) -> Option<Error> {
        let mut bytes = [0; 5];
        self.report.read_exact(&mut bytes).ok()?;
        let [stage, errno @ ..] = bytes;
        let errno = Errno::from_raw(i32::from_ne_bytes(errno));
        Some(if stage == ENTERING { Error::Enter(errno) } else { Error::Run(name.to_owned(), errno) })
    }
}

/// Forks a child that enters the cgroup, stops itself if it shall, and runs the command with the user's own signal mask.
///
/// It stays in the recorder's session and process group, so that the terminal's keys reach it as if there were no recorder.
pub(super) fn spawn(words: &[CString], entrances: &[File], mask: &SigSet, stopped: bool) -> Result<Child, Error> {
    let (report, write) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| Error::System("make a pipe", errno.into()))?;
    // SAFETY: the recorder has a single thread until the command runs, so the child may do whatever the parent might.
    match unsafe { fork() }.map_err(|errno| Error::System("fork", errno.into()))? {
        ForkResult::Parent { child } => Ok(Child { pid: child, report: File::from(report) }),
        ForkResult::Child => {
            drop(report);
            let (stage, errno) = match become_command(words, entrances, mask, stopped) {
                Ok(never) => match never {},
                Err(failure) => failure,
            };
            tell(write, stage, errno)
        }
    }
}

fn become_command(words: &[CString], entrances: &[File], mask: &SigSet, stopped: bool) -> Result<Infallible, (u8, Errno)> {
    for mut entrance in entrances {
        entrance.write_all(b"0").map_err(|error| (ENTERING, error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)))?;
    }
    if stopped {
        raise(Signal::SIGSTOP).map_err(|errno| (RUNNING, errno))?;
    }
    // Rust's start-up ignores SIGPIPE; the command must not inherit that.
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler is installed.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.map_err(|errno| (RUNNING, errno))?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(mask), None).map_err(|errno| (RUNNING, errno))?;
    let program = words.first().ok_or((RUNNING, Errno::ENOENT))?;
    execvp(program, words).map_err(|errno| (RUNNING, errno))
}

/// Reports and ends without running anything that the parent registered for its own end.
fn tell(write: OwnedFd, stage: u8, errno: Errno) -> ! {
    let mut report = vec![stage];
    report.extend((errno as i32).to_ne_bytes());
    // A parent that is gone needs no report.
    let _ = File::from(write).write_all(&report);
    // SAFETY: ends the process; nothing comes after.
    unsafe { libc::_exit(127) }
}
