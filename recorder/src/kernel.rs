//! The kernel side, seen from user space: what this kernel can do, loading, tracking, draining.
//!
//! The only module that imports aya.

mod btf;
mod decode;
mod dns;
mod hooks;
mod load;
mod output;
mod quiet;
mod tables;
mod track;

use std::{
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::Ebpf;
use runtimemap_crds::LossCause;

pub use self::load::Choice;
use crate::{
    fact::{Fact, Slot},
    snapshot::Listener,
};

/// Failure to load, attach or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel does not describe its types.
    #[error("failed to find {}: this kernel has no BTF; use one built with CONFIG_DEBUG_INFO_BTF=y (most since 5.4)", btf::PATH)]
    NoBtf,
    /// The kernel's types could not be read or lack one.
    #[error("failed to read {what} from the kernel's BTF: {error}")]
    Btf {
        /// File or member.
        what: String,
        /// What went wrong.
        error: String,
    },
    /// The bpf system call is not allowed.
    #[error(
        "failed to load eBPF programs: not permitted; run as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"
    )]
    NotPermitted,
    /// The object could not be loaded.
    #[error("failed to load the eBPF object: {error}")]
    Object {
        /// What went wrong.
        error: String,
    },
    /// No rung of a required signal holds.
    #[error("failed to observe {signal}: {tried}; see `runtimemap-recorder check`")]
    Required {
        /// The signal, in words.
        signal: &'static str,
        /// What was tried, with the error of each.
        tried: String,
    },
    /// A map could not be read or written.
    #[error("failed to use the eBPF map {name}: {error}")]
    Map {
        /// Its name.
        name: &'static str,
        /// What went wrong.
        error: String,
    },
    /// A cgroup could not be tracked.
    #[error("failed to track the cgroup {}: {error}", path.display())]
    Cgroup {
        /// Its directory.
        path: PathBuf,
        /// What went wrong.
        error: String,
    },
    /// More containers than there are slots.
    #[error("failed to track one more container: all {0} slots are in use")]
    Full(u32),
    /// The output could not be waited for.
    #[error("failed to wait for the kernel's records")]
    Wait(#[source] std::io::Error),
}

/// What can be seen; each has a ladder of hooks in `hooks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Cgroups made and released.
    Containers,
    /// Tasks that enter, fork and exit.
    Processes,
    /// Programs started.
    Execs,
    /// System calls entered.
    Syscalls,
    /// System calls refused, sockets bound and listening.
    SyscallEnds,
    /// Files opened.
    Opens,
    /// Capabilities asked for.
    Capabilities,
    /// TCP connections.
    Connections,
    /// UDP, SCTP and DNS.
    Datagrams,
}

/// How to load.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hierarchy by which tasks are told apart: a number from /proc/cgroups, 0 for v2.
    pub hierarchy: u32,
    /// A v1 controller of that hierarchy; None for v2.
    pub controller: Option<String>,
    /// Whether cgroup v2 is mounted, so that packets can be seen by cgroup.
    pub unified: bool,
    /// Rungs not to use, by name or by the part before the slash; `ringbuf` for perf buffers.
    pub avoid: Vec<String>,
    /// How many containers may be tracked at once.
    pub slots: u32,
    /// New facts per second and container.
    pub rate: u64,
    /// New facts at once and container.
    pub burst: u64,
    /// Size of the buffer between kernel and recorder, in bytes; a power of two.
    pub buffer: u32,
}

impl Options {
    /// For one container, with a share that only a flood uses up.
    pub fn for_one(hierarchy: u32, controller: Option<String>, unified: bool) -> Self {
        Self { hierarchy, controller, unified, avoid: Vec::new(), slots: 4, rate: 100_000, burst: 200_000, buffer: 8 << 20 }
    }
}

/// What a container is to the kernel.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The cgroup's directories, one per hierarchy that takes part.
    pub cgroups: Vec<PathBuf>,
    /// Processes to follow by themselves and with all their later children, where they have no cgroup of their own.
    pub processes: Vec<u32>,
    /// Whether the cgroup was made before anybody entered it.
    pub fresh: bool,
}

/// The loaded programs.
pub struct Kernel {
    bpf: Ebpf,
    output: output::Output,
    tracks: track::Tracks,
    options: Options,
    choices: Vec<Choice>,
    undecodable: u64,
}

