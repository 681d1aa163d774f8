//! The kernel side, seen from user space: what this kernel can do, loading, tracking, draining.
//!
//! The only module that imports aya.

use std::{path::PathBuf, time::Duration};

use runtimemap_crds::LossCause;

use crate::fact::{Abi, Fact, Slot};

/// Failure to load, attach or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// to be extended
    #[error("not yet")]
    NotYet,
}

/// Which system calls a container made, by origin.
#[derive(Clone, Debug, Default)]
pub struct SyscallUse {
    /// Facts, each an `Act::Syscall` or `Act::SyscallDenied`.
    pub facts: Vec<Fact>,
}

/// What a container is to the kernel.
#[derive(Clone, Debug)]
pub struct Target {
    /// The cgroup's directories, one per hierarchy that takes part (see `cgroup::Cgroup`). Empty when only processes are followed.
    pub cgroups: Vec<PathBuf>,
    /// Processes to follow by themselves and with all their later children, where they have no cgroup of their own.
    pub processes: Vec<u32>,
    /// Whether the cgroup was made before anybody entered it.
    pub fresh: bool,
}

/// The loaded programs.
pub struct Kernel {}

impl Kernel {
    /// Loads and attaches every hook that this kernel can run.
    pub fn load() -> Result<Self, Error> {
        Err(Error::NotYet)
    }
    /// Begins to record a container.
    pub fn track(&mut self, _target: &Target) -> Result<Slot, Error> {
        Err(Error::NotYet)
    }
    /// Waits at most `timeout` for records and hands them on as facts, oldest first per processor.
    pub fn drain(&mut self, _timeout: Duration, _sink: &mut dyn FnMut(Fact)) -> Result<(), Error> {
        Err(Error::NotYet)
    }
    /// Reads the tables of system calls.
    pub fn syscalls(&self, _slot: Slot) -> Result<Vec<Fact>, Error> {
        Err(Error::NotYet)
    }
    /// Reads the loss counters.
    pub fn losses(&self, _slot: Slot) -> Result<Vec<(LossCause, u64)>, Error> {
        Err(Error::NotYet)
    }
    /// Hooks that are missing, each with what that costs, in words.
    pub fn gaps(&self) -> Vec<String> {
        Vec::new()
    }
    /// The table of hooks of this kernel, for `check`.
    pub fn check() -> Result<String, Error> {
        Err(Error::NotYet)
    }
}

#[expect(unused, reason = "used by the record side")]
type _Used = Abi;
