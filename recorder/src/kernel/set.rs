//! Maps and programs: of an object that was loaded just now, or pinned by a recorder before this one.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use aya::{Ebpf, maps::Map, programs::Program};

use super::Error;

/// Maps and programs by name.
pub(super) enum Set {
    /// Loaded by this recorder.
    Loaded(Ebpf),
    /// Taken over.
    Adopted {
        /// All but the one for output.
        maps: HashMap<String, Map>,
        /// Those of the rungs in use.
        programs: HashMap<String, Adopted>,
    },
}

/// A program that was taken over.
pub(super) enum Adopted {
    /// As aya has it.
    Plain(Box<Program>),
    /// One whose types the verifier knows, which aya cannot take over with what an agent may do.
    Typed(OwnedFd),
}

impl Set {
    pub(super) fn map(&self, name: &'static str) -> Result<&Map, Error> {
        match self {
            Self::Loaded(bpf) => bpf.map(name),
            Self::Adopted { maps, .. } => maps.get(name),
        }
        .ok_or_else(|| missing(name))
    }

    pub(super) fn map_mut(&mut self, name: &'static str) -> Result<&mut Map, Error> {
        match self {
            Self::Loaded(bpf) => bpf.map_mut(name),
            Self::Adopted { maps, .. } => maps.get_mut(name),
        }
        .ok_or_else(|| missing(name))
    }

    pub(super) fn take_map(&mut self, name: &'static str) -> Result<Map, Error> {
        match self {
            Self::Loaded(bpf) => bpf.take_map(name),
            Self::Adopted { maps, .. } => maps.remove(name),
        }
        .ok_or_else(|| missing(name))
    }

    /// All maps that are still there, but what the compiler made for constants: only programs use that.
    pub(super) fn maps(&self) -> Vec<(&str, &Map)> {
        match self {
            Self::Loaded(bpf) => bpf.maps().filter(|(name, _)| !name.starts_with('.')).collect(),
            Self::Adopted { maps, .. } => maps.iter().map(|(name, map)| (name.as_str(), map)).collect(),
        }
    }

    pub(super) fn program_mut(&mut self, name: &str) -> Option<&mut Program> {
        match self {
            Self::Loaded(bpf) => bpf.program_mut(name),
            Self::Adopted { programs, .. } => match programs.get_mut(name) {
                Some(Adopted::Plain(program)) => Some(program),
                Some(Adopted::Typed(_)) | None => None,
            },
        }
    }

    /// A program that was taken over, and that aya does not have.
    pub(super) fn typed(&self, name: &str) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Adopted { programs, .. } => match programs.get(name) {
                Some(Adopted::Typed(program)) => Some(program.as_fd()),
                Some(Adopted::Plain(_)) | None => None,
            },
            Self::Loaded(_) => None,
        }
    }

    /// Programs of aya's that are loaded.
    pub(super) fn programs(&self) -> Vec<(&str, &Program)> {
        let all: Vec<(&str, &Program)> = match self {
            Self::Loaded(bpf) => bpf.programs().collect(),
            Self::Adopted { programs, .. } => {
                let plain = programs.iter().filter_map(|(name, program)| match program {
                    Adopted::Plain(program) => Some((name.as_str(), program.as_ref())),
                    Adopted::Typed(_) => None,
                });
                plain.collect()
            }
        };
        all.into_iter().filter(|(_, program)| program.fd().is_ok()).collect()
    }

    /// Descriptors of the programs that are loaded.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let plain = self.programs().into_iter().filter_map(|(_, program)| program.fd().ok()).map(AsFd::as_fd);
        let typed = match self {
            Self::Adopted { programs, .. } => programs.keys().filter_map(|name| self.typed(name)).collect(),
            Self::Loaded(_) => Vec::new(),
        };
        plain.chain(typed).collect()
    }
}

fn missing(name: &'static str) -> Error {
    Error::Map { name, error: "not in the object".to_owned() }
}
