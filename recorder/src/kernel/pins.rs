//! Pins: maps, programs and links that outlast the recorder, in one folder of a BPF file system.
//!
//! A folder is named after all that has to fit: both objects, the options, and the ledger that the slots belong to. Whoever finds a
//! folder of its own name adopts it; others belong to an older recorder.

use std::{
    collections::HashMap,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use aya::{
    maps::{Map, MapData},
    programs::{CgroupSkb, CgroupSkbAttachType, KProbe, ProbeKind, Program, RawTracePoint, TracePoint},
};

use super::{
    Options, bpf,
    hooks::{Attach, LADDERS},
    links::Links,
    load::{Choice, chain},
    set::{Adopted, Set},
};

/// Where pins go, and to whose ledger they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// A folder of this recorder alone in a BPF file system; made if it is not there.
    pub root: PathBuf,
    /// Name of the ledger.
    pub ledger: String,
}

/// Parts of a folder.
const MAPS: &str = "maps";
pub(super) const PROGRAMS: &str = "programs";
const LINKS: &str = "links";
/// End of the name of a folder that is not finished.
const UNFINISHED: &str = "-unfinished";

impl Pins {
    /// Makes the root. In words why not, where that is impossible.
    pub(super) fn prepare(&self) -> Result<(), String> {
        let Some(above) = self.root.parent() else { return Err("it has no name".to_owned()) };
        if !is_bpf(above).map_err(|error| format!("{}: {error}", above.display()))? {
            return Err(format!("{} is no BPF file system; mount one with `mount -t bpf bpf {}`", above.display(), above.display()));
        }
        match fs::create_dir(&self.root) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(format!("{}: {error}", self.root.display())),
            _ => Ok(()),
        }
    }

    /// The folder of this recorder, with these options, and this ledger.
    pub(super) fn folder(&self, options: &Options, objects: &[&[u8]]) -> PathBuf {
        let Options { hierarchy, controller, unified, avoid, slots, rate, burst, buffer, pins: _ } = options;
        // Another hash with another compiler is fine: then nothing is adopted.
        let mut hash = DefaultHasher::new();
        (hierarchy, controller, unified, avoid, slots, rate, burst, buffer, objects).hash(&mut hash);
        self.root.join(format!("{:016x}-{}", hash.finish(), self.ledger))
    }

    /// Folders of other recorders, and whether their slots belong to this ledger.
    pub(super) fn others(&self, own: &Path) -> Vec<(PathBuf, bool)> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let others = entries.map(|entry| entry.path()).filter(|path| path != own);
        others.map(|path| (path.clone(), path.to_string_lossy().ends_with(&format!("-{}", self.ledger)))).collect()
    }
}

