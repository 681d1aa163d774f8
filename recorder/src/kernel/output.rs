//! Records on their way out of the kernel: one ring buffer, or a perf buffer per processor.

use std::{
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use aya::{
    Ebpf,
    maps::{
        MapData, RingBuf,
        perf::{PerfEvent, PerfEventArray, PerfEventArrayBuffer},
    },
    util::online_cpus,
};

use super::{Error, load::chain};

/// The kernel's records.
pub(super) enum Output {
    /// From Linux 5.8 on.
    Ring(RingBuf<MapData>),
    /// Before.
    Perf {
        /// One per processor.
        buffers: Vec<PerfEventArrayBuffer<MapData>>,
        /// Records that the kernel counted as lost.
        lost: u64,
        /// Where a record that wraps around the buffer's end is put together.
        joined: Vec<u8>,
    },
}

/// Pages of 4 KiB per processor.
const PERF_PAGES: usize = 512;

impl Output {
    /// Opens the object's output.
    pub(super) fn open(bpf: &mut Ebpf, ring: bool, bytes: u32) -> Result<Self, Error> {
        let failed = |error: String| Error::Map { name: "EVENTS", error };
        let map = bpf.take_map("EVENTS").ok_or_else(|| failed("not in the object".to_owned()))?;
        if ring {
            return RingBuf::try_from(map).map(Self::Ring).map_err(|error| failed(chain(&error)));
        }
        let mut array = PerfEventArray::try_from(map).map_err(|error| failed(chain(&error)))?;
        let processors = online_cpus().map_err(|(path, error)| failed(format!("{path}: {error}")))?;
        let pages = PERF_PAGES.min((bytes as usize / 4096 / processors.len()).next_power_of_two());
        let mut buffers = Vec::new();
        for processor in processors {
            buffers.push(array.open(processor, Some(pages)).map_err(|error| failed(chain(&error)))?);
        }
        Ok(Self::Perf { buffers, lost: 0, joined: Vec::new() })
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
        wait(&self.descriptors(), timeout)?;
        match self {
            Self::Ring(ring) => {
                while let Some(record) = ring.next() {
                    sink(&record);
                }
            }
            Self::Perf { buffers, lost, joined } => {
                for buffer in buffers {
                    buffer.for_each(|event| match event {
                        PerfEvent::Sample { head, tail: [] } => sink(head),
                        PerfEvent::Sample { head, tail } => {
                            joined.clear();
                            joined.extend_from_slice(head);
                            joined.extend_from_slice(tail);
                            sink(joined);
                        }
                        PerfEvent::Lost { count } => *lost += count,
                    });
                }
            }
        }
        Ok(())
    }

    /// What becomes readable when there are some.
    pub(super) fn borrowed(&self) -> Vec<BorrowedFd<'_>> {
        // SAFETY: the buffers own them, and are borrowed for as long.
        self.descriptors().into_iter().map(|fd| unsafe { BorrowedFd::borrow_raw(fd) }).collect()
    }

    fn descriptors(&self) -> Vec<RawFd> {
        match self {
            Self::Ring(ring) => vec![ring.as_raw_fd()],
            Self::Perf { buffers, .. } => buffers.iter().map(AsRawFd::as_raw_fd).collect(),
        }
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
