//! The rules of one pod in one direction.

use std::{fmt::Write, net::IpAddr};

use k8s_openapi::{
    api::{
        core::v1::{ContainerPort, Pod},
        networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{
    View,
    labels::selects,
    pods::{NONE, addresses, family, is_placed, labels, namespace},
};

/// Which way a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// The policy type, the chain, the end of the packet that is the pod's own, and the other.
    pub(super) const fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "daddr", "saddr"),
            Self::Egress => ("Egress", "egress", "saddr", "daddr"),
        }
    }
}

/// What one pod may do in one direction, and that it may do nothing else.
pub(super) fn write(text: &mut String, name: &str, direction: Direction, pod: &Pod, policies: &[&NetworkPolicy], view: &View) {
    let other = direction.words().3;
    writeln!(text, "  chain {name} {{").unwrap();
    for address in addresses(pod) {
        // A pod that comes back to itself through a Service.
        writeln!(text, "    {} {other} {address} return", family(address)).unwrap();
    }
    for policy in policies {
        let spec = policy.spec.clone().unwrap_or_default();
        let rules: Vec<_> = match direction {
            Direction::Ingress => spec.ingress.into_iter().flatten().map(|rule| (rule.from, rule.ports)).collect(),
            Direction::Egress => spec.egress.into_iter().flatten().map(|rule| (rule.to, rule.ports)).collect(),
        };
        for (peers, ports) in rules {
            let ports = ports.unwrap_or_default();
            for (whom, pod_there) in whom(peers.as_deref().unwrap_or_default(), other, policy, view) {
                if ports.is_empty() {
                    writeln!(text, "    {whom} return").unwrap();
                }
                for port in &ports {
                    match (&port.port, direction, pod_there) {
                        // A port's name is looked up in the pod that serves.
                        (Some(IntOrString::String(_)), Direction::Ingress, _) => named(text, &whom, port, pod, &[String::new()]),
                        (Some(IntOrString::String(_)), Direction::Egress, Some(there)) => named(text, &whom, port, there, &[String::new()]),
                        (Some(IntOrString::String(_)), Direction::Egress, None) => {
                            for there in view.pods.iter().filter(|pod| is_placed(pod)) {
                                named(text, &whom, port, there, &of_family(&whom, there));
                            }
                        }
                        _ => writeln!(text, "    {whom} {} return", numbered(port)).unwrap(),
                    }
                }
            }
        }
    }
    writeln!(text, "    jump deny\n  }}").unwrap();
}

/// Matches for the peers of a rule, each with its pod if it is one. No peers: everybody.
fn whom<'a>(peers: &[NetworkPolicyPeer], end: &str, policy: &NetworkPolicy, view: &'a View) -> Vec<(String, Option<&'a Pod>)> {
    if peers.is_empty() {
        return vec![(String::new(), None)];
    }
    let mut found = Vec::new();
    let mut pods = |wanted: &dyn Fn(&Pod) -> bool| {
        for pod in view.pods.iter().filter(|pod| is_placed(pod) && wanted(pod)) {
            found.extend(addresses(pod).map(|address| (format!("{} {end} {address}", family(address)), Some(pod))));
        }
    };
    for peer in peers {
        let NetworkPolicyPeer { ip_block, namespace_selector, pod_selector } = peer;
        if ip_block.is_some() {
            continue;
        }
        pods(&|pod| {
            let inside = match namespace_selector {
                None => namespace(pod) == policy.metadata.namespace.as_deref().unwrap(),
                Some(selector) => {
                    let found = view.namespaces.iter().find(|one| one.metadata.name.as_deref() == Some(namespace(pod)));
                    found.is_some_and(|one| selects(selector, one.metadata.labels.as_ref().unwrap_or(&NONE)))
                }
            };
            inside && pod_selector.as_ref().is_none_or(|selector| selects(selector, labels(pod)))
        });
    }
    for block in peers.iter().filter_map(|peer| peer.ip_block.as_ref()) {
        let family = if block.cidr.contains(':') { "ip6" } else { "ip" };
        let except: Vec<String> = block.except.iter().flatten().map(|range| format!(" {family} {end} != {range}")).collect();
        found.push((format!("{family} {end} {}{}", block.cidr, except.concat()), None));
    }
    found
}

/// The match of a port that has a number, or none.
fn numbered(port: &NetworkPolicyPort) -> String {
    let word = protocol(port).to_lowercase();
    match (&port.port, port.end_port) {
        (Some(IntOrString::Int(first)), Some(last)) => format!("{word} dport {first}-{last}"),
        (Some(IntOrString::Int(number)), None) => format!("{word} dport {number}"),
        _ => format!("meta l4proto {word}"),
    }
}

/// The rules for a port that has a name, if the pod that serves knows it: one for each of these further matches.
fn named(text: &mut String, whom: &str, port: &NetworkPolicyPort, serves: &Pod, further: &[String]) {
    let spec = serves.spec.clone().unwrap_or_default();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let is_meant = |one: &&ContainerPort| {
        port.port == one.name.clone().map(IntOrString::String) && one.protocol.as_deref().unwrap_or("TCP") == protocol(port)
    };
    let Some(found) = ports.find(is_meant) else { return };
    for and in further {
        writeln!(text, "    {whom} {and} {} dport {} return", protocol(port).to_lowercase(), found.container_port).unwrap();
    }
}

/// Matches for a pod's addresses that can stand beside another match.
fn of_family(whom: &str, pod: &Pod) -> Vec<String> {
    let alike = |address: &IpAddr| whom.is_empty() || whom.starts_with(&format!("{} ", family(*address)));
    addresses(pod).filter(alike).map(|address| format!("{} daddr {address}", family(address))).collect()
}

fn protocol(port: &NetworkPolicyPort) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}
