//! Maps that more than one family of hooks uses. Sizes are defaults; the loader may set others.

use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, Queue},
};
use runtimemap_recorder_ebpf::{CgroupKey, Container, READY, SYSCALLS, SlotState, SyscallTable, Task, abi, loss};

/// Which container a cgroup belongs to.
#[map]
pub static CGROUPS: HashMap<CgroupKey, Container> = HashMap::with_max_entries(8192, 0);
/// What a cgroup above containers is: one of `place`. A map of its own: a comparison with the container's slot, folded into each lookup,
/// is what verifiers of 5.10 refuse.
#[map]
pub static ABOVE: HashMap<CgroupKey, u32> = HashMap::with_max_entries(8192, 0);
/// Processes of containers, by thread group.
#[map]
pub static TASKS: HashMap<u32, Task> = HashMap::with_max_entries(65536, 0);
/// How many processes are followed by themselves: element 0.
#[map]
pub static FOLLOWED: Array<u32> = Array::with_max_entries(1, 0);
/// Slots for containers to come, each emptied before it lies here.
#[map]
pub static SLOTS_READY: Queue<Container> = Queue::with_max_entries(READY, 0);
/// Thread group of the recorder itself, which is never recorded: element 0. No setting, since the next recorder adopts the programs.
#[map]
pub static RECORDER: Array<u32> = Array::with_max_entries(1, 0);
/// System calls, by slot.
#[map]
pub static SYSCALL_TABLES: Array<SyscallTable> = Array::with_max_entries(1024, 0);
/// State of slots.
#[map]
pub static STATES: Array<SlotState> = Array::with_max_entries(1024, 0);
/// Loss counters, by slot. Per processor: no atomics before 5.12.
#[map]
pub static LOSSES: PerCpuArray<[u64; loss::COUNT]> = PerCpuArray::with_max_entries(1024, 0);
/// How often something new was written into a table of system calls or a loss counter, whosever it is: element 0. While it stays, nobody has
/// to read those.
#[map]
pub static NEWS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);
/// What was handed out already.
#[map]
pub static SEEN: LruHashMap<[u64; 2], u8> = LruHashMap::with_max_entries(65536, 0);
/// What to do when a call has succeeded, see `call`.
#[map]
pub static CALLS: Array<u8> = Array::with_max_entries((SYSCALLS * abi::COUNT) as u32, 0);
