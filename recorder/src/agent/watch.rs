//! Waking up: when a cgroup was made or removed, when the kernel has records, or when the time is over.

use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};

/// Directories that are watched for directories made in them.
pub(super) struct Watch {
    inotify: Inotify,
    watched: HashMap<PathBuf, WatchDescriptor>,
}

impl Watch {
    /// One that watches nothing yet.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn new() -> nix::Result<Self> {
        Ok(Self { inotify: Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?, watched: HashMap::new() })
    }

    /// Watches a directory, if it is not watched yet. What cannot be watched is found by the next look.
    pub(super) fn add(&mut self, directory: &Path) {
        if !self.watched.contains_key(directory) {
            let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ONLYDIR;
            if let Ok(descriptor) = self.inotify.add_watch(directory, flags) {
                self.watched.insert(directory.to_owned(), descriptor);
            }
        }
    }

    /// Forgets directories that are gone; the kernel has forgotten them already.
    pub(super) fn retain(&mut self, there: impl Fn(&Path) -> bool) {
        self.watched.retain(|path, _| there(path));
    }

    /// Waits. True if a directory was made or removed.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) fn wait(&self, records: &[BorrowedFd<'_>], signals: BorrowedFd<'_>, timeout: Duration) -> nix::Result<bool> {
        let mut polled: Vec<PollFd<'_>> = [self.inotify.as_fd(), signals]
            .into_iter()
            .chain(records.iter().copied())
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut polled, PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let mut changed = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => changed |= !events.is_empty(),
                Err(Errno::EAGAIN | Errno::EINTR) => return Ok(changed),
                Err(error) => return Err(error),
            }
        }
    }
}
