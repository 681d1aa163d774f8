//! Loading: globals, sizes, and for each signal the first rung that holds.

use aya::{
    Btf, Ebpf, EbpfLoader, Pod,
    maps::{Array, Map, MapType},
    programs::{CgroupSkb, FExit, KProbe, ProgramError, RawTracePoint},
    sys::is_map_supported,
};
use runtimemap_recorder_ebpf::{SYSCALLS, Settings, abi, call, offsets::Offsets};

use super::{
    Error, Kernel, Options, Signal, btf,
    hooks::{Attach, LADDERS, Ladder, Program, Rung},
    output::Output,
    quiet, track,
};
use crate::{fact::Abi, syscall};

static RING_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/recorder-ring"));
static PERF_OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/recorder-perf"));

/// Something of the ABI as aya wants it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Plain<T>(pub(super) T);
// SAFETY: only made around `repr(C)` types of integers without padding.
unsafe impl<T: Copy + 'static> Pod for Plain<T> {}

/// What was chosen for a signal.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The signal.
    pub signal: Signal,
    /// In words.
    pub gives: &'static str,
    /// The rung in use, if any.
    pub used: Option<&'static str>,
    /// Oldest kernel that has it.
    pub since: &'static str,
    /// Oldest kernel on which it can be pinned.
    pub pinnable: &'static str,
    /// Rungs above it, each with why it is not used.
    pub refused: Vec<(&'static str, String)>,
    /// What the rung in use does not see, or what is missing without any.
    pub limits: String,
}

impl Choice {
    /// What profiles lack, if they do.
    pub(super) fn gap(&self) -> Option<String> {
        match self.used {
            None => Some(format!("not seen: {}", self.limits)),
            Some(name) if self.signal == Signal::Opens || name == "kprobe/udp" => (!self.limits.is_empty()).then(|| self.limits.clone()),
            Some(_) => None,
        }
    }
}

/// Loads and attaches.
pub(super) fn load(options: Options) -> Result<Kernel, Error> {
    let (offsets, functions) = {
        // Dropped at once: two copies of the kernel's types would be most of the recorder's memory.
        let types = btf::Types::read()?;
        (Plain(types.offsets(options.controller.as_deref())?), functions(&types))
    };
    let quiet = quiet::ranges();
    let settings = Plain(Settings {
        hierarchy: u64::from(options.hierarchy),
        seed: seed(),
        rate: options.rate,
        burst: options.burst,
        recorder: u64::from(std::process::id()),
        quiet,
    });
    let ring = !avoided(&options, "ringbuf") && is_map_supported(MapType::RingBuf).unwrap_or(false);
    let mut bpf = object(&options, ring, &offsets, &settings)?;
    let kernel_btf = Btf::from_sys_fs().map_err(|error| Error::Btf { what: btf::PATH.to_owned(), error: error.to_string() })?;
    // Open the output before anything can write to it.
    let output = Output::open(&mut bpf, ring, options.buffer)?;
    let mut choices = Vec::new();
    for ladder in LADDERS {
        choices.push(climb(&mut bpf, ladder, &options, &functions, &kernel_btf)?);
    }
    fill_calls(&mut bpf, &choices)?;
    Ok(Kernel { bpf, output, tracks: track::Tracks::default(), options, choices, undecodable: 0 })
}

fn object(options: &Options, ring: bool, offsets: &Plain<Offsets>, settings: &Plain<Settings>) -> Result<Ebpf, Error> {
    let mut loader = EbpfLoader::new();
    loader
        .override_global("OFFSETS", offsets, true)
        .override_global("SETTINGS", settings, true)
        .map_max_entries("SYSCALL_TABLES", options.slots)
        .map_max_entries("STATES", options.slots)
        .map_max_entries("LOSSES", options.slots);
    if ring {
        loader.map_max_entries("EVENTS", options.buffer);
    }
    loader.load(if ring { RING_OBJECT } else { PERF_OBJECT }).map_err(|error| {
        let error = chain(&error);
        // EPERM and EACCES in the text of whichever call failed first.
        if error.contains("os error 1)") || error.contains("os error 13)") { Error::NotPermitted } else { Error::Object { error } }
    })
}

