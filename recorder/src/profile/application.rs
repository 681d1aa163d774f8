//! A container's programs, files, capabilities and system calls.

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::{CapabilityUse, ContainerProfile, Origin};

use super::status::Notes;
use crate::{
    capability,
    fact::Abi,
    ledger::Ledger,
    syscall::{self, COMPAT_ARCHITECTURE},
};

/// The container's part of the ApplicationProfile, not yet made to fit.
pub(crate) fn container(name: &str, ledger: Ledger, notes: &mut Notes) -> ContainerProfile {
    let Ledger { execs, opens, capabilities, syscalls, denied, .. } = ledger;
    let mut unknown = BTreeSet::new();
    let mut named = |abi: Abi, numbers: &BTreeSet<u32>| -> BTreeSet<String> {
        unknown.extend(
            numbers
                .iter()
                .filter(|&&number| syscall::name(abi, number).is_none())
                .map(|number| format!("{number} ({})", architecture(abi))),
        );
        numbers.iter().map(|&number| syscall_name(abi, number)).collect()
    };
    let mut native = BTreeSet::new();
    let mut by_origin = BTreeMap::<Origin, BTreeSet<String>>::new();
    let mut compat = BTreeSet::new();
    for ((origin, abi), numbers) in &syscalls {
        let names = named(*abi, numbers);
        match (abi, origin) {
            (Abi::Compat, Origin::Runtime) => {}
            (Abi::Compat, _) => compat.extend(names),
            (Abi::Native, Origin::Entrypoint) => native.extend(names),
            (Abi::Native, _) => by_origin.entry(*origin).or_default().extend(names),
        }
    }
    for names in by_origin.values_mut() {
        names.retain(|name| !native.contains(name));
    }
    by_origin.retain(|_, names| !names.is_empty());
    let refused: BTreeSet<String> = denied.iter().flat_map(|&(abi, number)| named(abi, &BTreeSet::from([number]))).collect();
    notes.unknown_syscalls = unknown.into_iter().collect();
    let mut capabilities: Vec<CapabilityUse> = capabilities
        .into_iter()
        .map(|((number, granted), first_seen)| CapabilityUse { name: capability::name(number), granted, first_seen, pod: String::new() })
        .collect();
    capabilities.sort_by(|a, b| (&a.name, a.granted).cmp(&(&b.name, b.granted)));
    ContainerProfile {
        name: name.to_owned(),
        images: Vec::new(),
        execs: execs.into_execs(),
        opens: opens.into_opens(),
        capabilities,
        syscalls: native.into_iter().collect(),
        syscall_origins: by_origin.into_iter().map(|(origin, names)| (origin, names.into_iter().collect())).collect(),
        syscalls_denied: refused.into_iter().collect(),
        syscall_architectures: if compat.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(COMPAT_ARCHITECTURE.to_owned(), compat.into_iter().collect())])
        },
    }
}

/// Name of a system call; `syscall_<number>` for one that the table does not know.
pub fn syscall_name(abi: Abi, number: u32) -> String {
    syscall::name(abi, number).map_or_else(|| format!("syscall_{number}"), str::to_owned)
}

fn architecture(abi: Abi) -> &'static str {
    match abi {
        Abi::Native => syscall::ARCHITECTURE,
        Abi::Compat => COMPAT_ARCHITECTURE,
    }
}
