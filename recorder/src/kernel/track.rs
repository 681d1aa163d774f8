//! Telling the kernel which cgroups and processes are a container.

use std::{
    collections::VecDeque,
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
    tables,
};
use crate::{fact::Slot, snapshot::Listener};

/// Slots, and who has them.
#[derive(Default)]
pub(super) struct Tracks {
    slots: Vec<Use>,
    /// Released ones, the one that has been free for longest first: late records of the old container have then long gone.
    free: VecDeque<u32>,
    followed: bool,
    /// Whether packets are seen from a cgroup above all that is tracked.
    packets_above: bool,
}

/// One slot.
#[derive(Clone, Copy)]
struct Use {
    epoch: u32,
    taken: bool,
}

impl Tracks {
    /// The epoch of a slot in use.
    pub(super) fn epoch(&self, slot: Slot) -> Option<u32> {
        self.slots.get(slot.0 as usize).filter(|held| held.taken).map(|held| held.epoch)
    }

    /// Whether processes are followed by themselves.
    pub(super) fn followed(&self) -> bool {
        self.followed
    }

    /// Takes a slot: one that never was in use, else the one that has been free for longest, under a higher epoch.
    fn take(&mut self, limit: u32) -> Result<Container, Error> {
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if next < limit {
            self.slots.push(Use { epoch: 1, taken: true });
            return Ok(Container { slot: next, epoch: 1 });
        }
        let slot = self.free.pop_front().ok_or(Error::Full(limit))?;
        let held = self.slots.get_mut(slot as usize).ok_or(Error::Full(limit))?;
        *held = Use { epoch: held.epoch.wrapping_add(1), taken: true };
        Ok(Container { slot, epoch: held.epoch })
    }

    /// Gives a slot back. False if nobody had it.
    fn give_back(&mut self, slot: Slot) -> bool {
        let Some(held) = self.slots.get_mut(slot.0 as usize).filter(|held| held.taken) else { return false };
        held.taken = false;
        self.free.push_back(slot.0);
        true
    }
}

/// Takes a slot and tells the kernel. Everything by slot is ready before the first cgroup leads there.
pub(super) fn track(kernel: &mut Kernel, target: &Target) -> Result<Slot, Error> {
    let container = take(kernel, target.fresh)?;
    let result = lead_all(kernel, target, container);
    if result.is_err() {
        // A container that is gone by now keeps no slot.
        release(kernel, Slot(container.slot))?;
    }
    result.map(|()| Slot(container.slot))
}

fn lead_all(kernel: &mut Kernel, target: &Target, container: Container) -> Result<(), Error> {
    for directory in &target.cgroups {
        if !kernel.tracks.packets_above {
            packets(kernel, directory)?;
        }
        enter_cgroups(&mut kernel.bpf, &kernel.options, directory, container)?;
    }
    kernel.tracks.followed |= !target.processes.is_empty();
    follow(&mut kernel.bpf, &target.processes, container)
}

/// A slot whose tables are empty.
fn take(kernel: &mut Kernel, fresh: bool) -> Result<Container, Error> {
    let container = kernel.tracks.take(kernel.options.slots)?;
    if container.epoch > 1 {
        tables::clear(&mut kernel.bpf, Slot(container.slot))?;
    }
    let state = SlotState { started: u64::from(!fresh), tokens: kernel.options.burst, refilled: 0 };
    array::<SlotState>(&mut kernel.bpf, "STATES")?.set(container.slot, Plain(state), 0).map_err(|error| failed("STATES", &error))?;
    Ok(container)
}

/// Lets cgroups that will be made below `directory` belong to a new slot from their first moment.
pub(super) fn arm(kernel: &mut Kernel, directory: &Path) -> Result<Slot, Error> {
    let container = take(kernel, true)?;
    let slot = Slot(container.slot);
    let result = lead(kernel, directory, slot);
    if result.is_err() {
        kernel.tracks.give_back(slot);
    }
    result.map(|()| slot)
}

/// Lets one cgroup, and what will be made below it, belong to a slot in use.
pub(super) fn lead(kernel: &mut Kernel, directory: &Path, slot: Slot) -> Result<(), Error> {
    let gone = |error: String| Error::Cgroup { path: directory.to_owned(), error };
    let epoch = kernel.tracks.epoch(slot).ok_or_else(|| gone("its slot is free".to_owned()))?;
    let key = key(&kernel.options, directory)?;
    cgroups(&mut kernel.bpf)?.insert(Plain(key), Plain(Container { slot: slot.0, epoch }), 0).map_err(|error| failed("CGROUPS", &error))
}

/// The slot that a cgroup belongs to.
pub(super) fn slot_of(kernel: &mut Kernel, directory: &Path) -> Result<Option<Slot>, Error> {
    let key = key(&kernel.options, directory)?;
    let found = match cgroups(&mut kernel.bpf)?.get(&Plain(key), 0) {
        Ok(Plain(container)) => container,
        Err(MapError::KeyNotFound) => return Ok(None),
        Err(error) => return Err(failed("CGROUPS", &error)),
    };
    let slot = Slot(found.slot);
    Ok((kernel.tracks.epoch(slot) == Some(found.epoch)).then_some(slot))
}

