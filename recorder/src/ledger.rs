//! The facts of one container, as a set that a container cannot make grow without bound.

pub mod network;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use runtimemap_crds::{
    Exec, Open, Origin,
    collapse::{ExecSet, OpenSet, Thresholds, escape},
    masking::mask_args,
};

use crate::{
    fact::{self, Abi, Act, Fact},
    open_flag,
};
use network::Network;

/// Everything that one container was seen to do, collapsed as it comes.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Programs started.
    pub execs: ExecSet,
    /// Files opened.
    pub opens: OpenSet,
    /// Capabilities asked for, by number and whether they were granted, with the first time.
    pub capabilities: BTreeMap<(u32, bool), Option<Time>>,
    /// System calls entered.
    pub syscalls: BTreeMap<(Origin, Abi), BTreeSet<u32>>,
    /// System calls refused by a filter.
    pub denied: BTreeSet<(Abi, u32)>,
    /// Whom it talked to.
    pub network: Network,
    /// Processes that moved out of the container's cgroup.
    pub left: BTreeSet<u32>,
    /// Lists that an agent before this one had to fold further than usual.
    pub truncated: BTreeSet<String>,
    mask: bool,
}

/// Processes that left, by id: more than a reader would look at.
const LEFT: usize = 1000;

impl Ledger {
    /// An empty one. With `mask`, arguments that look like secrets are not kept.
    pub fn new(thresholds: &Thresholds, mask: bool) -> Self {
        Self {
            execs: ExecSet::new(thresholds),
            opens: OpenSet::new(thresholds),
            capabilities: BTreeMap::new(),
            syscalls: BTreeMap::new(),
            denied: BTreeSet::new(),
            network: Network::default(),
            left: BTreeSet::new(),
            truncated: BTreeSet::new(),
            mask,
        }
    }

    /// Whether arguments that look like secrets are masked from now on.
    pub fn set_mask(&mut self, mask: bool) {
        self.mask = mask;
    }

    /// Adds a fact, first seen at that time.
    pub fn add(&mut self, fact: Fact, first_seen: Option<Time>) {
        let Fact { slot: _, origin, pid, time: _, act } = fact;
        // What the runtime does before the container's own command is no behaviour of the container, but its filter must allow the calls.
        if origin == Origin::Runtime && !matches!(act, Act::Syscall { .. }) {
            return;
        }
        match act {
            Act::Exec(exec) => self.add_exec(exec, origin, first_seen),
            Act::Open { path, flags } => {
                let flags = open_flag::names(flags).into_iter().map(str::to_owned).collect();
                self.opens.insert(Open { path: escape(&path), flags, first_seen, pod: String::new() });
            }
            Act::Capability { number, granted } => {
                self.capabilities.entry((number, granted)).or_insert(first_seen);
            }
            Act::Syscall { abi, number } => {
                self.syscalls.entry((origin, abi)).or_default().insert(number);
            }
            Act::SyscallDenied { abi, number } => {
                self.denied.insert((abi, number));
            }
            Act::Flow { direction, protocol, local, remote, outcome } => {
                self.network.add_flow(&network::Flow { direction, protocol, local, remote, outcome, origin }, first_seen);
            }
            Act::Listen { protocol, address } => self.network.add_listen(protocol, address),
            // Who answers himself names nobody.
            Act::DnsAnswer { server, .. } if self.network.is_served_by_itself(server) => {}
            Act::DnsAnswer { name, addresses, server: _ } => self.network.add_answer(&name, &addresses),
            Act::Left => {
                if self.left.len() < LEFT {
                    self.left.insert(pid);
                }
            }
        }
    }

    fn add_exec(&mut self, exec: fact::Exec, origin: Origin, first_seen: Option<Time>) {
        let fact::Exec { path, interpreter, args, truncated } = exec;
        let mut args: Vec<String> = args.iter().map(|arg| escape(arg)).collect();
        if self.mask {
            args = mask_args(&args);
        }
        let exec = Exec { path: escape(&path), interpreter: escape(&interpreter), args, origin, first_seen, pod: String::new() };
        self.execs.insert(exec, truncated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Slot;

    fn fact(origin: Origin, act: Act) -> Fact {
        Fact { slot: Slot(0), origin, pid: 7, time: 0, act }
    }

    fn exec(args: &[&str]) -> Act {
        let args = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        Act::Exec(fact::Exec { path: b"/bin/x".to_vec(), args, ..fact::Exec::default() })
    }

    #[test]
    fn the_runtimes_acts_are_no_facts_but_its_calls_are_kept_apart() {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        ledger.add(fact(Origin::Runtime, exec(&["runc", "init"])), None);
        ledger.add(fact(Origin::Runtime, Act::Open { path: b"/proc/self".to_vec(), flags: 0 }), None);
        ledger.add(fact(Origin::Runtime, Act::Syscall { abi: Abi::Native, number: 1 }), None);
        assert!(ledger.execs.into_execs().is_empty());
        assert!(ledger.opens.into_opens().is_empty());
        assert_eq!(ledger.syscalls, BTreeMap::from([((Origin::Runtime, Abi::Native), BTreeSet::from([1]))]));
    }

    #[test]
    fn r23_secrets_in_arguments_stay_on_the_machine_unless_asked_for() {
        for (mask, kept) in [(true, false), (false, true)] {
            let mut ledger = Ledger::new(&Thresholds::default(), mask);
            ledger.add(fact(Origin::Entrypoint, exec(&["x", "--password=hunter2"])), None);
            assert_eq!(format!("{:?}", ledger.execs.into_execs()).contains("hunter2"), kept);
        }
    }

    #[test]
    fn the_same_file_with_other_flags_is_one_entry_with_all_of_them() {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        for flags in [libc::O_RDONLY, libc::O_WRONLY | libc::O_CREAT] {
            ledger.add(fact(Origin::Entrypoint, Act::Open { path: b"/etc/x".to_vec(), flags: flags.cast_unsigned() }), None);
        }
        let opens = ledger.opens.into_opens();
        assert_eq!(opens.len(), 1);
        assert_eq!(opens[0].flags, ["O_CREAT", "O_RDONLY", "O_WRONLY"]);
    }

    #[test]
    fn a_flood_of_names_stays_small() {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        for number in 0..50_000u32 {
            let path = format!("/data/{}/x{}y", number % 977, number.wrapping_mul(2_654_435_761)).into_bytes();
            ledger.add(fact(Origin::Entrypoint, Act::Open { path, flags: 0 }), None);
        }
        assert!(ledger.opens.bytes() < 200_000, "{}", ledger.opens.bytes());
    }
}
