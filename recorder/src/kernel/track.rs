//! Telling the kernel which cgroups and processes are a container.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aya::maps::{Array, HashMap, MapData, MapError, Queue};
use runtimemap_recorder_ebpf::{CgroupKey, Container, READY, SlotState, Task, Who, origin, place};

use super::{
    Error, Kernel, Options, Signal, Target, attach,
    load::{Plain, chain},
    set::Set,
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
    /// Lies in the kernel's queue for a container to come.
    ready: bool,
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

    /// The kernel has given a slot to a container.
    pub(super) fn given(&mut self, slot: Slot) {
        if let Some(held) = self.slots.get_mut(slot.0 as usize) {
            held.ready = false;
        }
    }

    /// Takes a slot: one that never was in use, else the one that has been free for longest, under a higher epoch.
    fn take(&mut self, limit: u32) -> Result<Container, Error> {
        let next = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if next < limit {
            self.slots.push(Use { epoch: 1, taken: true, ready: false });
            return Ok(Container { slot: next, epoch: 1 });
        }
        let slot = self.free.pop_front().ok_or(Error::Full(limit))?;
        let held = self.slots.get_mut(slot as usize).ok_or(Error::Full(limit))?;
        *held = Use { epoch: held.epoch.wrapping_add(1).max(1), taken: true, ready: false };
        Ok(Container { slot, epoch: held.epoch })
    }

    /// Gives a slot back. False if nobody had it.
    fn give_back(&mut self, slot: Slot) -> bool {
        let Some(held) = self.slots.get_mut(slot.0 as usize).filter(|held| held.taken) else { return false };
        (held.taken, held.ready) = (false, false);
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
        enter_cgroups(&mut kernel.set, &kernel.options, directory, container)?;
    }
    kernel.tracks.followed |= !target.processes.is_empty();
    follow(&mut kernel.set, &target.processes, container)
}

/// A slot whose tables are empty.
fn take(kernel: &mut Kernel, fresh: bool) -> Result<Container, Error> {
    let container = kernel.tracks.take(kernel.options.slots)?;
    if container.epoch > 1 {
        tables::clear(&mut kernel.set, Slot(container.slot))?;
    }
    let state = SlotState { started: u64::from(!fresh), tokens: kernel.options.burst, refilled: 0, epoch: container.epoch, taken: 1 };
    set_state(&mut kernel.set, container.slot, state)?;
    Ok(container)
}

fn set_state(set: &mut Set, slot: u32, state: SlotState) -> Result<(), Error> {
    array::<SlotState>(set, "STATES")?.set(slot, Plain(state), 0).map_err(|error| failed("STATES", &error))
}

