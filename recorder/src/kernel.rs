//! The kernel side, seen from user space: what this kernel can do, loading, tracking, draining.
//!
//! The only module that imports aya.

mod attach;
mod bpf;
mod btf;
mod decode;
mod dns;
mod hooks;
mod interrupts;
mod links;
mod load;
mod output;
mod pins;
mod predecessor;
mod quiet;
mod ring;
mod set;
mod tables;
mod track;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use aya::maps::Array;
use runtimemap_crds::LossCause;

pub use self::{
    load::Choice,
    pins::{Pins, remove_all},
    predecessor::Predecessor,
};
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
    /// A program could not be attached or detached.
    #[error("failed to attach or detach {program}: {error}")]
    Attach {
        /// Its name.
        program: &'static str,
        /// What went wrong.
        error: String,
    },
    /// Pins are in the way.
    #[error("failed to remove {}, which a recorder before this one has pinned: {error}; remove it by `runtimemap-recorder detach`", path.display())]
    Pins {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        error: String,
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

impl Signal {
    /// Whether its hooks run often: they are attached only while somebody is learned.
    pub(crate) fn hot(self) -> bool {
        !matches!(self, Self::Containers | Self::Processes | Self::Execs)
    }
}

/// A cgroup that was made where pods or containers appear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The container's slot; None for a pod.
    pub slot: Option<Slot>,
    /// Its path in the hierarchy of identity.
    pub path: String,
    /// When, in nanoseconds since boot.
    pub time: u64,
}

/// What comes out of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Something that a container did.
    Fact(Fact),
    /// A cgroup, before anything happens in it.
    Made(Made),
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
    /// Where all of it is pinned, so that it outlasts the recorder; None for nowhere.
    pub pins: Option<Pins>,
}

impl Options {
    /// For one container, with a share that only a flood uses up.
    pub fn for_one(hierarchy: u32, controller: Option<String>, unified: bool) -> Self {
        Self { hierarchy, controller, unified, avoid: Vec::new(), slots: 4, rate: 100_000, burst: 200_000, buffer: 8 << 20, pins: None }
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
    set: set::Set,
    links: links::Links,
    output: output::Output,
    tracks: track::Tracks,
    options: Options,
    choices: Vec<Choice>,
    /// Functions of this kernel that hooks name.
    functions: Vec<&'static str>,
    /// Cgroups whose packets are seen while the hooks that run often are attached.
    packets: Vec<PathBuf>,
    hot: bool,
    adopted: bool,
    folder: Option<PathBuf>,
    unpinned: Option<String>,
    /// Why what a recorder before this one left was not taken over, although it would have fitted.
    unadopted: Option<String>,
    undecodable: u64,
}

impl Kernel {
    /// Loads and attaches every hook that this kernel can run, or takes over those that a recorder before this one has pinned.
    ///
    /// # Errors
    /// If the kernel has no BTF, if eBPF is not permitted, or if a required signal has no rung.
    pub fn load(options: Options) -> Result<Self, Error> {
        load::load(options)
    }

    fn new(
        options: Options,
        mut set: set::Set,
        links: links::Links,
        choices: Vec<Choice>,
        functions: Vec<&'static str>,
    ) -> Result<Self, Error> {
        let failed = |error: aya::maps::MapError| Error::Map { name: "RECORDER", error: load::chain(&error) };
        let mut recorder: Array<_, u32> = Array::try_from(set.map_mut("RECORDER")?).map_err(failed)?;
        recorder.set(0, std::process::id(), 0).map_err(failed)?;
        let output = output::Output::open(set.take_map("EVENTS")?, options.buffer)?;
        let hot = attach::any_hot(&links);
        let (tracks, packets) = (track::Tracks::default(), Vec::new());
        let (adopted, folder, unpinned, unadopted, undecodable) = (false, None, None, None, 0);
        Ok(Self {
            set,
            links,
            output,
            tracks,
            options,
            choices,
            functions,
            packets,
            hot,
            adopted,
            folder,
            unpinned,
            unadopted,
            undecodable,
        })
    }

    /// Whether it was taken over from a recorder before this one, with all that happened since.
    pub fn adopted(&self) -> bool {
        self.adopted
    }

    /// Why nothing of it outlasts this recorder, although that was asked for.
    pub fn unpinned(&self) -> Option<&str> {
        self.unpinned.as_deref()
    }

    /// Why what a recorder before this one left was not taken over, although it would have fitted.
    pub fn unadopted(&self) -> Option<&str> {
        self.unadopted.as_deref()
    }

    /// What recorders with other programs have left pinned.
    pub fn predecessors(&self) -> Vec<Predecessor> {
        Predecessor::find(self.options.pins.as_ref(), self.folder.as_deref())
    }

    /// Attaches the hooks that run often. Those that are attached stay.
    ///
    /// # Errors
    /// If one of them cannot be.
    pub fn heat(&mut self) -> Result<(), Error> {
        attach::heat(self)?;
        self.hot = true;
        Ok(())
    }

    /// Detaches the hooks that run often: nobody is learned.
    ///
    /// # Errors
    /// If a pin of theirs cannot be removed.
    pub fn cool(&mut self) -> Result<(), Error> {
        self.hot = false;
        attach::cool(self)
    }

