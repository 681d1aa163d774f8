//! What strace's log says that a run did.

mod address;
mod exec;
mod name;
mod open;
mod process;
mod socket;

use std::{collections::BTreeMap, path::Path};

use crate::{
    sets::{self, Column, Sets},
    strace::{Call, Event, Outcome, Unreadable},
};

use open::Opened;
use process::Processes;
use socket::Sockets;

/// What strace saw.
#[derive(Debug, Default)]
pub struct Witness {
    /// What happened for certain.
    pub sets: Sets,
    /// Lines that may or may not have happened, each with the reason.
    pub doubtful: BTreeMap<(Column, String), &'static str>,
    /// Opens whose path is too long for strace to show.
    pub nameless: usize,
}

impl Witness {
    /// Adds what strace cannot see and the program's own log, or who wrote it, knows.
    ///
    /// # Errors
    /// If there were more opens without a name than are added here.
    pub fn add(&mut self, own: &Sets) -> Result<(), Unreadable> {
        if self.nameless > own.get(Column::Opens).len() {
            return Err(Unreadable::new("opens that neither strace nor the program names", &self.nameless.to_string()));
        }
        for column in Column::ALL {
            for line in own.get(column) {
                self.sets.insert(column, line.clone());
            }
        }
        Ok(())
    }
}

/// strace stops a thread before the kernel enters the call. A thread that is killed there has not entered it.
const KILLED_AT_ENTRY: &str = "strace shows a call at which its thread was killed before the kernel entered it";

/// Calls that never return: strace cannot see their end.
const ENDLESS: [&str; 2] = ["exit", "exit_group"];

/// Reads events. What `first`, which is in `directory`, does before it becomes the program to record is the recorder's own.
///
/// # Errors
/// If a call cannot be read or understood.
pub fn witness(events: &[Event<'_>], first: u32, directory: &Path) -> Result<Witness, Unreadable> {
    let mut seen = Witness::default();
    let mut processes = Processes::new(events, first, directory);
    let mut sockets = Sockets::default();
    let mut started = false;
    for event in events {
        let call = match event {
            Event::Exited(pid) => {
                processes.exited(*pid);
                continue;
            }
            Event::Mode { pid, compat } => {
                processes.runs_in(*pid, *compat);
                continue;
            }
            Event::Call(call) => call,
        };
        let at = |error: Unreadable| error.at(call.began);
        if !started {
            started = call.pid == first && is_exec(call) && call.number() == Some(0);
            if started {
                seen.sets.insert(Column::Execs, processes.exec(call).map_err(at)?);
            }
            continue;
        }
        let compat = processes.compat(call).map_err(at)?;
        let line = sets::syscall(compat, &name::kernels(compat, call.name));
        if call.outcome == Outcome::Never && !ENDLESS.contains(&call.name) {
            seen.doubtful.insert((Column::Syscalls, line), KILLED_AT_ENTRY);
        } else {
            seen.sets.insert(Column::Syscalls, line);
        }
        if is_exec(call) && call.number() == Some(0) {
            seen.sets.insert(Column::Execs, processes.exec(call).map_err(at)?);
        }
        match open::line(call).map_err(at)? {
            Opened::Nothing => {}
            Opened::File(line) => seen.sets.insert(Column::Opens, line),
            Opened::Nameless => seen.nameless += 1,
        }
        processes.changed(call).map_err(at)?;
        sockets.changed(call).map_err(at)?;
    }
    if !started {
        return Err(Unreadable::new("the program never started", ""));
    }
    sockets.lines(&mut seen.sets)?;
    let certain = seen.sets.clone();
    seen.doubtful.retain(|(column, line), _| !certain.get(*column).contains(line));
    Ok(seen)
}

fn is_exec(call: &Call<'_>) -> bool {
    matches!(call.name, "execve" | "execveat")
}