/// Pins everything, links last, so that a folder of its final name is whole.
///
/// # Errors
/// In words, if anything cannot be pinned. The links have ended then.
pub(super) fn pin(folder: &Path, set: &mut Set, mut links: Links) -> Result<Links, String> {
    let unfinished = folder.with_file_name(format!("{}{UNFINISHED}", folder.file_name().unwrap_or_default().to_string_lossy()));
    remove(&unfinished).map_err(|error| format!("{}: {error}", unfinished.display()))?;
    let make = |path: &Path| fs::create_dir(path).map_err(|error| format!("{}: {error}", path.display()));
    make(&unfinished)?;
    for part in [MAPS, PROGRAMS, LINKS] {
        make(&unfinished.join(part))?;
    }
    for (name, map) in set.maps() {
        map.pin(unfinished.join(MAPS).join(name)).map_err(|error| format!("{name}: {}", chain(&error)))?;
    }
    let names: Vec<String> = set.programs().iter().map(|(name, _)| (*name).to_owned()).collect();
    for name in names {
        if let Some(program) = set.program_mut(&name) {
            program.pin(unfinished.join(PROGRAMS).join(&name)).map_err(|error| format!("{name}: {}", chain(&error)))?;
        }
    }
    links.pin_to(unfinished.join(LINKS))?;
    fs::rename(&unfinished, folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Links::adopt(folder.join(LINKS))
}

/// Takes over what is pinned.
///
/// # Errors
/// In words, if something of it cannot be used.
pub(super) fn adopt(folder: &Path) -> Result<(Set, Links, Vec<Choice>), String> {
    let mut maps = HashMap::new();
    for entry in fs::read_dir(folder.join(MAPS)).map_err(|error| error.to_string())?.flatten() {
        maps.insert(entry.file_name().to_string_lossy().into_owned(), map(&entry.path())?);
    }
    let mut programs = HashMap::new();
    for wanted in LADDERS.iter().flat_map(|ladder| ladder.rungs).flat_map(|rung| rung.programs) {
        let path = folder.join(PROGRAMS).join(wanted.name);
        if path.exists() {
            let program = program(&path, wanted.name, wanted.attach).map_err(|error| format!("{}: {error}", wanted.name))?;
            programs.insert(wanted.name.to_owned(), program);
        }
    }
    let choices = LADDERS.iter().map(|ladder| Choice::known(ladder, |name| programs.contains_key(name))).collect();
    Ok((Set::Adopted { maps, programs }, Links::adopt(folder.join(LINKS))?, choices))
}

/// A pinned map of an older recorder.
pub(super) fn old_map(folder: &Path, name: &str) -> Result<Map, String> {
    map(&folder.join(MAPS).join(name))
}

fn map(path: &Path) -> Result<Map, String> {
    let data = MapData::from_pin(path).map_err(|error| format!("{}: {}", path.display(), chain(&error)))?;
    Map::from_map_data(data).map_err(|error| format!("{}: {}", path.display(), chain(&error)))
}

fn program(path: &Path, name: &str, attach: Attach) -> Result<Adopted, String> {
    let plain = match attach {
        Attach::TypedTracepoint(_) | Attach::FExit(_) => return bpf::pinned(path).map(Adopted::Typed).map_err(|error| error.to_string()),
        Attach::RawTracepoint(_) => RawTracePoint::from_pin(path).map(Program::RawTracePoint),
        Attach::PerfTracepoint(..) => TracePoint::from_pin(path).map(Program::TracePoint),
        Attach::KProbe(_) => {
            let kind = if name.ends_with("_return") { ProbeKind::Return } else { ProbeKind::Entry };
            KProbe::from_pin(path, kind).map(Program::KProbe)
        }
        Attach::CgroupEgress => CgroupSkb::from_pin(path, CgroupSkbAttachType::Egress).map(Program::CgroupSkb),
        Attach::CgroupIngress => CgroupSkb::from_pin(path, CgroupSkbAttachType::Ingress).map(Program::CgroupSkb),
    };
    plain.map(|program| Adopted::Plain(Box::new(program))).map_err(|error| chain(&error))
}

/// Removes a folder of pins, links first: then nothing is attached that nobody reads. Fine if it is not there.
///
/// # Errors
/// If something of it stays.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder.join(LINKS)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes all pins below a root, and the root. Fine if there are none.
///
/// # Errors
/// If something of them stays.
pub fn remove_all(root: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        remove(&entry?.path())?;
    }
    fs::remove_dir(root)
}

/// Whether a folder is in a BPF file system.
fn is_bpf(folder: &Path) -> io::Result<bool> {
    let found = nix::sys::statfs::statfs(folder)?;
    Ok(found.filesystem_type() == nix::sys::statfs::BPF_FS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pins(ledger: &str) -> Pins {
        Pins { root: PathBuf::from("/sys/fs/bpf/x"), ledger: ledger.to_owned() }
    }

    #[test]
    fn a_folder_is_anothers_as_soon_as_anything_differs() {
        let options = Options::for_one(0, None, true);
        let folder = pins("a").folder(&options, &[b"object"]);
        assert_eq!(folder, pins("a").folder(&options, &[b"object"]));
        let other = Options { slots: 7, ..options.clone() };
        for different in
            [pins("b").folder(&options, &[b"object"]), pins("a").folder(&options, &[b"other"]), pins("a").folder(&other, &[b"object"])]
        {
            assert_ne!(folder, different);
        }
        // A BPF file system takes no dot in a name.
        assert!(!folder.file_name().unwrap().to_string_lossy().contains('.'));
    }

    #[test]
    fn a_folder_that_is_in_no_bpf_file_system_says_how_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins { root: folder.path().join("runtimemap"), ledger: "a".to_owned() };
        let why = pins.prepare().unwrap_err();
        assert!(why.contains("mount -t bpf bpf"), "{why}");
        assert!(!pins.root.exists());
    }
}
