//! The ring buffer, read without taking: what was read is given back to the kernel only once it is written down elsewhere. A recorder
//! that is killed in between leaves it to the next one.

use std::{
    io, ptr,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use aya::maps::MapData;
use runtimemap_recorder_ebpf::record::LONGEST;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// Bits of a record's length (linux/bpf.h).
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// Bytes before each record.
const HEAD: u64 = 8;

/// The buffer and how far it was read.
pub(super) struct Ring {
    map: MapData,
    consumer: Mapping,
    producer: Mapping,
    page: usize,
    /// Bytes; a power of two.
    size: u64,
    read: u64,
}

/// Memory shared with the kernel.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

// SAFETY: the memory belongs to the mapping alone and is reached through atomics, or read once the kernel has finished it.
unsafe impl Send for Mapping {}

impl Mapping {
    fn of(map: &MapData, length: usize, protection: libc::c_int, offset: usize) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_SHARED, map.fd().as_fd().as_raw_fd(), offset) };
        if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Self { start, length }) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, which nobody can use any more.
        unsafe { libc::munmap(self.start, self.length) };
    }
}

impl Ring {
    /// Maps the buffer. What the last reader did not give back is read again.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn new(map: MapData) -> io::Result<Self> {
        let size = u64::from(map.info().map_err(io::Error::other)?.max_entries());
        // SAFETY: no memory is involved.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(io::Error::other)?;
        let consumer = Mapping::of(&map, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        // The data follow twice, so that a record never wraps around. Of the second time no more is mapped than one record can need: all
        // of it counts as memory of this process.
        let once = usize::try_from(size).map_err(io::Error::other)?;
        let more = LONGEST.next_multiple_of(page).min(once);
        let producer = Mapping::of(&map, page + once + more, libc::PROT_READ, page)?;
        let mut ring = Self { map, consumer, producer, page, size, read: 0 };
        ring.read = ring.given_back().load(Ordering::Acquire);
        Ok(ring)
    }

    /// Hands on everything that was not read yet.
    pub(super) fn drain(&mut self, sink: &mut dyn FnMut(&[u8])) {
        // SAFETY: the first word of the mapping, which the kernel writes atomically.
        let written = unsafe { &*self.producer.start.cast::<AtomicU64>() };
        while self.read < written.load(Ordering::Acquire) {
            let at = usize::try_from(self.read & (self.size - 1)).unwrap_or(0);
            // SAFETY: within the data, and aligned, since records begin at multiples of eight.
            let (head, bytes) = unsafe {
                let head = self.producer.start.byte_add(self.page + at);
                (&*head.cast::<AtomicU32>(), head.byte_add(8).cast::<u8>())
            };
            let head = head.load(Ordering::Acquire);
            if head & BUSY != 0 {
                return;
            }
            let length = head & !(BUSY | DISCARDED);
            if head & DISCARDED == 0 {
                // SAFETY: a finished record of that length, all of which is mapped; the kernel does not touch it before it is given back.
                sink(unsafe { std::slice::from_raw_parts(bytes, length as usize) });
            }
            self.read += (u64::from(length) + HEAD).next_multiple_of(8);
        }
    }

    /// Gives back what was read.
    pub(super) fn give_back(&self) {
        self.given_back().store(self.read, Ordering::Release);
    }

    /// Bytes that were read and not given back.
    pub(super) fn held(&self) -> u64 {
        self.read - self.given_back().load(Ordering::Relaxed)
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What becomes readable when something is in it.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.map.fd().as_fd()
    }

    fn given_back(&self) -> &AtomicU64 {
        // SAFETY: the first word of the mapping, which the kernel reads atomically.
        unsafe { &*self.consumer.start.cast::<AtomicU64>() }
    }
}