/// Which functions that a hook names this kernel has.
fn functions(types: &btf::Types) -> Vec<&'static str> {
    let programs = LADDERS.iter().flat_map(|ladder| ladder.rungs).flat_map(|rung| rung.programs);
    let names = programs.flat_map(|program| match program.attach {
        Attach::FExit(names) | Attach::KProbe(names) => names,
        _ => &[],
    });
    let mut found: Vec<&str> = names.copied().filter(|name| types.parameters(name).is_some()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Takes the first rung whose programs load and attach.
fn climb(bpf: &mut Ebpf, ladder: &'static Ladder, options: &Options, functions: &[&str], kernel_btf: &Btf) -> Result<Choice, Error> {
    let mut choice = Choice {
        signal: ladder.signal,
        gives: ladder.gives,
        used: None,
        since: "",
        pinnable: "",
        refused: Vec::new(),
        limits: ladder.cost.to_owned(),
    };
    for rung in ladder.rungs {
        match hold(bpf, rung, options, functions, kernel_btf) {
            Ok(()) => {
                choice.used = Some(rung.name);
                (choice.since, choice.pinnable) = (rung.since, rung.pinnable);
                rung.limits.clone_into(&mut choice.limits);
                return Ok(choice);
            }
            Err(why) => choice.refused.push((rung.name, why)),
        }
    }
    if ladder.required {
        let tried = choice.refused.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ");
        return Err(Error::Required { signal: ladder.gives, tried });
    }
    Ok(choice)
}

fn hold(bpf: &mut Ebpf, rung: &Rung, options: &Options, functions: &[&str], kernel_btf: &Btf) -> Result<(), String> {
    if avoided(options, rung.name) {
        return Err("avoided on request".to_owned());
    }
    for (index, program) in rung.programs.iter().enumerate() {
        if let Err(why) = attach(bpf, program, options, functions, kernel_btf) {
            // A rung holds as a whole or not at all.
            for program in &rung.programs[..index] {
                unload(bpf, program);
            }
            return Err(why);
        }
    }
    Ok(())
}

fn attach(bpf: &mut Ebpf, program: &Program, options: &Options, functions: &[&str], kernel_btf: &Btf) -> Result<(), String> {
    let loaded = bpf.program_mut(program.name).ok_or_else(|| format!("no program {} in the object", program.name))?;
    let words = |error: ProgramError| chain(&error);
    match program.attach {
        Attach::RawTracepoint(name) => {
            let loaded: &mut RawTracePoint = loaded.try_into().map_err(words)?;
            loaded.load().map_err(words)?;
            loaded.attach(name).map_err(words)?;
        }
        Attach::FExit(names) => {
            let function = names.iter().find(|name| functions.contains(name)).ok_or_else(|| format!("the kernel has no {}", names[0]))?;
            let loaded: &mut FExit = loaded.try_into().map_err(words)?;
            loaded.load(function, kernel_btf).map_err(words)?;
            loaded.attach().map_err(words)?;
        }
        Attach::KProbe(names) => {
            let function = names.iter().find(|name| functions.contains(name)).unwrap_or(&names[0]);
            let loaded: &mut KProbe = loaded.try_into().map_err(words)?;
            loaded.load().map_err(words)?;
            loaded.attach(function, 0).map_err(words)?;
        }
        Attach::CgroupEgress | Attach::CgroupIngress => {
            if !options.unified {
                return Err("cgroup v2 is not mounted".to_owned());
            }
            let loaded: &mut CgroupSkb = loaded.try_into().map_err(words)?;
            loaded.load().map_err(words)?;
        }
    }
    Ok(())
}

fn unload(bpf: &mut Ebpf, program: &Program) {
    if let Some(loaded) = bpf.program_mut(program.name) {
        // It was loaded a moment ago; if it is not, there is nothing to undo.
        let _ = match loaded {
            aya::programs::Program::RawTracePoint(loaded) => loaded.unload(),
            aya::programs::Program::FExit(loaded) => loaded.unload(),
            aya::programs::Program::KProbe(loaded) => loaded.unload(),
            aya::programs::Program::CgroupSkb(loaded) => loaded.unload(),
            _ => Ok(()),
        };
    }
}

fn avoided(options: &Options, name: &str) -> bool {
    options.avoid.iter().any(|avoid| avoid == name || name.split('/').next() == Some(avoid))
}

/// Tells sys_exit what to do at the end of which calls.
fn fill_calls(bpf: &mut Ebpf, choices: &[Choice]) -> Result<(), Error> {
    let by_exit = choices.iter().any(|choice| choice.used == Some("sys_exit/open"));
    let opens: &[(&str, u8)] = &[
        ("open", call::OPEN_FLAGS_1),
        ("openat", call::OPEN_FLAGS_2),
        ("openat2", call::OPEN_HOW_2),
        ("creat", call::OPEN_CREAT),
        ("open_by_handle_at", call::OPEN_FLAGS_2),
    ];
    let sockets = [("listen", call::LISTEN), ("bind", call::BIND)];
    let map_error = |error: aya::maps::MapError| Error::Map { name: "CALLS", error: chain(&error) };
    let map = bpf.map_mut("CALLS").ok_or(Error::Map { name: "CALLS", error: "not in the object".to_owned() })?;
    let mut calls: Array<_, u8> = Array::try_from(map as &mut Map).map_err(map_error)?;
    for (name, action) in sockets.iter().chain(if by_exit { opens } else { &[] }) {
        for (table, which) in [(abi::NATIVE, Abi::Native), (abi::COMPAT, Abi::Compat)] {
            if let Some(number) = syscall::number(which, name) {
                calls.set(table * SYSCALLS as u32 + number, *action, 0).map_err(map_error)?;
            }
        }
    }
    Ok(())
}

/// A start value for hashes that nobody outside can guess.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    // The verifier's log follows on further lines; its end says why.
    let text = text.trim_end().trim_end_matches("Verifier output:").trim_end().to_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.as_slice() {
        [] => text,
        [one] => (*one).to_owned(),
        [first, .., before, last] => format!("{first} … {before} | {last}"),
        [first, last] => format!("{first} | {last}"),
    }
}
