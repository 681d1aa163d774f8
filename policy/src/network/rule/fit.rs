//! Rules within what the API server takes.

use std::collections::BTreeMap;

use k8s_openapi::{api::networking::v1::NetworkPolicyPort, apimachinery::pkg::util::intstr::IntOrString};
use runtimemap_crds::{Protocol, RuleDirection};

use super::{Finished, Group, Ports, order::Placed};
use crate::network::name;

/// Rules of one direction that an object holds.
const RULES: usize = 200;
/// Peers of one rule.
const PEERS: usize = 100;
/// Ports of one rule.
const PORTS: usize = 100;

/// Writes the rules of both directions, in their order.
pub(super) fn finish(rules: Vec<Placed>) -> Finished {
    let mut finished = Finished { ingress: Vec::new(), egress: Vec::new(), evidence: Vec::new(), dropped: 0 };
    let (ingress, egress) = rules.into_iter().partition(|rule| rule.direction == RuleDirection::Ingress);
    for (direction, rules) in [(RuleDirection::Ingress, ingress), (RuleDirection::Egress, egress)] {
        let mut parts = parts(rules);
        finished.dropped += parts.len().saturating_sub(RULES);
        parts.truncate(RULES);
        for (identity, Group { peers, ports, seen }) in parts {
            finished.evidence.push(seen.evidence(name::stable_hash(&identity), direction, &ports));
            let rule = (peers, written(&ports));
            match direction {
                RuleDirection::Ingress => finished.ingress.push(rule),
                RuleDirection::Egress => finished.egress.push(rule),
            }
        }
    }
    finished
}

/// Rules that each fit: a long one in parts, and where there are too many, peers with the same ports in one.
fn parts(rules: Vec<Placed>) -> Vec<(String, Group)> {
    let mut all: Vec<(String, Group)> = rules.into_iter().map(|rule| (rule.identity, rule.group)).collect();
    if all.iter().map(|(_, group)| group.peers.len().div_ceil(PEERS) * ports_in_parts(&group.ports).len()).sum::<usize>() > RULES {
        all = together(all);
    }
    let mut parts = Vec::new();
    for (identity, group) in all {
        let mut number = 0;
        for ports in ports_in_parts(&group.ports) {
            for peers in group.peers.chunks(PEERS) {
                number += 1;
                let identity = if number == 1 { identity.clone() } else { format!("{identity} part {number}") };
                parts.push((identity, Group { peers: peers.to_vec(), ports: ports.clone(), seen: group.seen.clone() }));
            }
        }
    }
    parts
}

/// Rules with the same ports become one, where the first of them stands.
fn together(rules: Vec<(String, Group)>) -> Vec<(String, Group)> {
    let mut places = BTreeMap::<Ports, usize>::new();
    let mut joined: Vec<(String, Group)> = Vec::new();
    for (identity, group) in rules {
        match places.get(&group.ports).and_then(|place| joined.get_mut(*place)) {
            Some((_, known)) => {
                known.peers.extend(group.peers);
                known.seen.extend(group.seen);
            }
            None => {
                places.insert(group.ports.clone(), joined.len());
                joined.push((format!("{identity} and others"), group));
            }
        }
    }
    joined
}

/// As many ports at a time as one rule holds.
fn ports_in_parts(ports: &Ports) -> Vec<Ports> {
    if written(ports).len() <= PORTS {
        return vec![ports.clone()];
    }
    let ranges: Vec<(Protocol, u16, u16)> = ranges(ports);
    let part = |part: &[(Protocol, u16, u16)]| {
        part.iter().flat_map(|(protocol, low, high)| (*low..=*high).map(|port| (*protocol, port))).collect()
    };
    ranges.chunks(PORTS).map(part).collect()
}

/// Ports as the policy has them: each by its number; ranges only where there are too many, since not every network plugin knows them.
fn written(ports: &Ports) -> Vec<NetworkPolicyPort> {
    let port = |protocol: Protocol, low: u16, high: u16| NetworkPolicyPort {
        protocol: Some(format!("{protocol:?}")),
        port: Some(IntOrString::Int(i32::from(low))),
        end_port: (high != low).then_some(i32::from(high)),
    };
    if ports.len() <= PORTS {
        return ports.iter().map(|(protocol, number)| port(*protocol, *number, *number)).collect();
    }
    ranges(ports).into_iter().map(|(protocol, low, high)| port(protocol, low, high)).collect()
}

/// Ports with no gap between them.
fn ranges(ports: &Ports) -> Vec<(Protocol, u16, u16)> {
    let mut ranges: Vec<(Protocol, u16, u16)> = Vec::new();
    for (protocol, port) in ports {
        match ranges.last_mut() {
            Some((same, _, high)) if same == protocol && high.checked_add(1) == Some(*port) => *high = *port,
            _ => ranges.push((*protocol, *port, *port)),
        }
    }
    ranges
}