    /// Whether the hooks that run often are attached.
    pub fn hot(&self) -> bool {
        self.hot
    }

    /// Names of what is attached.
    pub fn attached(&self) -> Vec<String> {
        self.links.names()
    }

    /// Lets what will be made below a cgroup be pods, and what will be made below those containers.
    ///
    /// # Errors
    /// If the cgroup is gone.
    pub fn pods_below(&mut self, directory: &Path) -> Result<(), Error> {
        track::pods_below(self, directory)
    }

    /// Lets what will be made below a cgroup be containers, each with a slot of its own from its first moment.
    ///
    /// # Errors
    /// If the cgroup is gone.
    pub fn pod(&mut self, directory: &Path) -> Result<(), Error> {
        track::pod(self, directory)
    }

    /// Lets what will be made below a cgroup be nobody's.
    ///
    /// # Errors
    /// If the cgroup is gone.
    pub fn forget(&mut self, directory: &Path) -> Result<(), Error> {
        track::forget(self, directory)
    }

    /// Lays out slots for containers to come. To be called again and again.
    ///
    /// # Errors
    /// If a map refuses.
    pub fn refill(&mut self) -> Result<(), Error> {
        track::refill(self)
    }

    /// Releases what an earlier recorder has left and nobody knows.
    ///
    /// # Errors
    /// If a map refuses.
    pub fn keep_only(&mut self, used: &BTreeSet<Slot>) -> Result<(), Error> {
        track::keep_only(self, used)
    }

    /// The epoch of a slot in use.
    pub fn epoch(&self, slot: Slot) -> Option<u32> {
        self.tracks.epoch(slot)
    }

    /// Begins to record a container.
    ///
    /// # Errors
    /// If no slot is left, or a cgroup is gone.
    pub fn track(&mut self, target: &Target) -> Result<Slot, Error> {
        track::track(self, target)
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

    /// Waits at most `timeout` for records and hands them on, oldest first per processor. Until [`Kernel::give_back`] is called they stay
    /// in the buffer too, for whoever comes after a recorder that was killed.
    ///
    /// # Errors
    /// If the output cannot be waited for.
    pub fn drain(&mut self, timeout: Duration, sink: &mut dyn FnMut(Record)) -> Result<(), Error> {
        let Self { output, undecodable, tracks, .. } = self;
        output.drain(timeout, &mut |bytes| {
            if let Some((epoch, made)) = decode::made(bytes) {
                match made.slot {
                    Some(slot) if tracks.epoch(slot) == Some(epoch) => {
                        tracks.given(slot);
                        sink(Record::Made(made));
                    }
                    Some(_) => {}
                    None => sink(Record::Made(made)),
                }
                return;
            }
            match decode::fact(bytes) {
                Some((epoch, fact)) if tracks.epoch(fact.slot) == Some(epoch) => sink(Record::Fact(fact)),
                Some(_) => {}
                None => *undecodable += 1,
            }
        })
    }

    /// Gives the room of all that was drained back to the kernel.
    pub fn give_back(&self) {
        self.output.give_back();
    }

    /// How much of the room is held by what was drained and not given back, in percent.
    pub fn held(&self) -> u64 {
        self.output.held()
    }

    /// Reads the tables of system calls.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn syscalls(&self, slot: Slot) -> Result<Vec<Fact>, Error> {
        tables::syscalls(&self.set, slot)
    }

    /// The same if the table holds more than `known` marks, which are then known; else nothing. While a slot is one container's there
    /// never come to be fewer.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) fn more_syscalls(&self, slot: Slot, known: &mut usize) -> Result<Vec<Fact>, Error> {
        tables::more_syscalls(&self.set, slot, known)
    }

    /// Reads the loss counters. What cannot be charged to one container, as [`Kernel::common_losses`] has it, is charged to each.
    ///
    /// # Errors
    /// If the counters cannot be read.
    pub fn losses(&self, slot: Slot, common: &[(LossCause, u64)]) -> Result<Vec<(LossCause, u64)>, Error> {
        let mut losses = BTreeMap::new();
        for (cause, count) in tables::losses(&self.set, slot)?.iter().chain(common).filter(|(_, count)| *count > 0) {
            *losses.entry(*cause).or_default() += count;
        }
        Ok(losses.into_iter().collect())
    }

    /// How often the kernel's side wrote something new into any container's table of system calls or loss counters. While this stays the
    /// same there is nothing new in them, but for what is being written just now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn news(&self) -> Result<u64, Error> {
        tables::news(&self.set)
    }

    /// The part of the loss counters that is of no one container.
    pub fn common_losses(&self) -> Vec<(LossCause, u64)> {
        vec![
            (LossCause::RingFull, self.output.lost()),
            (LossCause::Missed, tables::missed(&self.set)),
            (LossCause::Undecodable, self.undecodable),
        ]
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
        if let Some(why) = &self.unpinned {
            gaps.push(format!("nothing is seen while the recorder restarts: {why}"));
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
        tables::programs(&self.set)
    }
}