impl Kernel {
    /// Loads and attaches every hook that this kernel can run.
    ///
    /// # Errors
    /// If the kernel has no BTF, if eBPF is not permitted, or if a required signal has no rung.
    pub fn load(options: Options) -> Result<Self, Error> {
        load::load(options)
    }

    /// Begins to record a container.
    ///
    /// # Errors
    /// If no slot is left, or a cgroup is gone.
    pub fn track(&mut self, target: &Target) -> Result<Slot, Error> {
        track::track(self, target)
    }

    /// Lets cgroups that will be made below a directory belong to a slot of their own from their first moment. Called again once the first was made, so
    /// that the next has another.
    ///
    /// # Errors
    /// If no slot is left, or the cgroup is gone.
    pub fn arm(&mut self, directory: &Path) -> Result<Slot, Error> {
        track::arm(self, directory)
    }

    /// Lets one cgroup belong to a slot in use.
    ///
    /// # Errors
    /// If the slot is free, or the cgroup is gone.
    pub fn lead(&mut self, directory: &Path, slot: Slot) -> Result<(), Error> {
        track::lead(self, directory, slot)
    }

    /// The slot that a cgroup belongs to.
    ///
    /// # Errors
    /// If the cgroup is gone.
    pub fn slot_of(&mut self, directory: &Path) -> Result<Option<Slot>, Error> {
        track::slot_of(self, directory)
    }

    /// Forgets a container. Its slot is used again, under a higher epoch, once all others are in use.
    ///
    /// # Errors
    /// If a map refuses.
    pub fn release(&mut self, slot: Slot) -> Result<(), Error> {
        track::release(self, slot)
    }

    /// Sees packets from this cgroup of v2 downward, once for all containers below it.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn packets_from(&mut self, directory: &Path) -> Result<(), Error> {
        track::packets_from(self, directory)
    }

    /// Tells whose connections those to sockets are that listened before a container was tracked.
    ///
    /// # Errors
    /// If the map refuses.
    pub fn listening(&mut self, slot: Slot, listeners: &[Listener]) -> Result<(), Error> {
        track::listening(self, slot, listeners)
    }

    /// Waits at most `timeout` for records and hands them on as facts, oldest first per processor.
    ///
    /// # Errors
    /// If the output cannot be waited for.
    pub fn drain(&mut self, timeout: Duration, sink: &mut dyn FnMut(Fact)) -> Result<(), Error> {
        let Self { output, undecodable, tracks, .. } = self;
        output.drain(timeout, &mut |bytes| match decode::fact(bytes) {
            Some((epoch, fact)) if tracks.epoch(fact.slot) == Some(epoch) => sink(fact),
            Some(_) => {}
            None => *undecodable += 1,
        })
    }

    /// Reads the tables of system calls.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn syscalls(&self, slot: Slot) -> Result<Vec<Fact>, Error> {
        tables::syscalls(&self.bpf, slot)
    }

    /// Reads the loss counters. What cannot be charged to one container is charged to each.
    ///
    /// # Errors
    /// If the counters cannot be read.
    pub fn losses(&self, slot: Slot) -> Result<Vec<(LossCause, u64)>, Error> {
        let mut losses = tables::losses(&self.bpf, slot)?;
        losses.push((LossCause::RingFull, self.output.lost()));
        losses.push((LossCause::Missed, tables::missed(&self.bpf)));
        losses.push((LossCause::Undecodable, self.undecodable));
        losses.retain(|(_, count)| *count > 0);
        Ok(losses)
    }

    /// File descriptors on which records arrive, for whoever waits for something else beside them.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.output.borrowed()
    }

    /// What this kernel's hooks cannot see, in words; empty if nothing.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> = self.choices.iter().filter_map(Choice::gap).collect();
        let by_cgroup = self.choices.iter().any(|choice| choice.used == Some("cgroup_skb"));
        if by_cgroup && self.tracks.followed() {
            gaps.push("UDP, SCTP and DNS of a process that shares its cgroup are not seen: packets are told apart by cgroup".to_owned());
        }
        gaps
    }

    /// What was chosen for each signal, and what was tried.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// How records reach user space.
    pub fn output(&self) -> &'static str {
        self.output.name()
    }

    /// Programs in use, with the number of instructions that the verifier walked (from Linux 5.16 on).
    pub fn programs(&self) -> Vec<(String, Option<u32>)> {
        tables::programs(&self.bpf)
    }
}
