//! Signals as a file: blocked, read one by one, with their senders.

use std::{io, os::fd::AsFd, time::Duration};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask},
        signalfd::{SfdFlags, SignalFd},
    },
};

/// Signals that a recorder passes on or ends by.
const TAKEN: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGTSTP,
    Signal::SIGCONT,
];

/// A signal that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Which.
    pub signal: Signal,
    /// Whether the kernel sent it, which it does for a key of the terminal: then the whole foreground group has it already.
    pub from_terminal: bool,
    /// Process that sent it; 0 if none did.
    pub sender: u32,
}

/// The signals of this process. They stay blocked when this is dropped.
#[derive(Debug)]
pub(super) struct Signals {
    file: SignalFd,
    original: SigSet,
}

impl Signals {
    /// Blocks the signals, from now on to be had from [`Signals::next`].
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn take() -> io::Result<Self> {
        // Inherited as ignored, children would vanish without a status.
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler is installed.
        unsafe { sigaction(Signal::SIGCHLD, &default) }?;
        let mut mask: SigSet = TAKEN.into_iter().collect();
        mask.add(Signal::SIGCHLD);
        let mut original = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), Some(&mut original))?;
        Ok(Self { file: SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?, original })
    }

    /// The mask that was in force before.
    pub(super) fn original(&self) -> &SigSet {
        &self.original
    }

    /// Waits for a signal or until the time is over; None waits for ever.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map_or(PollTimeout::NONE, |timeout| PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX));
        match poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next signal that has arrived, if any.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn next(&self) -> io::Result<Option<Arrived>> {
        let Some(info) = self.file.read_signal()? else { return Ok(None) };
        let signal = Signal::try_from(info.ssi_signo.cast_signed())?;
        let from_terminal = info.ssi_code == libc::SI_KERNEL;
        Ok(Some(Arrived { signal, from_terminal, sender: if from_terminal { 0 } else { info.ssi_pid } }))
    }
}
