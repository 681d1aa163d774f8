//! From `struct path` to the path's names, up to the root of its mount namespace.
//!
//! Masks stand where they stand so that verifiers from 5.10 on accept the loops: once at the head, so that all ways into an
//! iteration look alike and are pruned, and once right before the use, so that no spilled register has lost its bounds.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use runtimemap_recorder_ebpf::{
    loss,
    record::{NAME_BYTES, path},
};

use super::{
    emit::mix,
    read::{Memory, read, read_pair},
};

/// Names and mounts that one path may cross.
const STEPS: u32 = 128;
/// What a walk fails with when there were more.
const TOO_DEEP: i64 = -1;
/// What a walk fails with when the names fill the buffer.
pub const TOO_LONG: i64 = -2;

/// `value & MASK` that the compiler can neither drop nor move.
#[inline(always)]
pub fn masked<const MASK: u64>(value: u64) -> u64 {
    core::hint::black_box(value) & MASK
}

/// The loss that a failed walk is.
#[inline(always)]
pub fn cause(error: i64) -> u32 {
    if error == TOO_DEEP || error == TOO_LONG { loss::TOO_LONG } else { loss::UNRESOLVED }
}

enum Step {
    Name,
    Mount,
    End,
}

struct Cursor {
    mount: u64,
    /// Of that mount.
    root: u64,
    dentry: u64,
    parent: u64,
    /// Hash and length of the present dentry's name, as the kernel keeps them.
    name: u64,
}

impl Cursor {
    #[inline(always)]
    fn at(path: u64) -> Result<Self, i64> {
        let [mount, dentry] = read_pair(path, offset!(path_mnt), offset!(path_dentry))?;
        Ok(Self { mount, root: read(mount, offset!(vfsmount_root))?, dentry, parent: 0, name: 0 })
    }

    /// Looks at the present dentry; steps over a mount point.
    #[inline(always)]
    fn look(&mut self) -> Result<Step, i64> {
        if self.dentry != self.root {
            [self.parent, self.name] = read_pair(self.dentry, offset!(dentry_parent), offset!(dentry_name))?;
            if self.dentry == self.parent {
                // A file that no directory holds (memfd, pipe, namespace) is its own parent: one name, and then the end.
                self.parent = self.root;
            }
            return Ok(Step::Name);
        }
        let mount = self.mount - u64::from(offset!(mount_mnt));
        let [above, mountpoint] = read_pair(mount, offset!(mount_parent), offset!(mount_mountpoint))?;
        if above == mount {
            return Ok(Step::End);
        }
        self.dentry = mountpoint;
        self.mount = above + u64::from(offset!(mount_mnt));
        self.root = read(self.mount, offset!(vfsmount_root))?;
        Ok(Step::Mount)
    }
}

/// Sends a value through a map, where the verifier forgets what it knew of it. Without this it walks a loop again for each
/// value that an earlier one may end with.
#[inline(always)]
pub fn forgotten(cell: *mut u64, value: u64) -> u64 {
    // SAFETY: `cell` is part of a map value.
    unsafe {
        cell.write_volatile(value);
        cell.read_volatile()
    }
}

/// Room that a walk needs beside the buffer it writes to; part of a map value.
#[repr(C)]
pub struct Room {
    name: [u8; NAME_BYTES + 8],
    cell: u64,
}

impl Room {
    #[inline(always)]
    pub fn cell(room: *mut Self) -> *mut u64 {
        // SAFETY: part of a map value.
        unsafe { &raw mut (*room).cell }
    }
}

