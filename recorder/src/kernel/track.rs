//! Telling the kernel which cgroups and processes are a container.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aya::{
    Ebpf,
    maps::{Array, HashMap, Map, MapData, MapError},
    programs::{CgroupAttachMode, CgroupSkb, CgroupSkbAttachType},
    util::KernelVersion,
};
use runtimemap_recorder_ebpf::{CgroupKey, Container, SlotState, Task, Who, origin};

use super::{
    Error, Kernel, Options, Signal, Target,
    load::{Plain, chain},
};
use crate::{fact::Slot, snapshot::Listener};

/// Slots in use.
#[derive(Default)]
pub(super) struct Tracks {
    epochs: Vec<u32>,
    followed: bool,
}

impl Tracks {
    /// The epoch of a slot in use.
    pub(super) fn epoch(&self, slot: Slot) -> Option<u32> {
        self.epochs.get(slot.0 as usize).copied()
    }

    /// Whether processes are followed by themselves.
    pub(super) fn followed(&self) -> bool {
        self.followed
    }
}

/// Takes a slot and tells the kernel. Everything by slot is ready before the first cgroup leads there.
pub(super) fn track(kernel: &mut Kernel, target: &Target) -> Result<Slot, Error> {
    let slot = u32::try_from(kernel.tracks.epochs.len()).unwrap_or(u32::MAX);
    if slot >= kernel.options.slots {
        return Err(Error::Full(kernel.options.slots));
    }
    let container = Container { slot, epoch: 1 };
    kernel.tracks.epochs.push(container.epoch);
    let state = SlotState { started: u64::from(!target.fresh), tokens: kernel.options.burst, refilled: 0 };
    array::<SlotState>(&mut kernel.bpf, "STATES")?.set(slot, Plain(state), 0).map_err(|error| failed("STATES", &error))?;
    for directory in &target.cgroups {
        if is_unified(directory)?
            && kernel.choices.iter().any(|choice| choice.signal == Signal::Datagrams && choice.used == Some("cgroup_skb"))
        {
            attach_packets(&mut kernel.bpf, directory)?;
        }
        enter_cgroups(&mut kernel.bpf, &kernel.options, directory, container)?;
    }
    kernel.tracks.followed |= !target.processes.is_empty();
    follow(&mut kernel.bpf, &target.processes, container)?;
    Ok(Slot(slot))
}

/// A cgroup and all below it.
fn enter_cgroups(bpf: &mut Ebpf, options: &Options, directory: &Path, container: Container) -> Result<(), Error> {
    let hierarchy = if is_unified(directory)? { 0 } else { u64::from(options.hierarchy) };
    let mut cgroups: HashMap<_, Plain<CgroupKey>, Plain<Container>> =
        HashMap::try_from(map(bpf, "CGROUPS")?).map_err(|error| failed("CGROUPS", &error))?;
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        let metadata = match fs::metadata(&directory) {
            Ok(metadata) => metadata,
            // A child may go while it is looked at; the container's own may not.
            Err(_) if !pending.is_empty() => continue,
            Err(error) => return Err(Error::Cgroup { path: directory, error: error.to_string() }),
        };
        let key = CgroupKey { hierarchy, id: metadata.ino() };
        // First the cgroup itself: what is made below it from now on inherits, and what was made before is found.
        cgroups.insert(Plain(key), Plain(container), 0).map_err(|error| failed("CGROUPS", &error))?;
        pending.extend(children(&directory));
    }
    Ok(())
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn follow(bpf: &mut Ebpf, processes: &[u32], container: Container) -> Result<(), Error> {
    if processes.is_empty() {
        return Ok(());
    }
    let mut tasks: HashMap<_, u32, Plain<Task>> = HashMap::try_from(map(bpf, "TASKS")?).map_err(|error| failed("TASKS", &error))?;
    for process in processes {
        let task = Task { container, origin: origin::ENTRYPOINT, followed: 1 };
        tasks.insert(*process, Plain(task), 0).map_err(|error| failed("TASKS", &error))?;
    }
    array::<u32>(bpf, "FOLLOWED")?.set(0, Plain(1), 0).map_err(|error| failed("FOLLOWED", &error))
}

/// Connections come to a socket's owner as the kernel knows it, which is who made it listen; of these it did not see that.
pub(super) fn listening(kernel: &mut Kernel, slot: Slot, listeners: &[Listener]) -> Result<(), Error> {
    let Some(epoch) = kernel.tracks.epoch(slot) else { return Ok(()) };
    let container = Container { slot: slot.0, epoch };
    let mut owners: HashMap<_, [u32; 2], Plain<Who>> =
        HashMap::try_from(map(&mut kernel.bpf, "LISTENERS")?).map_err(|error| failed("LISTENERS", &error))?;
    for Listener { namespace, port, pid } in listeners {
        let who = Who { container, origin: origin::ENTRYPOINT, pid: *pid };
        owners.insert([*namespace, u32::from(*port)], Plain(who), 0).map_err(|error| failed("LISTENERS", &error))?;
    }
    Ok(())
}

/// Lets the packet programs see this cgroup's packets, beside whatever else is attached there.
fn attach_packets(bpf: &mut Ebpf, directory: &Path) -> Result<(), Error> {
    let failed = |error: String| Error::Cgroup { path: directory.to_owned(), error };
    // A link, which aya makes from 5.7 on, stands beside others anyway and refuses the flag; the older way needs it.
    let linked = KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(5, 7, 0));
    let mode = if linked { CgroupAttachMode::Single } else { CgroupAttachMode::AllowMultiple };
    let opened = File::open(directory).map_err(|error| failed(error.to_string()))?;
    for (name, direction) in [("cgroup_skb_egress", CgroupSkbAttachType::Egress), ("cgroup_skb_ingress", CgroupSkbAttachType::Ingress)] {
        let program = bpf.program_mut(name).ok_or_else(|| failed(format!("no program {name}")))?;
        let program: &mut CgroupSkb = program.try_into().map_err(|error: aya::programs::ProgramError| failed(chain(&error)))?;
        program.attach(&opened, direction, mode).map_err(|error| failed(chain(&error)))?;
    }
    Ok(())
}

/// Whether a directory belongs to cgroup v2.
fn is_unified(directory: &Path) -> Result<bool, Error> {
    use std::{ffi::CString, mem::MaybeUninit, os::unix::ffi::OsStrExt};
    let failed = |error: String| Error::Cgroup { path: directory.to_owned(), error };
    let name = CString::new(directory.as_os_str().as_bytes()).map_err(|error| failed(error.to_string()))?;
    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the name ends with NUL; the structure is written or the call fails.
    if unsafe { libc::statfs(name.as_ptr(), found.as_mut_ptr()) } != 0 {
        return Err(failed(std::io::Error::last_os_error().to_string()));
    }
    // SAFETY: written, as the call said.
    Ok(unsafe { found.assume_init() }.f_type == libc::CGROUP2_SUPER_MAGIC)
}

fn array<'a, T: Copy + 'static>(bpf: &'a mut Ebpf, name: &'static str) -> Result<Array<&'a mut MapData, Plain<T>>, Error> {
    Array::try_from(map(bpf, name)?).map_err(|error| failed(name, &error))
}

fn map<'a>(bpf: &'a mut Ebpf, name: &'static str) -> Result<&'a mut Map, Error> {
    bpf.map_mut(name).ok_or_else(|| Error::Map { name, error: "not in the object".to_owned() })
}

fn failed(name: &'static str, error: &MapError) -> Error {
    Error::Map { name, error: chain(error) }
}
