//! What a recorder with other programs has left pinned. Nothing of it is understood but what has not changed: tables of system calls and
//! of losses.

use std::{
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

use aya::maps::Map;
use runtimemap_crds::LossCause;
use runtimemap_recorder_ebpf::{SyscallTable, loss};

use super::{
    Error, bpf,
    pins::{self, Pins},
    ring::Ring,
    tables,
};
use crate::fact::{Fact, Slot};

/// One folder of pins.
#[derive(Debug)]
pub struct Predecessor {
    folder: PathBuf,
    /// Whether its slots are those of the ledger.
    pub same_ledger: bool,
}

impl Predecessor {
    pub(super) fn find(pins: Option<&Pins>, own: Option<&Path>) -> Vec<Self> {
        let Some(pins) = pins else { return Vec::new() };
        pins.others(own.unwrap_or(Path::new(""))).into_iter().map(|(folder, same_ledger)| Self { folder, same_ledger }).collect()
    }

    /// The system calls of a slot; none if its tables are built otherwise.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn syscalls(&self, slot: Slot) -> Result<Vec<Fact>, Error> {
        let failed = |error: String| Error::Map { name: "SYSCALL_TABLES", error };
        let map = pins::old_map(&self.folder, "SYSCALL_TABLES").map_err(failed)?;
        match &map {
            Map::Array(data) if data.info().is_ok_and(|info| info.value_size() as usize == size_of::<SyscallTable>()) => {
                tables::calls_in(&map, slot)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Totals of what was lost of a slot's, as far as they are counted as they are today, and of the programs that the kernel skipped.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn losses(&self, slot: Slot) -> Result<Vec<(LossCause, u64)>, Error> {
        let failed = |error: String| Error::Map { name: "LOSSES", error };
        let map = pins::old_map(&self.folder, "LOSSES").map_err(failed)?;
        let mut losses = match &map {
            Map::PerCpuArray(data) if data.info().is_ok_and(|info| info.value_size() as usize == size_of::<[u64; loss::COUNT]>()) => {
                tables::losses_in(&map, slot)?
            }
            _ => Vec::new(),
        };
        let programs = fs::read_dir(self.folder.join(pins::PROGRAMS)).into_iter().flatten().flatten();
        let skipped = programs.filter_map(|entry| bpf::pinned(&entry.path()).ok()).map(|program| bpf::misses(program.as_fd())).sum();
        losses.push((LossCause::Missed, skipped));
        Ok(losses)
    }

    /// How many records nobody has read.
    ///
    /// # Errors
    /// If the buffer cannot be read.
    pub fn unread(&self) -> Result<u64, Error> {
        let failed = |error: String| Error::Map { name: "EVENTS", error };
        let Map::RingBuf(data) = pins::old_map(&self.folder, "EVENTS").map_err(failed)? else { return Ok(0) };
        let mut count = 0;
        Ring::new(data).map_err(|error| failed(error.to_string()))?.drain(&mut |_| count += 1);
        Ok(count)
    }

    /// Ends it.
    ///
    /// # Errors
    /// If something of it stays.
    pub fn remove(self) -> Result<(), Error> {
        pins::remove(&self.folder).map_err(|error| Error::Pins { path: self.folder.clone(), error: error.to_string() })
    }
}
