//! From a ledger to letters, and from letters to what profiles are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use runtimemap_crds::ContainerProfile;

use super::{Flow, Letter};
use crate::{
    fact::Direction,
    ledger::{
        Ledger,
        network::{self, Network},
    },
    profile::{application, status::Notes},
};

/// Everything that a ledger holds.
pub fn letters(ledger: &Ledger) -> Vec<Letter> {
    let mut notes = Notes::of(ledger);
    let truncated = [("execs", ledger.execs.truncated()), ("opens", ledger.opens.truncated())];
    notes.truncated.extend(truncated.into_iter().filter(|(_, is)| *is).map(|(list, _)| list.to_owned()));
    notes.truncated.extend(ledger.truncated.iter().cloned());
    notes.truncated.sort();
    notes.truncated.dedup();
    let ContainerProfile {
        name: _,
        images: _,
        execs,
        opens,
        capabilities,
        syscalls,
        syscall_origins,
        syscalls_denied,
        syscall_architectures,
    } = application::container("", ledger.clone(), &mut notes);
    let mut letters: Vec<Letter> = execs.into_iter().map(Letter::Exec).collect();
    letters.extend(flows(&ledger.network));
    letters.extend(opens.into_iter().map(Letter::Open));
    letters.extend(capabilities.into_iter().map(Letter::Capability));
    letters.extend(syscalls.into_iter().map(Letter::Syscall));
    for (origin, calls) in syscall_origins {
        letters.extend(calls.into_iter().map(|call| Letter::SyscallOf(origin, call)));
    }
    letters.extend(syscalls_denied.into_iter().map(Letter::SyscallDenied));
    for (architecture, calls) in syscall_architectures {
        letters.extend(calls.into_iter().map(|call| Letter::SyscallAs(architecture.clone(), call)));
    }
    letters.extend(ledger.left.iter().copied().map(Letter::Left));
    letters.extend(notes.unknown_syscalls.into_iter().map(Letter::UnknownSyscall));
    letters.extend(notes.truncated.into_iter().map(Letter::Truncated));
    letters
}

/// Names first: who reads a flow wants to know by which name it went.
fn flows(network: &Network) -> Vec<Letter> {
    let mut letters = Vec::new();
    for (address, names) in &network.names {
        letters.extend(names.iter().map(|name| Letter::Name(name.clone(), *address)));
    }
    for (&(protocol, port), addresses) in &network.listens {
        letters.extend(addresses.iter().map(|address| Letter::Listen(protocol, port, *address)));
    }
    for (edge, known) in &network.edges {
        let &network::Edge { direction, address, origin, protocol, port } = edge;
        let network::Known { outcome, first_seen } = known.clone();
        let ingress = direction == Direction::Ingress;
        letters.push(Letter::Flow(Flow { ingress, address, origin, protocol, port, outcome, first_seen }));
    }
    letters
}

/// What letters say, put together again.
#[derive(Debug, Default)]
pub struct Opened {
    /// The container's part of an ApplicationProfile.
    pub profile: ContainerProfile,
    /// Its flows.
    pub network: Network,
    /// Processes that left.
    pub left: BTreeSet<u32>,
    /// Numbers of system calls without a name.
    pub unknown_syscalls: Vec<String>,
    /// Lists that were folded further than usual.
    pub truncated: Vec<String>,
    /// Letters that no object could hold.
    pub unsound: u64,
}

/// Puts letters together. Those that would not fit into an object are counted, not taken: a single one would keep all others out.
pub fn open(letters: Vec<Letter>) -> Opened {
    let mut opened = Opened::default();
    let mut origins = BTreeMap::<_, BTreeSet<String>>::new();
    let mut architectures = BTreeMap::<_, BTreeSet<String>>::new();
    for letter in letters {
        if !sound(&letter) {
            opened.unsound += 1;
            continue;
        }
        match letter {
            Letter::Exec(exec) => opened.profile.execs.push(exec),
            Letter::Open(open) => opened.profile.opens.push(open),
            Letter::Capability(capability) => opened.profile.capabilities.push(capability),
            Letter::Syscall(call) => opened.profile.syscalls.push(call),
            Letter::SyscallOf(origin, call) => {
                origins.entry(origin).or_default().insert(call);
            }
            Letter::SyscallDenied(call) => opened.profile.syscalls_denied.push(call),
            Letter::SyscallAs(architecture, call) => {
                architectures.entry(architecture).or_default().insert(call);
            }
            Letter::Flow(flow) => add_flow(&mut opened.network, flow),
            Letter::Listen(protocol, port, address) => opened.network.add_listen(protocol, SocketAddr::new(address, port)),
            Letter::Name(name, address) => opened.network.add_answer(&name, &[address]),
            Letter::Left(pid) => {
                opened.left.insert(pid);
            }
            Letter::UnknownSyscall(call) => opened.unknown_syscalls.push(call),
            Letter::Truncated(list) => opened.truncated.push(list),
        }
    }
    opened.profile.syscall_origins = origins.into_iter().map(|(origin, calls)| (origin, calls.into_iter().collect())).collect();
    opened.profile.syscall_architectures = architectures.into_iter().map(|(name, calls)| (name, calls.into_iter().collect())).collect();
    opened
}