/// Hash of a path and its `path` flags.
///
/// The kernel's own hash of a name is salted with the directory but has 32 bits: enough for directories, since the names below
/// are salted again, and not for the 100,000 files of one. So the last name is hashed whole.
#[inline(always)]
pub fn hash<M: Memory>(path: u64, room: *mut Room) -> Result<(u64, u32), i64> {
    let cell = Room::cell(room);
    let leaf: u64 = read(path, offset!(path_dentry))?;
    let text: u64 = read(leaf, offset!(dentry_name_text))?;
    // SAFETY: part of a map value.
    let name: *mut u8 = unsafe { (&raw mut (*room).name).cast() };
    // SAFETY: the buffer is longer.
    let length = unsafe { bpf_probe_read_kernel_str(name.cast(), NAME_BYTES as u32, text as *const _) };
    if length < 0 {
        return Err(length);
    }
    let of_leaf = hash_words::<{ NAME_BYTES as u64 / 8 }, { NAME_BYTES as u64 - 1 }>(setting!(seed), name, length as u64 - 1);
    let (hash, top) = hash_names(path, forgotten(cell, of_leaf))?;
    let hash = forgotten(cell, hash);

    let mut marks = 0;
    let proxy: u64 = M::read(M::current(), offset!(task_nsproxy))?;
    let mine: u64 = M::read(proxy, offset!(nsproxy_mnt_ns))?;
    let its: u64 = read(top, offset!(mount_ns))?;
    if its != mine {
        marks |= path::FOREIGN;
    }
    let [pprev, parent] = read_pair(leaf, offset!(dentry_pprev), offset!(dentry_parent))?;
    if pprev == 0 && parent != leaf {
        marks |= path::DELETED;
    }
    Ok((hash, forgotten(cell, u64::from(marks)) as u32))
}

/// Goes on hashing with the kernel's own hashes of all names. Gives the topmost `struct mount` as well.
#[inline(always)]
fn hash_names(path: u64, mut hash: u64) -> Result<(u64, u64), i64> {
    let mut cursor = Cursor::at(path)?;
    for _ in 0..STEPS {
        match cursor.look()? {
            Step::Mount => continue,
            Step::End => return Ok((hash, cursor.mount - u64::from(offset!(mount_mnt)))),
            Step::Name => {
                hash = mix(hash, cursor.name);
                cursor.dentry = cursor.parent;
            }
        }
    }
    Err(TOO_DEEP)
}

/// Hashes `length` bytes at `at`, eight at a time. Zeroes the eight after them first, so the buffer is that much longer.
#[inline(always)]
pub fn hash_words<const WORDS: u64, const MASK: u64>(mut hash: u64, at: *mut u8, length: u64) -> u64 {
    let end = masked::<MASK>(length);
    // SAFETY: within the buffer, which is WORDS * 8 + 8 long.
    unsafe { at.add(end as usize).cast::<u64>().write_unaligned(0) };
    for word in 0..WORDS {
        if word * 8 >= end {
            break;
        }
        // SAFETY: as above.
        hash = mix(hash, unsafe { at.add(word as usize * 8).cast::<u64>().read_unaligned() });
    }
    mix(hash, end)
}

/// Copies the names of a path to `base + from`, leaf first, each ended by NUL. Gives the end. The buffer is MASK + 1 + NAME_BYTES long.
#[inline(always)]
pub fn copy<const MASK: u64>(path: u64, base: *mut u8, from: u64, room: *mut Room) -> Result<u64, i64> {
    let cell = Room::cell(room);
    let mut cursor = Cursor::at(path)?;
    let mut length = forgotten(cell, from);
    for _ in 0..STEPS {
        length = masked::<MASK>(length);
        match cursor.look()? {
            Step::Mount => continue,
            Step::End => return Ok(forgotten(cell, length)),
            Step::Name => {
                let text: u64 = read(cursor.dentry, offset!(dentry_name_text))?;
                let at = masked::<MASK>(length);
                // SAFETY: at most NAME_BYTES from an offset of at most MASK.
                let copied = unsafe { bpf_probe_read_kernel_str(base.add(at as usize).cast(), NAME_BYTES as u32, text as *const _) };
                if copied < 0 {
                    return Err(copied);
                }
                length = at + copied as u64;
                if length > MASK - NAME_BYTES as u64 {
                    return Err(TOO_LONG);
                }
                cursor.dentry = cursor.parent;
            }
        }
    }
    Err(TOO_DEEP)
}
