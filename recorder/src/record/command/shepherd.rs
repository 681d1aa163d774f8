//! Waits for the command and all that it left, and passes signals on. Runs in a thread of its own, so that a flood of facts delays no signal.

use std::{io, sync::mpsc, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getpgid, getpgrp, getpid},
};

use super::{End, Ended, Error, spawn::Child};
use crate::{
    cgroup::Cgroup,
    record::signals::{Arrived, Signals},
};

/// How often the cgroup is looked at for processes that are not the recorder's children, once the command has ended.
const LOOK: Duration = Duration::from_millis(100);

/// What the recorder is told.
#[derive(Debug)]
pub(in crate::record) enum Message {
    /// The command has ended; so many processes that it started go on.
    Leftovers(usize),
    /// Somebody asked to end while only leftovers run. The next time the recording ends.
    AskedOnce(usize),
    /// All is over.
    Ended(Result<Ended, Error>),
}

pub(super) struct Shepherd {
    child: Child,
    name: String,
    cgroup: Cgroup,
    signals: Signals,
    sender: mpsc::Sender<Message>,
    end: Option<End>,
    /// Signals that end programs, as far as they came by here.
    passed: Vec<Signal>,
    /// Whether the user wants the command stopped, and the recorder with it.
    stop_wanted: bool,
    child_stopped: bool,
    asked: u32,
}

impl Shepherd {
    pub(super) fn new(child: Child, name: String, cgroup: Cgroup, signals: Signals, sender: mpsc::Sender<Message>) -> Self {
        Self { child, name, cgroup, signals, sender, end: None, passed: Vec::new(), stop_wanted: false, child_stopped: false, asked: 0 }
    }

    pub(super) fn run(mut self, early: Option<WaitStatus>) {
        let ended = self.watch(early);
        self.tell(Message::Ended(ended));
    }

    fn tell(&self, message: Message) {
        // Nobody listens any more: the recorder failed and is about to end.
        let _ = self.sender.send(message);
    }

    fn watch(&mut self, early: Option<WaitStatus>) -> Result<Ended, Error> {
        if let Some(status) = early {
            self.note(status);
        }
        let mut told = false;
        loop {
            let failed = |error: io::Error| Error::System("read signals", error);
            while let Some(arrived) = self.signals.next().map_err(failed)? {
                self.pass_on(arrived);
            }
            self.reap()?;
            if let Some(end) = self.end {
                if let Some(failure) = self.child.failure(&self.name) {
                    return Err(failure);
                }
                let left = self.cgroup.processes().len();
                if left == 0 || self.asked >= 2 {
                    let by_signal = matches!(end, End::Killed(number) if self.passed.iter().any(|&passed| passed as i32 == number));
                    return Ok(Ended { end, left_running: left != 0, by_signal });
                }
                if !told {
                    told = true;
                    self.tell(Message::Leftovers(left));
                }
            }
            self.signals.wait(self.end.map(|_| LOOK)).map_err(failed)?;
        }
    }

    /// Collects the children that have ended: the command and every orphan.
    fn reap(&mut self) -> Result<(), Error> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(()),
                Ok(status) => self.note(status),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::System("wait for the command", errno.into())),
            }
        }
    }

    fn note(&mut self, status: WaitStatus) {
        if status.pid() != Some(self.child.pid) {
            return;
        }
        match status {
            WaitStatus::Exited(_, code) => self.end = Some(End::Exited(code)),
            WaitStatus::Signaled(_, signal, _) => self.end = Some(End::Killed(signal as i32)),
            WaitStatus::Stopped(_, Signal::SIGTSTP) => {
                self.child_stopped = true;
                self.stop_with_child();
            }
            WaitStatus::Continued(_) => self.child_stopped = false,
            _ => {}
        }
    }

    /// The shell takes the terminal back only when its own child, the recorder, has stopped too.
    fn stop_with_child(&mut self) {
        if self.stop_wanted && self.child_stopped {
            self.stop_wanted = false;
            self.child_stopped = false;
            let _ = kill(getpid(), Signal::SIGSTOP);
        }
    }

    fn pass_on(&mut self, arrived: Arrived) {
        let Arrived { signal, from_terminal, sender } = arrived;
        if signal == Signal::SIGCHLD {
            return;
        }
        let inside = self.cgroup.processes();
        // Who signals its whole process group has reached the command already; so has the terminal.
        let had_it = from_terminal || inside.contains(&sender);
        if self.end.is_none() {
            if matches!(signal, Signal::SIGINT | Signal::SIGTERM | Signal::SIGHUP | Signal::SIGQUIT) {
                self.passed.push(signal);
            }
            if !had_it {
                // The command may have ended a moment ago.
                let _ = kill(self.child.pid, signal);
            }
            match signal {
                Signal::SIGTSTP => {
                    self.stop_wanted = true;
                    self.stop_with_child();
                }
                Signal::SIGCONT => self.stop_wanted = false,
                _ => {}
            }
            return;
        }
        let group = getpgrp();
        for &pid in &inside {
            let pid = Pid::from_raw(pid.cast_signed());
            if !(from_terminal && getpgid(Some(pid)) == Ok(group)) {
                let _ = kill(pid, signal);
            }
        }
        if matches!(signal, Signal::SIGINT | Signal::SIGTERM) {
            self.asked += 1;
            if self.asked == 1 {
                self.tell(Message::AskedOnce(inside.len()));
            }
        }
    }
}
