//! Records on their way out of the kernel: one ring buffer, or a perf buffer per processor.

use std::{
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use aya::{
    maps::{
        Map, MapData,
        perf::{PerfEvent, PerfEventArray, PerfEventArrayBuffer},
    },
    util::online_cpus,
};
use runtimemap_recorder_ebpf::record::Header;

use super::{Error, decode, load::chain, ring::Ring};

/// The kernel's records.
pub(super) enum Output {
    /// From Linux 5.8 on.
    Ring(Ring),
    /// Before.
    Perf {
        /// One per processor.
        buffers: Vec<PerfEventArrayBuffer<MapData>>,
        /// Records that the kernel counted as lost.
        lost: u64,
    },
}

/// Pages of 4 KiB per processor.
const PERF_PAGES: usize = 512;

impl Output {
    /// Opens the object's output.
    pub(super) fn open(map: Map, bytes: u32) -> Result<Self, Error> {
        let failed = |error: String| Error::Map { name: "EVENTS", error };
        let map = match map {
            Map::RingBuf(data) => return Ring::new(data).map(Self::Ring).map_err(|error| failed(error.to_string())),
            other => other,
        };
        let mut array = PerfEventArray::try_from(map).map_err(|error| failed(chain(&error)))?;
        let processors = online_cpus().map_err(|(path, error)| failed(format!("{path}: {error}")))?;
        let pages = PERF_PAGES.min((bytes as usize / 4096 / processors.len()).next_power_of_two());
        let mut buffers = Vec::new();
        for processor in processors {
            buffers.push(array.open(processor, Some(pages)).map_err(|error| failed(chain(&error)))?);
        }
        Ok(Self::Perf { buffers, lost: 0 })
    }

    /// How it is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ring(_) => "ringbuf",
            Self::Perf { .. } => "perf buffers (records are lost while the recorder restarts)",
        }
    }

    /// Records that the kernel said it dropped after a program had handed them out.
    pub(super) fn lost(&self) -> u64 {
        match self {
            Self::Ring(_) => 0,
            Self::Perf { lost, .. } => *lost,
        }
    }

    /// Waits at most `timeout` for records, then hands all that are there to `sink`.
    pub(super) fn drain(&mut self, timeout: Duration, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        if !timeout.is_zero() {
            wait(&self.descriptors(), timeout)?;
        }
        match self {
            Self::Ring(ring) => ring.drain(sink),
            Self::Perf { buffers, lost } => {
                // Each processor has its own order; a cgroup has to be known before what happens in it.
                let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
                for buffer in buffers {
                    buffer.for_each(|event| match event {
                        PerfEvent::Sample { head, tail } => {
                            let record = [head, tail].concat();
                            records.push((decode::take::<Header>(&record).map_or(0, |(header, _)| header.time), record));
                        }
                        PerfEvent::Lost { count } => *lost += count,
                    });
                }
                records.sort_by_key(|(time, _)| *time);
                records.iter().for_each(|(_, record)| sink(record));
            }
        }
        Ok(())
    }

    /// Tells the kernel that what was drained needs no room any more.
    pub(super) fn give_back(&self) {
        match self {
            Self::Ring(ring) => ring.give_back(),
            // They are copied when they are read.
            Self::Perf { .. } => {}
        }
    }

    /// Part of the room that is held by what was drained and not given back, in percent.
    pub(super) fn held(&self) -> u64 {
        match self {
            Self::Ring(ring) => ring.held() * 100 / ring.size().max(1),
            Self::Perf { .. } => 0,
        }
    }

    /// What becomes readable when there are some.
    pub(super) fn borrowed(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Self::Ring(ring) => vec![ring.descriptor()],
            // SAFETY: the buffers own them, and are borrowed for as long.
            Self::Perf { buffers, .. } => buffers.iter().map(|buffer| unsafe { BorrowedFd::borrow_raw(buffer.as_raw_fd()) }).collect(),
        }
    }

    fn descriptors(&self) -> Vec<RawFd> {
        self.borrowed().iter().map(AsRawFd::as_raw_fd).collect()
    }
}
/// Waits until one of the descriptors is readable, a signal comes, or the time is over.
fn wait(descriptors: &[RawFd], timeout: Duration) -> Result<(), Error> {
    let mut polled: Vec<libc::pollfd> = descriptors.iter().map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
    let milliseconds = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the array is that long and outlives the call.
    let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, milliseconds) };
    if ready >= 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    if error.kind() == std::io::ErrorKind::Interrupted { Ok(()) } else { Err(Error::Wait(error)) }
}
