//! What already runs, read once from /proc. A process that ends meanwhile has simply less to tell.

mod process;
mod socket;
mod tree;

use std::collections::BTreeSet;

use runtimemap_crds::Origin;

use crate::fact::{Act, Fact, Slot};

pub use socket::Listener;
pub use tree::Processes;

/// The facts that these processes still show.
pub fn take(slot: Slot, pids: &BTreeSet<u32>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |pid: u32, act: Act| facts.push(Fact { slot, origin: Origin::Snapshot, pid, time: 0, act });
    for &pid in pids {
        process::acts(pid, &mut |act| add(pid, act));
    }
    socket::acts(pids, &mut add);
    facts
}

/// The TCP sockets on which these processes wait for peers.
pub fn listeners(pids: &BTreeSet<u32>) -> Vec<Listener> {
    socket::listeners(pids)
}

/// The network namespace of a process, by its inode number. None if there is no such process.
pub fn network(pid: u32) -> Option<u32> {
    socket::network(pid)
}