/// Forgets a container: what leads to its slot goes first, so that nobody writes there when it is used again.
pub(super) fn release(kernel: &mut Kernel, slot: Slot) -> Result<(), Error> {
    if kernel.tracks.epoch(slot).is_none() {
        return Ok(());
    }
    let mut cgroups = cgroups(&mut kernel.bpf)?;
    // An entry may go while the others are walked: whatever is missed then leads to an epoch that is no more.
    let keys: Vec<_> = cgroups.iter().flatten().filter(|(_, Plain(held))| held.slot == slot.0).map(|(key, _)| key).collect();
    for key in keys {
        gone_is_fine("CGROUPS", cgroups.remove(&key))?;
    }
    let mut tasks: HashMap<_, u32, Plain<Task>> =
        HashMap::try_from(map(&mut kernel.bpf, "TASKS")?).map_err(|error| failed("TASKS", &error))?;
    let pids: Vec<u32> = tasks.iter().flatten().filter(|(_, Plain(task))| task.container.slot == slot.0).map(|(pid, _)| pid).collect();
    for pid in pids {
        gone_is_fine("TASKS", tasks.remove(&pid))?;
    }
    kernel.tracks.give_back(slot);
    Ok(())
}

/// The kernel's own hooks remove entries too.
fn gone_is_fine(name: &'static str, result: Result<(), MapError>) -> Result<(), Error> {
    match result {
        Err(MapError::SyscallError(error)) if error.io_error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(MapError::KeyNotFound) | Ok(()) => Ok(()),
        Err(error) => Err(failed(name, &error)),
    }
}

/// Lets the packet programs see every packet of a cgroup and of those below it, if it is of v2 and they are in use.
pub(super) fn packets_from(kernel: &mut Kernel, directory: &Path) -> Result<(), Error> {
    packets(kernel, directory)?;
    kernel.tracks.packets_above |= is_unified(directory)?;
    Ok(())
}

fn packets(kernel: &mut Kernel, directory: &Path) -> Result<(), Error> {
    let used = kernel.choices.iter().any(|choice| choice.signal == Signal::Datagrams && choice.used == Some("cgroup_skb"));
    if used && is_unified(directory)? { attach_packets(&mut kernel.bpf, directory) } else { Ok(()) }
}

fn key(options: &Options, directory: &Path) -> Result<CgroupKey, Error> {
    let hierarchy = if is_unified(directory)? { 0 } else { u64::from(options.hierarchy) };
    let metadata = fs::metadata(directory).map_err(|error| Error::Cgroup { path: directory.to_owned(), error: error.to_string() })?;
    Ok(CgroupKey { hierarchy, id: metadata.ino() })
}

type Cgroups<'a> = HashMap<&'a mut MapData, Plain<CgroupKey>, Plain<Container>>;

fn cgroups(bpf: &mut Ebpf) -> Result<Cgroups<'_>, Error> {
    HashMap::try_from(map(bpf, "CGROUPS")?).map_err(|error| failed("CGROUPS", &error))
}

/// A cgroup and all below it.
fn enter_cgroups(bpf: &mut Ebpf, options: &Options, directory: &Path, container: Container) -> Result<(), Error> {
    let hierarchy = if is_unified(directory)? { 0 } else { u64::from(options.hierarchy) };
    let mut cgroups = cgroups(bpf)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_used_again_under_a_higher_epoch_and_the_oldest_first() {
        let mut tracks = Tracks::default();
        let taken: Vec<_> = (0..3).map(|_| tracks.take(3).unwrap()).map(|container| (container.slot, container.epoch)).collect();
        assert_eq!(taken, [(0, 1), (1, 1), (2, 1)]);
        assert!(matches!(tracks.take(3), Err(Error::Full(3))));
        assert!(tracks.give_back(Slot(2)) && tracks.give_back(Slot(0)));
        assert_eq!((tracks.epoch(Slot(2)), tracks.epoch(Slot(1))), (None, Some(1)));
        let again: Vec<_> = (0..2).map(|_| tracks.take(3).unwrap()).map(|container| (container.slot, container.epoch)).collect();
        assert_eq!(again, [(2, 2), (0, 2)]);
        assert_eq!(tracks.epoch(Slot(2)), Some(2));
    }

    #[test]
    fn a_slot_cannot_be_given_back_twice() {
        let mut tracks = Tracks::default();
        tracks.take(2).unwrap();
        assert!(tracks.give_back(Slot(0)));
        assert!(!tracks.give_back(Slot(0)) && !tracks.give_back(Slot(7)));
        assert_eq!(tracks.take(1).unwrap().epoch, 2);
        assert!(tracks.take(1).is_err());
    }
}
