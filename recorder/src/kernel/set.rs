//! Maps and programs: of an object that was loaded just now, or pinned by a recorder before this one.

use std::collections::HashMap;

use aya::{
    Ebpf,
    maps::Map,
    programs::{Program, ProgramFd},
};

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
        programs: HashMap<String, Program>,
    },
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
            Self::Adopted { programs, .. } => programs.get_mut(name),
        }
    }

    /// Programs that are loaded.
    pub(super) fn programs(&self) -> Vec<(&str, &Program)> {
        let all: Vec<(&str, &Program)> = match self {
            Self::Loaded(bpf) => bpf.programs().collect(),
            Self::Adopted { programs, .. } => programs.iter().map(|(name, program)| (name.as_str(), program)).collect(),
        };
        all.into_iter().filter(|(_, program)| program.fd().is_ok()).collect()
    }

    /// Descriptors of the programs that are loaded.
    pub(super) fn descriptors(&self) -> Vec<&ProgramFd> {
        self.programs().into_iter().filter_map(|(_, program)| program.fd().ok()).collect()
    }
}

fn missing(name: &'static str) -> Error {
    Error::Map { name, error: "not in the object".to_owned() }
}
