//! Processes as the log tells them: who was born of whom, where each one is, what it runs.

use std::{collections::HashMap, os::unix::ffi::OsStrExt, path::Path};

use crate::strace::{Call, Event, Unreadable, descriptor_path, quoted};

use super::exec;

/// What a process inherits and changes.
#[derive(Clone, Debug)]
pub(super) struct Process {
    /// Working directory, as seen from outside.
    pub directory: Vec<u8>,
    /// Root, as seen from outside; empty for the machine's.
    pub root: Vec<u8>,
    /// Program that it runs.
    pub program: Vec<u8>,
    /// Whether that is a 32-bit program.
    pub compat: bool,
}

impl Process {
    /// A path given by this process, as seen from outside, links not followed.
    pub(super) fn join(&self, given: &[u8]) -> Vec<u8> {
        if given.starts_with(b"/") { [self.root.as_slice(), given].concat() } else { [self.directory.as_slice(), b"/", given].concat() }
    }
}

struct Birth {
    parent: u32,
    child: u32,
    thread: bool,
    line: usize,
    used: bool,
}

/// All processes at one moment of the log.
pub(super) struct Processes {
    births: HashMap<u32, Vec<Birth>>,
    leaders: HashMap<u32, u32>,
    states: HashMap<u32, Process>,
    modes: HashMap<u32, bool>,
}

impl Processes {
    pub(super) fn new(events: &[Event<'_>], first: u32, directory: &Path) -> Self {
        let mut births: HashMap<u32, Vec<Birth>> = HashMap::new();
        for event in events {
            if let Event::Call(call) = event
                && let Some(birth) = birth(call)
            {
                births.entry(birth.child).or_default().push(birth);
            }
        }
        let state = Process { directory: directory.as_os_str().as_bytes().to_vec(), root: Vec::new(), program: Vec::new(), compat: false };
        Self { births, leaders: HashMap::from([(first, first)]), states: HashMap::from([(first, state)]), modes: HashMap::new() }
    }

    /// The process behind a call.
    pub(super) fn of(&mut self, call: &Call<'_>) -> Result<&mut Process, Unreadable> {
        if !self.leaders.contains_key(&call.pid) {
            // strace shows a child's first calls before its parent's fork returns.
            self.born(call.pid, call.began)?;
        }
        let leader = self.leaders.get(&call.pid).ok_or_else(|| Unreadable::new("a thread without a process", call.name))?;
        self.states.get_mut(leader).ok_or_else(|| Unreadable::new("a thread of a process that is gone", call.name))
    }

    /// A thread's calls are of the 32-bit table from here on, or no longer: strace says so when it changes.
    pub(super) fn runs_in(&mut self, pid: u32, compat: bool) {
        self.modes.insert(pid, compat);
    }

    /// Whether a call is of the 32-bit table.
    pub(super) fn compat(&mut self, call: &Call<'_>) -> Result<bool, Unreadable> {
        let program = self.of(call)?.compat;
        Ok(self.modes.get(&call.pid).copied().unwrap_or(program))
    }

    fn born(&mut self, child: u32, before: usize) -> Result<(), Unreadable> {
        let birth = self
            .births
            .get_mut(&child)
            .and_then(|births| births.iter_mut().find(|birth| !birth.used && birth.line < before))
            .ok_or_else(|| Unreadable::new("a process that nobody forked", &child.to_string()))?;
        birth.used = true;
        let (parent, thread) = (birth.parent, birth.thread);
        let leader = *self.leaders.get(&parent).ok_or_else(|| Unreadable::new("a process of an unknown parent", &child.to_string()))?;
        if thread {
            self.leaders.insert(child, leader);
        } else {
            let state = self.states.get(&leader).cloned().ok_or_else(|| Unreadable::new("a parent that is gone", &child.to_string()))?;
            self.leaders.insert(child, child);
            self.states.insert(child, state);
        }
        Ok(())
    }

    pub(super) fn exited(&mut self, pid: u32) {
        self.modes.remove(&pid);
        // A leader may go before its threads, which still need its state.
        if self.leaders.get(&pid).is_some_and(|leader| *leader != pid) {
            self.leaders.remove(&pid);
        } else if !self.leaders.iter().any(|(thread, leader)| *leader == pid && *thread != pid) {
            self.leaders.remove(&pid);
            self.states.remove(&pid);
        }
    }

    /// The line of a successful exec, which also changes the process.
    pub(super) fn exec(&mut self, call: &Call<'_>) -> Result<String, Unreadable> {
        self.modes.remove(&call.pid);
        let process = self.of(call)?;
        exec::line(call, process)
    }

    /// Follows what a call changes.
    pub(super) fn changed(&mut self, call: &Call<'_>) -> Result<(), Unreadable> {
        if let Some(birth) = birth(call) {
            let unused =
                self.births.get(&birth.child).is_some_and(|births| births.iter().any(|other| other.line == birth.line && !other.used));
            if unused {
                self.leaders.remove(&birth.child);
                self.born(birth.child, usize::MAX)?;
            }
            return Ok(());
        }
        if call.number() != Some(0) || !matches!(call.name, "chdir" | "fchdir" | "chroot") {
            return Ok(());
        }
        let arguments = call.split();
        let process = self.of(call)?;
        match call.name {
            "fchdir" => {
                process.directory =
                    descriptor_path(arguments[0])?.ok_or_else(|| Unreadable::new("a descriptor without path", arguments[0]))?.0;
            }
            "chdir" => process.directory = exec::resolved(&process.join(&quoted(arguments[0])?))?,
            _ => process.root = exec::resolved(&process.join(&quoted(arguments[0])?))?,
        }
        Ok(())
    }
}

fn birth(call: &Call<'_>) -> Option<Birth> {
    if !matches!(call.name, "fork" | "vfork" | "clone" | "clone3") {
        return None;
    }
    let child = u32::try_from(call.number()?).ok().filter(|child| *child > 0)?;
    Some(Birth { parent: call.pid, child, thread: call.arguments.contains("CLONE_THREAD"), line: call.began, used: false })
}
