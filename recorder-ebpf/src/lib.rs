//! What kernel and user space agree on: the layout of records, tables and settings.
//!
//! Integers only, `repr(C)`, no padding that carries meaning. Both sides are always built together, so nothing here is versioned.
#![no_std]

pub mod offsets;
pub mod record;

/// Origins a task can have in the kernel's tables; the index of its system call table.
pub mod origin {
    /// The container runtime, between entering the cgroup and its last exec.
    pub const RUNTIME: u32 = 0;
    /// The container's own command and all that it started.
    pub const ENTRYPOINT: u32 = 1;
    /// A command that entered a running container: a probe or `kubectl exec`.
    pub const ENTERED: u32 = 2;
    /// How many there are.
    pub const COUNT: usize = 3;
}

/// System call tables of one processor.
pub mod abi {
    /// The machine's own.
    pub const NATIVE: u32 = 0;
    /// The 32-bit one beside it.
    pub const COMPAT: u32 = 1;
    /// How many there are.
    pub const COUNT: usize = 2;
}

/// System call numbers that have a byte in the tables; higher ones travel as records.
pub const SYSCALLS: usize = 512;

/// Which system calls a container made: one byte each, since a plain store of a byte loses no neighbour's.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SyscallTable {
    /// Entered, by origin and ABI.
    pub entered: [[[u8; SYSCALLS]; abi::COUNT]; origin::COUNT],
    /// Left while a seccomp filter was on. Left but never entered means refused.
    pub left: [[u8; SYSCALLS]; abi::COUNT],
}

/// Key of a cgroup. Ids repeat across hierarchies; hierarchy 0 is v2.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CgroupKey {
    /// `cgroup_root.hierarchy_id`.
    pub hierarchy: u64,
    /// `kernfs_node.id`, the inode number of the directory from Linux 5.5 on.
    pub id: u64,
}

/// The container that a cgroup belongs to.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Container {
    /// Index in every table by container.
    pub slot: u32,
    /// Changes each time the slot is used again, so that old marks hide no new fact.
    pub epoch: u32,
}

/// What a cgroup above containers is: values of the map ABOVE. As slots of a record they are none: every real one is lower.
pub mod place {
    /// A pod's cgroup: what is made below it is a container and takes a slot from the queue READY.
    pub const POD: u32 = u32::MAX - 1;
    /// A cgroup of the kubelet: what is made below it is a pod.
    pub const PODS: u32 = u32::MAX;
}

/// Slots that lie ready for containers to come.
pub const READY: u32 = 256;

/// A container, and who in it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Who {
    /// The container.
    pub container: Container,
    /// Origin of the process.
    pub origin: u32,
    /// Its id (thread group).
    pub pid: u32,
}

/// State of a slot that the kernel writes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotState {
    /// Set once the container's own command was started.
    pub started: u64,
    /// Tokens left for new facts.
    pub tokens: u64,
    /// When tokens were last added, in nanoseconds since boot.
    pub refilled: u64,
    /// Epoch of the slot, for an agent that adopts it; 0 if it never was in use.
    pub epoch: u32,
    /// 1 while somebody has the slot.
    pub taken: u32,
}

/// A process that belongs to a container.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Task {
    /// What no version has.
    #[cfg(feature = "other-layout")]
    pub other: u64,
    /// Its container.
    pub container: Container,
    /// Its origin.
    pub origin: u32,
    /// 1 if it is followed by itself, whatever its cgroup.
    pub followed: u32,
    /// Of a runtime's: the address of its memory (`mm_struct`). With another one it has started a program since, whether the kernel told of
    /// that or not.
    pub mm: u64,
}

impl Task {
    /// Nobody's process, as a runtime's begins.
    pub const NONE: Self = Self {
        #[cfg(feature = "other-layout")]
        other: 0,
        container: Container { slot: 0, epoch: 0 },
        origin: origin::RUNTIME,
        followed: 0,
        mm: 0,
    };
}

/// Why something was not recorded; the index of its counter.
pub mod loss {
    /// The ring or perf buffer was full.
    pub const RING_FULL: u32 = 0;
    /// A map was full.
    pub const MAP_FULL: u32 = 1;
    /// Longer than what is read.
    pub const TOO_LONG: u32 = 2;
    /// The kernel's structures could not be read.
    pub const UNRESOLVED: u32 = 3;
    /// The container's share was used up.
    pub const THROTTLED: u32 = 4;
    /// The kernel did not tell of the end of a call.
    pub const MISSED: u32 = 5;
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// What `sys_exit` does at the end of a system call: the value of the map CALLS at `abi * SYSCALLS + number`.
pub mod call {
    /// Nothing.
    pub const NONE: u8 = 0;
    /// The result is a new file descriptor, the flags are argument 1 (open).
    pub const OPEN_FLAGS_1: u8 = 1;
    /// The same with the flags in argument 2 (openat, open_by_handle_at).
    pub const OPEN_FLAGS_2: u8 = 2;
    /// The same with flags inside the structure that argument 2 points to (openat2).
    pub const OPEN_HOW_2: u8 = 3;
    /// The same with the fixed flags of creat.
    pub const OPEN_CREAT: u8 = 4;
    /// The socket in argument 0 listens.
    pub const LISTEN: u8 = 5;
    /// The socket in argument 0 is bound.
    pub const BIND: u8 = 6;
    /// Added to one of the above: only if another program was to tell of it and did not. Without one of the above that is a loss.
    pub const IF_UNTOLD: u8 = 0x80;
}

/// Settings that the loader writes before the programs are verified.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Hierarchy by which tasks are told apart; 0 is v2.
    pub hierarchy: u64,
    /// Start value of every hash.
    pub seed: u64,
    /// New facts per second and container.
    pub rate: u64,
    /// New facts at once and container.
    pub burst: u64,
    /// Address ranges of functions whose capability checks mean nothing (NOAUDIT), pairs of first and one past the last.
    pub quiet: [u64; 16],
}
