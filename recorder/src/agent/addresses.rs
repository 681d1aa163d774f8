//! The node's own addresses, from the tables of its first process: the agent's own network may be another.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv6Addr},
};

/// Addresses of this node, without loopback.
pub(super) fn of_node() -> Vec<String> {
    let v4 = fs::read_to_string("/proc/1/net/fib_trie").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/1/net/if_inet6").unwrap_or_default();
    let mut found: BTreeSet<IpAddr> = local_v4(&v4).into_iter().chain(local_v6(&v6)).collect();
    found.retain(|address| !address.is_loopback());
    found.iter().map(IpAddr::to_string).take(500).collect()
}

/// A leaf of the routing trie, followed by what it is: `/32 host LOCAL` is an address of this machine.
fn local_v4(trie: &str) -> Vec<IpAddr> {
    let mut leaf: Option<IpAddr> = None;
    let mut found = Vec::new();
    for line in trie.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.trim() == "/32 host LOCAL" {
            found.extend(leaf);
        }
    }
    found
}

fn local_v6(table: &str) -> Vec<IpAddr> {
    let addresses = table.lines().filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok());
    addresses.map(|bits| IpAddr::V6(Ipv6Addr::from(bits))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_the_kernel_takes_for_its_own() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.88.0.0\n        /24 link UNICAST\n     |-- 10.88.0.1\n        /32 host LOCAL\n\
            |-- 10.88.0.255\n        /32 link BROADCAST\n";
        assert_eq!(local_v4(trie), ["10.88.0.1".parse::<IpAddr>().unwrap()]);
        let table = "fe80000000000000000000000000000a 02 40 20 80 eth0\nnonsense\n";
        assert_eq!(local_v6(table), ["fe80::a".parse::<IpAddr>().unwrap()]);
        assert!(local_v4("").is_empty());
    }
}
