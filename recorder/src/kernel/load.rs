//! Loading: globals, sizes, and for each signal the first rung that holds.

use aya::{
    Btf, Ebpf, EbpfLoader, Pod,
    maps::{Array, MapType},
    sys::is_map_supported,
};
use runtimemap_recorder_ebpf::{SYSCALLS, Settings, abi, call, offsets::Offsets};

use super::{
    Error, Kernel, Options, Signal, attach, btf,
    hooks::{Attach, LADDERS, Ladder, Rung},
    interrupts,
    links::Links,
    pins, quiet,
    set::Set,
    track,
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

/// What the tracepoint of capabilities does not see where the kernel hides its symbols.
const HIDDEN: &str = "capabilities that the kernel only wonders about count as asked for: it hides its symbols, which CAP_SYSLOG shows";

/// What a program does not see where the kernel interrupts it.
const INTERRUPTED: &str = "this kernel interrupts it for other processes, and skips their calls meanwhile, which counts as `Missed`";

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
    fn none(ladder: &Ladder) -> Self {
        Self {
            signal: ladder.signal,
            gives: ladder.gives,
            used: None,
            since: "",
            pinnable: "",
            refused: Vec::new(),
            limits: ladder.cost.to_owned(),
        }
    }

    fn take(&mut self, rung: &Rung) {
        self.used = Some(rung.name);
        (self.since, self.pinnable) = (rung.since, rung.pinnable);
        rung.limits.clone_into(&mut self.limits);
    }

    /// The rung in use turns out not to hold.
    pub(super) fn give_up(&mut self, why: &str) {
        let cost = LADDERS.iter().find(|ladder| ladder.signal == self.signal).map_or("", |ladder| ladder.cost);
        if let Some(name) = self.used.take() {
            self.refused.push((name, why.to_owned()));
            cost.clone_into(&mut self.limits);
        }
    }

    /// What another recorder chose, by the programs that it left. A rung without programs is what it chose where no other is there.
    pub(super) fn known(ladder: &Ladder, there: impl Fn(&str) -> bool) -> Self {
        let mut choice = Self::none(ladder);
        let whole = |rung: &&Rung| !rung.programs.is_empty() && rung.programs.iter().all(|program| there(program.name));
        let found = ladder.rungs.iter().find(whole).or_else(|| ladder.rungs.iter().find(|rung| rung.programs.is_empty()));
        if let Some(rung) = found {
            choice.take(rung);
        }
        choice
    }

    /// What profiles lack, if they do.
    pub(super) fn gap(&self) -> Option<String> {
        match self.used {
            None => Some(format!("not seen: {}", self.limits)),
            Some(_) if self.limits == HIDDEN => Some(self.limits.clone()),
            Some(name) if self.signal == Signal::Opens || name == "kprobe/udp" => (!self.limits.is_empty()).then(|| self.limits.clone()),
            Some(_) => None,
        }
    }
}

/// Loads and attaches, or takes over what a recorder before this one has left pinned.
pub(super) fn load(options: Options) -> Result<Kernel, Error> {
    let ring = !avoided(&options, "ringbuf") && is_map_supported(MapType::RingBuf).unwrap_or(false);
    let Some(pins) = options.pins.clone() else { return fresh(options, ring, None) };
    if !ring {
        return fresh(options, ring, Some("only a ring buffer outlasts its reader".to_owned()));
    }
    if let Err(why) = pins.prepare() {
        return fresh(options, ring, Some(why));
    }
    let folder = pins.folder(&options, &[RING_OBJECT, PERF_OBJECT]);
    let mut unadopted = None;
    if folder.exists() {
        match pins::adopt(&folder) {
            Ok((set, links, choices)) => {
                let mut kernel = Kernel::new(options, set, links, choices, functions(&btf::Types::read()?))?;
                kernel.adopted = true;
                kernel.folder = Some(folder);
                track::adopt(&mut kernel)?;
                return Ok(kernel);
            }
            // It cannot stay: it has the name of the one that takes its place.
            Err(why) => {
                pins::remove(&folder).map_err(|error| Error::Pins { path: folder.clone(), error: format!("{why}; {error}") })?;
                unadopted = Some(why);
            }
        }
    }
    let (mut set, links, choices, functions) = build(&options, ring)?;
    let mut kernel = match pins::pin(&folder, &mut set, links) {
        Ok(links) => {
            let mut kernel = Kernel::new(options, set, links, choices, functions)?;
            kernel.folder = Some(folder);
            kernel
        }
        Err(why) => {
            drop(set);
            fresh(options, ring, Some(why))?
        }
    };
    kernel.unadopted = unadopted;
    Ok(kernel)
}

fn fresh(options: Options, ring: bool, unpinned: Option<String>) -> Result<Kernel, Error> {
    let (set, links, choices, functions) = build(&options, ring)?;
    let mut kernel = Kernel::new(options, set, links, choices, functions)?;
    kernel.unpinned = unpinned;
    Ok(kernel)
}