/// Lays out slots for containers to come. With all in use there are fewer, and containers are found later.
pub(super) fn refill(kernel: &mut Kernel) -> Result<(), Error> {
    let mut lying = kernel.tracks.slots.iter().filter(|held| held.ready).count();
    // The others are for containers that already run.
    let room = READY.min(kernel.options.slots / 4) as usize;
    while lying < room {
        let container = match take(kernel, true) {
            Ok(container) => container,
            Err(Error::Full(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Err(error) = ready(&mut kernel.set)?.push(Plain(container), 0) {
            kernel.tracks.give_back(Slot(container.slot));
            return Err(failed("SLOTS_READY", &error));
        }
        if let Some(held) = kernel.tracks.slots.get_mut(container.slot as usize) {
            held.ready = true;
        }
        lying += 1;
    }
    Ok(())
}

fn ready(set: &mut Set) -> Result<Queue<&mut MapData, Plain<Container>>, Error> {
    Queue::try_from(set.map_mut("SLOTS_READY")?).map_err(|error| failed("SLOTS_READY", &error))
}

/// Finds out which slots were in use under the recorder before this one.
pub(super) fn adopt(kernel: &mut Kernel) -> Result<(), Error> {
    let limit = kernel.options.slots;
    let states: Array<&mut MapData, Plain<SlotState>> = array(&mut kernel.set, "STATES")?;
    let mut slots = Vec::new();
    for slot in 0..limit {
        let Plain(state) = states.get(&slot, 0).map_err(|error| failed("STATES", &error))?;
        slots.push(Use { epoch: state.epoch, taken: state.taken != 0, ready: false });
    }
    // Beyond the last that ever was in use, none is known.
    while slots.last().is_some_and(|last| last.epoch == 0) {
        slots.pop();
    }
    let mut queue = ready(&mut kernel.set)?;
    let mut lying = Vec::new();
    while let Ok(Plain(container)) = queue.pop(0) {
        lying.push(container);
    }
    for container in lying {
        queue.push(Plain(container), 0).map_err(|error| failed("SLOTS_READY", &error))?;
        if let Some(held) = slots.get_mut(container.slot as usize) {
            held.ready = true;
        }
    }
    kernel.tracks.free = (0..).zip(&slots).filter(|(_, held)| !held.taken).map(|(slot, _)| slot).collect();
    kernel.tracks.slots = slots;
    Ok(())
}

/// Releases whatever is neither ready nor of these.
pub(super) fn keep_only(kernel: &mut Kernel, used: &BTreeSet<Slot>) -> Result<(), Error> {
    let strays: Vec<Slot> = (0..)
        .zip(&kernel.tracks.slots)
        .filter(|(slot, held)| held.taken && !held.ready && !used.contains(&Slot(*slot)))
        .map(|(slot, _)| Slot(slot))
        .collect();
    strays.into_iter().try_for_each(|slot| release(kernel, slot))
}

/// Lets what will be made below a cgroup be pods.
pub(super) fn pods_below(kernel: &mut Kernel, directory: &Path) -> Result<(), Error> {
    above(kernel, directory, place::PODS)
}

/// Lets what will be made below a cgroup be containers, each with a slot.
pub(super) fn pod(kernel: &mut Kernel, directory: &Path) -> Result<(), Error> {
    above(kernel, directory, place::POD)
}

/// Lets a cgroup be nobody's.
pub(super) fn forget(kernel: &mut Kernel, directory: &Path) -> Result<(), Error> {
    let key = key(&kernel.options, directory)?;
    gone_is_fine("ABOVE", places(&mut kernel.set)?.remove(&Plain(key)))
}

fn above(kernel: &mut Kernel, directory: &Path, what: u32) -> Result<(), Error> {
    let key = key(&kernel.options, directory)?;
    places(&mut kernel.set)?.insert(Plain(key), what, 0).map_err(|error| failed("ABOVE", &error))
}

fn places(set: &mut Set) -> Result<HashMap<&mut MapData, Plain<CgroupKey>, u32>, Error> {
    HashMap::try_from(set.map_mut("ABOVE")?).map_err(|error| failed("ABOVE", &error))
}

fn enter(kernel: &mut Kernel, directory: &Path, what: Container) -> Result<(), Error> {
    let key = key(&kernel.options, directory)?;
    cgroups(&mut kernel.set)?.insert(Plain(key), Plain(what), 0).map_err(|error| failed("CGROUPS", &error))
}

/// Lets one cgroup, and what will be made below it, belong to a slot in use.
pub(super) fn lead(kernel: &mut Kernel, directory: &Path, slot: Slot) -> Result<(), Error> {
    let gone = |error: String| Error::Cgroup { path: directory.to_owned(), error };
    let epoch = kernel.tracks.epoch(slot).ok_or_else(|| gone("its slot is free".to_owned()))?;
    enter(kernel, directory, Container { slot: slot.0, epoch })
}

/// The slot that a cgroup belongs to.
pub(super) fn slot_of(kernel: &mut Kernel, directory: &Path) -> Result<Option<Slot>, Error> {
    let key = key(&kernel.options, directory)?;
    let found = match cgroups(&mut kernel.set)?.get(&Plain(key), 0) {
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
    let mut cgroups = cgroups(&mut kernel.set)?;
    // An entry may go while the others are walked: whatever is missed then leads to an epoch that is no more.
    let keys: Vec<_> = cgroups.iter().flatten().filter(|(_, Plain(held))| held.slot == slot.0).map(|(key, _)| key).collect();
    for key in keys {
        gone_is_fine("CGROUPS", cgroups.remove(&key))?;
    }
    let mut tasks: HashMap<_, u32, Plain<Task>> =
        HashMap::try_from(kernel.set.map_mut("TASKS")?).map_err(|error| failed("TASKS", &error))?;
    let pids: Vec<u32> = tasks.iter().flatten().filter(|(_, Plain(task))| task.container.slot == slot.0).map(|(pid, _)| pid).collect();
    for pid in pids {
        gone_is_fine("TASKS", tasks.remove(&pid))?;
    }
    if kernel.tracks.give_back(slot) {
        let Plain(state) = array::<SlotState>(&mut kernel.set, "STATES")?.get(&slot.0, 0).map_err(|error| failed("STATES", &error))?;
        set_state(&mut kernel.set, slot.0, SlotState { taken: 0, ..state })?;
    }
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
    if !used || !is_unified(directory)? {
        return Ok(());
    }
    if !kernel.packets.iter().any(|known| known == directory) {
        kernel.packets.push(directory.to_owned());
    }
    if !kernel.hot {
        return Ok(());
    }
    let attached = attach::packets(&mut kernel.set, &mut kernel.links, directory);
    if let Err(error) = &attached
        && directory.is_dir()
    {
        // Loading them takes less than attaching them, so that only now it shows that this is no way to see packets.
        kernel.packets.clear();
        kernel.choices.iter_mut().filter(|choice| choice.signal == Signal::Datagrams).for_each(|choice| choice.give_up(&error.to_string()));
    }
    attached
}

fn key(options: &Options, directory: &Path) -> Result<CgroupKey, Error> {
    let hierarchy = if is_unified(directory)? { 0 } else { u64::from(options.hierarchy) };
    let metadata = fs::metadata(directory).map_err(|error| Error::Cgroup { path: directory.to_owned(), error: error.to_string() })?;
    Ok(CgroupKey { hierarchy, id: metadata.ino() })
}

type Cgroups<'a> = HashMap<&'a mut MapData, Plain<CgroupKey>, Plain<Container>>;

fn cgroups(set: &mut Set) -> Result<Cgroups<'_>, Error> {
    HashMap::try_from(set.map_mut("CGROUPS")?).map_err(|error| failed("CGROUPS", &error))
}

/// A cgroup and all below it.
fn enter_cgroups(set: &mut Set, options: &Options, directory: &Path, container: Container) -> Result<(), Error> {
    let hierarchy = if is_unified(directory)? { 0 } else { u64::from(options.hierarchy) };
    let mut cgroups = cgroups(set)?;
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

fn follow(set: &mut Set, processes: &[u32], container: Container) -> Result<(), Error> {
    if processes.is_empty() {
        return Ok(());
    }
    let mut tasks: HashMap<_, u32, Plain<Task>> = HashMap::try_from(set.map_mut("TASKS")?).map_err(|error| failed("TASKS", &error))?;
    for process in processes {
        let task = Task { container, origin: origin::ENTRYPOINT, followed: 1, ..Task::NONE };
        tasks.insert(*process, Plain(task), 0).map_err(|error| failed("TASKS", &error))?;
    }
    array::<u32>(set, "FOLLOWED")?.set(0, Plain(1), 0).map_err(|error| failed("FOLLOWED", &error))
}

/// Connections come to a socket's owner as the kernel knows it, which is who made it listen; of these it did not see that.
pub(super) fn listening(kernel: &mut Kernel, slot: Slot, listeners: &[Listener]) -> Result<(), Error> {
    let Some(epoch) = kernel.tracks.epoch(slot) else { return Ok(()) };
    let container = Container { slot: slot.0, epoch };
    let mut owners: HashMap<_, [u32; 2], Plain<Who>> =
        HashMap::try_from(kernel.set.map_mut("LISTENERS")?).map_err(|error| failed("LISTENERS", &error))?;
    for Listener { namespace, port, pid } in listeners {
        let who = Who { container, origin: origin::ENTRYPOINT, pid: *pid };
        owners.insert([*namespace, u32::from(*port)], Plain(who), 0).map_err(|error| failed("LISTENERS", &error))?;
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

fn array<'a, T: Copy + 'static>(set: &'a mut Set, name: &'static str) -> Result<Array<&'a mut MapData, Plain<T>>, Error> {
    Array::try_from(set.map_mut(name)?).map_err(|error| failed(name, &error))
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
