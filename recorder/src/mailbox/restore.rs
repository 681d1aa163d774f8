//! From letters back to a ledger: what an agent before this one had written down.

use std::net::SocketAddr;

use super::{Flow, Letter};
use crate::{
    capability,
    fact::{Abi, Direction},
    ledger::Ledger,
    syscall,
};

/// Adds what a letter says to a ledger. Letters of a ledger, taken by an empty one, make a ledger with the same letters.
pub fn restore(ledger: &mut Ledger, letter: Letter) {
    match letter {
        Letter::Exec(exec) => ledger.execs.insert_pattern(exec),
        Letter::Open(open) => ledger.opens.insert_pattern(open),
        Letter::Capability(used) => {
            if let Some(number) = capability::number(&used.name) {
                ledger.capabilities.entry((number, used.granted)).or_insert(used.first_seen);
            }
        }
        Letter::Syscall(name) => call(ledger, runtimemap_crds::Origin::Entrypoint, Abi::Native, &name),
        Letter::SyscallOf(origin, name) => call(ledger, origin, Abi::Native, &name),
        Letter::SyscallAs(_, name) => call(ledger, runtimemap_crds::Origin::Entrypoint, Abi::Compat, &name),
        Letter::SyscallDenied(name) => {
            let found = [Abi::Native, Abi::Compat].into_iter().find_map(|abi| Some((abi, number(abi, &name)?)));
            ledger.denied.extend(found);
        }
        Letter::Flow(flow) => {
            let Flow { ingress, address, origin, protocol, port, outcome, first_seen } = flow;
            // The client's own port was not kept, and says nothing.
            let (near, far) = (SocketAddr::new([0, 0, 0, 0].into(), port), SocketAddr::new(address, port));
            let direction = if ingress { Direction::Ingress } else { Direction::Egress };
            let flow = crate::ledger::network::Flow { direction, protocol, local: near, remote: far, outcome, origin };
            ledger.network.add_flow(&flow, first_seen);
        }
        Letter::Listen(protocol, port, address) => ledger.network.add_listen(protocol, SocketAddr::new(address, port)),
        Letter::Name(name, address) => ledger.network.add_answer(&name, &[address]),
        Letter::Left(pid) => {
            ledger.left.insert(pid);
        }
        // Follows from the number.
        Letter::UnknownSyscall(_) => {}
        Letter::Truncated(list) => {
            ledger.truncated.insert(list);
        }
    }
}

fn call(ledger: &mut Ledger, origin: runtimemap_crds::Origin, abi: Abi, name: &str) {
    ledger.syscalls.entry((origin, abi)).or_default().extend(number(abi, name));
}

fn number(abi: Abi, name: &str) -> Option<u32> {
    name.strip_prefix("syscall_").map_or_else(|| syscall::number(abi, name), |number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Origin, Outcome, Protocol, collapse::Thresholds};

    use super::*;
    use crate::{
        fact::{Act, Exec, Fact, Slot},
        mailbox::letters,
    };

    #[test]
    fn letters_taken_by_an_empty_ledger_are_its_letters() {
        let mut ledger = Ledger::new(&Thresholds::default(), true);
        let mut add = |origin, act| ledger.add(Fact { slot: Slot(0), origin, pid: 7, time: 1, act }, None);
        let args = vec![b"x".to_vec(), b"--token=secret".to_vec(), b"a*b".to_vec()];
        add(Origin::Exec, Act::Exec(Exec { path: b"/bin/\x1b*".to_vec(), args, truncated: true, ..Exec::default() }));
        for number in 0..300u32 {
            add(Origin::Entrypoint, Act::Open { path: format!("/data/{number:x}{number}/file").into_bytes(), flags: number % 3 });
        }
        add(Origin::Entrypoint, Act::Capability { number: 10, granted: false });
        add(Origin::Entrypoint, Act::Capability { number: 77, granted: true });
        for (origin, abi, number) in [
            (Origin::Entrypoint, Abi::Native, 0),
            (Origin::Runtime, Abi::Native, 1),
            (Origin::Exec, Abi::Compat, 4),
            (Origin::Exec, Abi::Native, 600),
        ] {
            add(origin, Act::Syscall { abi, number });
        }
        add(Origin::Entrypoint, Act::SyscallDenied { abi: Abi::Native, number: 101 });
        for direction in [Direction::Ingress, Direction::Egress] {
            let (local, remote) = ("10.0.0.1:80".parse().unwrap(), "[2001:db8::1]:443".parse().unwrap());
            add(Origin::Entrypoint, Act::Flow { direction, protocol: Protocol::TCP, local, remote, outcome: Outcome::Attempted });
        }
        add(Origin::Entrypoint, Act::Listen { protocol: Protocol::UDP, address: "[::]:53".parse().unwrap() });
        let (addresses, server) = (vec!["192.0.2.1".parse().unwrap()], "10.0.0.10:53".parse().unwrap());
        add(Origin::Entrypoint, Act::DnsAnswer { name: "a.test".into(), addresses, server });
        add(Origin::Entrypoint, Act::Left);
        let before = letters(&ledger);
        assert!(before.len() > 10);
        let mut again = Ledger::new(&Thresholds::default(), true);
        before.iter().cloned().for_each(|letter| restore(&mut again, letter));
        assert_eq!(letters(&again), before);
        // Taken twice, they are still the same.
        before.iter().cloned().for_each(|letter| restore(&mut again, letter));
        assert_eq!(letters(&again), before);
    }
}
