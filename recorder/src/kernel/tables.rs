//! Tables that are read, not streamed: system calls, losses, misses.

use aya::{
    maps::{Array, Map, MapData, PerCpuArray, PerCpuValues},
    util::nr_cpus,
};
use runtimemap_crds::LossCause;
use runtimemap_recorder_ebpf::{SYSCALLS, SyscallTable, abi, loss, origin};

use super::{
    Error, bpf, decode,
    load::{Plain, chain},
    set::Set,
};
use crate::fact::{Act, Fact, Slot};

/// Every system call in the container's table.
pub(super) fn syscalls(set: &Set, slot: Slot) -> Result<Vec<Fact>, Error> {
    calls_in(set.map("SYSCALL_TABLES")?, slot)
}

/// The same where the table has other marks than so many, which are then known; else nothing.
pub(super) fn more_syscalls(set: &Set, slot: Slot, known: &mut usize) -> Result<Vec<Fact>, Error> {
    let table = table(set.map("SYSCALL_TABLES")?, slot)?;
    let marks = table.entered.as_flattened().as_flattened().iter().chain(table.left.as_flattened());
    let marks = marks.map(|mark| usize::from(*mark != 0)).sum();
    Ok(if std::mem::replace(known, marks) == marks { Vec::new() } else { facts(&table, slot) })
}

/// Every system call in a table.
pub(super) fn calls_in(map: &Map, slot: Slot) -> Result<Vec<Fact>, Error> {
    Ok(facts(&table(map, slot)?, slot))
}

fn table(map: &Map, slot: Slot) -> Result<SyscallTable, Error> {
    let name = "SYSCALL_TABLES";
    let array: Array<&MapData, Plain<SyscallTable>> = Array::try_from(map).map_err(|error| failed(name, &error))?;
    Ok(array.get(&slot.0, 0).map_err(|error| failed(name, &error))?.0)
}

/// What a table says. Refused are calls that ended in an error under a filter and were never entered.
fn facts(SyscallTable { entered, left }: &SyscallTable, slot: Slot) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |origin, act| facts.push(Fact { slot, origin, pid: 0, time: 0, act });
    for table in [abi::NATIVE, abi::COMPAT] {
        let abi = decode::table(table);
        for call in 0..SYSCALLS {
            let number = call as u32;
            let by = |origin: u32| entered[origin as usize][table as usize][call] != 0;
            for origin in [origin::RUNTIME, origin::ENTRYPOINT, origin::ENTERED] {
                if let (true, Some(who)) = (by(origin), decode::origin_of(origin)) {
                    add(who, Act::Syscall { abi, number });
                }
            }
            if left[table as usize][call] != 0 && !by(origin::ENTRYPOINT) && !by(origin::ENTERED) {
                add(runtimemap_crds::Origin::Entrypoint, Act::SyscallDenied { abi, number });
            }
        }
    }
    facts
}

/// Empties a slot's tables for the next container.
pub(super) fn clear(set: &mut Set, slot: Slot) -> Result<(), Error> {
    let name = "SYSCALL_TABLES";
    let mut calls: Array<&mut MapData, Plain<SyscallTable>> = Array::try_from(set.map_mut(name)?).map_err(|error| failed(name, &error))?;
    let empty = SyscallTable { entered: [[[0; SYSCALLS]; abi::COUNT]; origin::COUNT], left: [[0; SYSCALLS]; abi::COUNT] };
    calls.set(slot.0, Plain(empty), 0).map_err(|error| failed(name, &error))?;
    let name = "LOSSES";
    let mut losses: PerCpuArray<&mut MapData, Plain<[u64; loss::COUNT]>> =
        PerCpuArray::try_from(set.map_mut(name)?).map_err(|error| failed(name, &error))?;
    let processors = nr_cpus().map_err(|(path, error)| Error::Map { name, error: format!("{path}: {error}") })?;
    let none = PerCpuValues::try_from(vec![Plain([0; loss::COUNT]); processors]);
    let none = none.map_err(|error| Error::Map { name, error: error.to_string() })?;
    losses.set(slot.0, none, 0).map_err(|error| failed(name, &error))
}

/// How often something new was written into any container's tables or counters.
pub(super) fn news(set: &Set) -> Result<u64, Error> {
    let name = "NEWS";
    let array: PerCpuArray<&MapData, u64> = PerCpuArray::try_from(set.map(name)?).map_err(|error| failed(name, &error))?;
    Ok(array.get(&0, 0).map_err(|error| failed(name, &error))?.iter().sum())
}

/// Loss counters of a container.
pub(super) fn losses(set: &Set, slot: Slot) -> Result<Vec<(LossCause, u64)>, Error> {
    losses_in(set.map("LOSSES")?, slot)
}

/// Loss counters of a container in a map of them.
pub(super) fn losses_in(map: &Map, slot: Slot) -> Result<Vec<(LossCause, u64)>, Error> {
    let name = "LOSSES";
    let array: PerCpuArray<&MapData, Plain<[u64; loss::COUNT]>> = PerCpuArray::try_from(map).map_err(|error| failed(name, &error))?;
    let counters = array.get(&slot.0, 0).map_err(|error| failed(name, &error))?;
    let causes = [
        (loss::RING_FULL, LossCause::RingFull),
        (loss::MAP_FULL, LossCause::MapFull),
        (loss::TOO_LONG, LossCause::TooLong),
        (loss::UNRESOLVED, LossCause::Unresolved),
        (loss::THROTTLED, LossCause::Throttled),
        (loss::MISSED, LossCause::Missed),
    ];
    Ok(causes.map(|(index, cause)| (cause, counters.iter().map(|Plain(counter)| counter[index as usize]).sum())).to_vec())
}

/// Runs that the kernel skipped, over all programs.
pub(super) fn missed(set: &Set) -> u64 {
    set.descriptors().into_iter().map(bpf::misses).sum()
}

/// Programs in use and how many instructions their verification took.
pub(super) fn programs(set: &Set) -> Vec<(String, Option<u32>)> {
    let mut programs: Vec<_> = set
        .programs()
        .into_iter()
        .filter_map(|(name, program)| Some((name.to_owned(), program.info().ok()?.verified_instruction_count())))
        .collect();
    programs.sort();
    programs
}

fn failed(name: &'static str, error: &aya::maps::MapError) -> Error {
    Error::Map { name, error: chain(error) }
}