type Built = (Set, Links, Vec<Choice>, Vec<&'static str>);

fn build(options: &Options, ring: bool) -> Result<Built, Error> {
    let (offsets, functions, interrupts) = {
        // Dropped at once: two copies of the kernel's types would be most of the recorder's memory.
        let types = btf::Types::read()?;
        (Plain(types.offsets(options.controller.as_deref())?), functions(&types), interrupts::at_system_calls(&types))
    };
    let ranges = quiet::ranges();
    let settings =
        Plain(Settings { hierarchy: u64::from(options.hierarchy), seed: seed(), rate: options.rate, burst: options.burst, quiet: ranges });
    let mut set = Set::Loaded(object(options, ring, &offsets, &settings)?);
    let kernel_btf = Btf::from_sys_fs().map_err(|error| Error::Btf { what: btf::PATH.to_owned(), error: error.to_string() })?;
    let mut links = Links::default();
    let mut choices = Vec::new();
    for ladder in LADDERS {
        choices.push(climb(&mut set, &mut links, ladder, options, &functions, &kernel_btf, interrupts)?);
    }
    if ranges.iter().all(|address| *address == 0) {
        // The last rung tells callers by their addresses.
        let blind = choices.iter_mut().filter(|choice| choice.used == Some("raw_tp/cap_capable"));
        blind.for_each(|choice| HIDDEN.clone_into(&mut choice.limits));
    }
    fill_calls(&mut set, &choices)?;
    Ok((set, links, choices, functions))
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
        if not_permitted(&error) { Error::NotPermitted } else { Error::Object { error } }
    })
}

/// Why a rung is not used that nobody wants to be.
const AVOIDED: &str = "avoided on request";

/// EPERM and EACCES in the text of whichever call failed first.
fn not_permitted(error: &str) -> bool {
    error.contains("os error 1)") || error.contains("os error 13)")
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
fn climb(
    set: &mut Set,
    links: &mut Links,
    ladder: &'static Ladder,
    options: &Options,
    functions: &[&str],
    kernel_btf: &Btf,
    interrupts: bool,
) -> Result<Choice, Error> {
    let mut choice = Choice::none(ladder);
    // Those that are interrupted are better than none.
    let interrupted = |rung: &Rung| interrupts && rung.interruptible();
    let (last, first): (Vec<&Rung>, Vec<&Rung>) = ladder.rungs.iter().partition(|rung| interrupted(rung));
    for rung in first.iter().chain(&last) {
        match hold(set, links, rung, options, functions, kernel_btf) {
            Ok(()) => {
                choice.take(rung);
                if interrupted(rung) {
                    INTERRUPTED.clone_into(&mut choice.limits);
                } else {
                    choice.refused.extend(last.iter().map(|rung| (rung.name, INTERRUPTED.to_owned())));
                }
                return Ok(choice);
            }
            Err(why) => choice.refused.push((rung.name, why)),
        }
    }
    let refusals = || choice.refused.iter().filter(|(_, why)| why != AVOIDED);
    if ladder.required && refusals().next().is_some() && refusals().all(|(_, why)| why.contains("os error 1)")) {
        return Err(Error::NotPermitted);
    }
    if ladder.required {
        let tried = choice.refused.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ");
        return Err(Error::Required { signal: ladder.gives, tried });
    }
    Ok(choice)
}

fn hold(set: &mut Set, links: &mut Links, rung: &Rung, options: &Options, functions: &[&str], kernel_btf: &Btf) -> Result<(), String> {
    if avoided(options, rung.name) {
        return Err(AVOIDED.to_owned());
    }
    for (index, program) in rung.programs.iter().enumerate() {
        let held = attach::load(set, program, options, functions, kernel_btf).and_then(|()| attach::attach(set, links, program, functions));
        if let Err(why) = held {
            // A rung holds as a whole or not at all.
            for program in &rung.programs[..=index] {
                links.end(|name| name == program.name)?;
                attach::unload(set, program);
            }
            return Err(why);
        }
    }
    Ok(())
}

fn avoided(options: &Options, name: &str) -> bool {
    options.avoid.iter().any(|avoid| avoid == name || name.split('/').next() == Some(avoid))
}

/// Tells sys_exit what to do at the end of which calls.
fn fill_calls(set: &mut Set, choices: &[Choice]) -> Result<(), Error> {
    let used = |name| choices.iter().any(|choice| choice.used == Some(name));
    let opens = [
        ("open", call::OPEN_FLAGS_1),
        ("openat", call::OPEN_FLAGS_2),
        ("openat2", call::OPEN_HOW_2),
        ("creat", call::OPEN_CREAT),
        ("open_by_handle_at", call::OPEN_FLAGS_2),
    ];
    let sends = ["sendto", "sendmsg", "sendmmsg"].map(|name| (name, call::IF_UNTOLD));
    let mut actions = vec![("listen", call::LISTEN), ("bind", call::BIND)];
    if used("sys_exit/open") {
        actions.extend(opens);
    }
    // Those of which a kretprobe tells, if the kernel lets it.
    if used("kprobe/do_filp_open") {
        actions.extend(opens.map(|(name, action)| (name, action | call::IF_UNTOLD)));
    }
    if used("kprobe/udp") {
        actions.extend(sends);
    }
    if used("kprobe/do_filp_open") || used("kprobe/udp") {
        actions.push(("io_uring_enter", call::IF_UNTOLD));
    }
    let map_error = |error: aya::maps::MapError| Error::Map { name: "CALLS", error: chain(&error) };
    let mut calls: Array<_, u8> = Array::try_from(set.map_mut("CALLS")?).map_err(map_error)?;
    for (name, action) in actions {
        for (table, which) in [(abi::NATIVE, Abi::Native), (abi::COMPAT, Abi::Compat)] {
            if let Some(number) = syscall::number(which, name) {
                calls.set(table * SYSCALLS as u32 + number, action, 0).map_err(map_error)?;
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
