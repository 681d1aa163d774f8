//! One line on the terminal while a recording runs.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use nix::unistd::{getpgrp, tcgetpgrp};

use super::session::Session;

/// Twice a second at most.
const EVERY: Duration = Duration::from_millis(500);

/// The line. Shown only where it cannot mix with what is recorded: standard error is a terminal, standard output is not one.
#[derive(Debug)]
pub(super) struct StatusLine {
    on: bool,
    shown: bool,
    last: Instant,
}

impl StatusLine {
    pub(super) fn new(quiet: bool) -> Self {
        Self { on: !quiet && io::stderr().is_terminal() && !io::stdout().is_terminal(), shown: false, last: Instant::now() }
    }

    /// Writes it again, if it is time.
    pub(super) fn update(&mut self, session: &Session) {
        if !self.on || self.last.elapsed() < EVERY {
            return;
        }
        self.last = Instant::now();
        let mut stderr = io::stderr();
        // Writing from the background may stop the recorder.
        if tcgetpgrp(&stderr) != Ok(getpgrp()) {
            return;
        }
        let (facts, lost) = session.counts();
        let lost = if lost == 0 { String::new() } else { format!(", {lost} lost") };
        // The terminal may go away; the recording does not.
        let _ = write!(stderr, "\r\x1b[Krecording: {facts} facts{lost}");
        self.shown = true;
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