fn add_flow(network: &mut Network, flow: Flow) {
    let Flow { ingress, address, origin, protocol, port, outcome, first_seen } = flow;
    let (ours, theirs) = if ingress { (port, 0) } else { (0, port) };
    let flow = network::Flow {
        direction: if ingress { Direction::Ingress } else { Direction::Egress },
        protocol,
        local: SocketAddr::new(address, ours),
        remote: SocketAddr::new(address, theirs),
        outcome,
        origin,
    };
    network.add_flow(&flow, first_seen);
}

/// Whether the schemas of the objects take it.
fn sound(letter: &Letter) -> bool {
    const PATH: usize = 16_384;
    const ARGUMENT: usize = 4096;
    const NAME: usize = 64;
    match letter {
        Letter::Exec(exec) => {
            exec.path.len() <= PATH
                && exec.interpreter.len() <= PATH
                && exec.args.len() <= 100
                && exec.args.iter().all(|argument| argument.len() <= ARGUMENT)
        }
        Letter::Open(open) => open.path.len() <= PATH && open.flags.len() <= 32 && open.flags.iter().all(|flag| flag.len() <= 32),
        Letter::Capability(capability) => capability.name.len() <= NAME,
        Letter::Syscall(call) | Letter::SyscallOf(_, call) | Letter::SyscallDenied(call) | Letter::UnknownSyscall(call) => {
            call.len() <= NAME
        }
        Letter::SyscallAs(architecture, call) => architecture.len() <= NAME && call.len() <= NAME,
        Letter::Name(name, _) => name.len() <= 1024,
        Letter::Truncated(list) => list.len() <= NAME,
        Letter::Flow(_) | Letter::Listen(..) | Letter::Left(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Exec, Open, Origin, Outcome, Protocol, collapse::Thresholds};

    use super::*;
    use crate::fact::{self, Abi, Act, Fact, Slot};

    fn ledger(acts: Vec<(Origin, Act)>) -> Ledger {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        for (origin, act) in acts {
            ledger.add(Fact { slot: Slot(0), origin, pid: 7, time: 0, act }, None);
        }
        ledger
    }

    #[test]
    fn letters_say_what_the_ledger_holds() {
        let exec = Act::Exec(fact::Exec { path: b"/bin/a\xff".to_vec(), args: vec![b"a".to_vec()], ..fact::Exec::default() });
        let flow = |direction, remote: &str| Act::Flow {
            direction,
            protocol: Protocol::TCP,
            local: "10.0.0.1:80".parse().unwrap(),
            remote: remote.parse().unwrap(),
            outcome: Outcome::Established,
        };
        let ledger = ledger(vec![
            (Origin::Entrypoint, exec),
            (Origin::Entrypoint, Act::Open { path: b"/etc/x".to_vec(), flags: 0 }),
            (Origin::Entrypoint, Act::Capability { number: 10, granted: false }),
            (Origin::Entrypoint, Act::Syscall { abi: Abi::Native, number: 0 }),
            (Origin::Runtime, Act::Syscall { abi: Abi::Native, number: 1 }),
            (Origin::Entrypoint, flow(Direction::Ingress, "10.0.0.2:4000")),
            (Origin::Entrypoint, flow(Direction::Egress, "10.0.0.3:443")),
            (Origin::Entrypoint, Act::Left),
        ]);
        let opened = open(letters(&ledger));
        let mut notes = Notes::default();
        let whole = application::container("", ledger.clone(), &mut notes);
        assert_eq!(opened.profile, whole);
        assert_eq!(opened.network.edges, ledger.network.edges);
        assert_eq!((opened.left, opened.unsound), (BTreeSet::from([7]), 0));
    }

    #[test]
    fn what_no_object_could_hold_is_counted_and_keeps_nothing_else_out() {
        let good = Letter::Open(Open { path: "/x".into(), ..Open::default() });
        let bad = [
            Letter::Open(Open { path: "x".repeat(20_000), ..Open::default() }),
            Letter::Exec(Exec { args: vec![String::new(); 101], ..Exec::default() }),
            Letter::Syscall("x".repeat(65)),
            Letter::Name("x".repeat(1025), "10.0.0.1".parse().unwrap()),
        ];
        let opened = open(bad.into_iter().chain([good]).collect());
        assert_eq!((opened.unsound, opened.profile.opens.len(), opened.profile.execs.len()), (4, 1, 0));
        assert!(opened.network.names.is_empty());
    }
}
