//! Processes and their children.

use std::collections::{BTreeMap, BTreeSet};

use procfs::process::{Process, all_processes};

/// Processes by id, each with its start in clock ticks since boot, so that another one of the same id is not taken for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    known: BTreeMap<u32, u64>,
}

impl Processes {
    /// A process and all that descend from it; empty if it has ended.
    pub fn of_tree(pid: u32) -> Self {
        let mut found = Self::default();
        if let Some((id, _, start)) = Process::new(pid.cast_signed()).ok().as_ref().and_then(facts) {
            found.known.insert(id, start);
            found.add_children();
        }
        found
    }

    /// Their ids.
    pub fn pids(&self) -> BTreeSet<u32> {
        self.known.keys().copied().collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets those that have ended and adds their new children. Whether any still runs.
    pub fn refresh(&mut self) -> bool {
        self.add_children();
        self.known
            .retain(|&pid, start| Process::new(pid.cast_signed()).ok().as_ref().and_then(facts).is_some_and(|(_, _, now)| now == *start));
        !self.is_empty()
    }

    fn add_children(&mut self) {
        let all: Vec<(u32, u32, u64)> = all_processes().into_iter().flatten().flatten().filter_map(|process| facts(&process)).collect();
        loop {
            let before = self.known.len();
            for (pid, parent, start) in &all {
                if self.known.contains_key(parent) {
                    self.known.insert(*pid, *start);
                }
            }
            if self.known.len() == before {
                return;
            }
        }
    }
}

/// Id, parent and start of a process that has not ended.
fn facts(process: &Process) -> Option<(u32, u32, u64)> {
    let stat = process.stat().ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then_some((stat.pid.cast_unsigned(), stat.ppid.cast_unsigned(), stat.starttime))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn a_tree_has_its_grandchildren_and_forgets_what_has_ended() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'echo ready; read x' ; read y"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut tree = Processes::of_tree(shell.id());
        assert_eq!(tree.pids().len(), 2);
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert!(!tree.refresh());
        assert!(Processes::of_tree(u32::MAX >> 1).is_empty());
    }
}
