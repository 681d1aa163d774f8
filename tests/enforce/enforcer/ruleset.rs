//! The rules of all policies, as text for `nft -f`.

use std::{collections::BTreeSet, fmt::Write, net::IpAddr};

use k8s_openapi::{
    api::{
        core::v1::{ContainerPort, Namespace, Pod},
        networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{View, labels::selects};

pub(super) const TABLE: &str = "enforcement";

/// What does not depend on policies. Counters and sets outlive each load; rules do not.
const FRAME: &str = "\
table inet enforcement {
  set denied4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; size 65535; flags dynamic; }
  set denied6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; size 65535; flags dynamic; }
  counter opened { }
  counter node { }
  counter waiting { }
  chain deny { }
  chain egress { }
  chain ingress { }
  chain forward { type filter hook forward priority 10; policy accept; }
  chain input { type filter hook input priority 10; policy accept; }
  chain output { type filter hook output priority 10; policy accept; }
}
flush table inet enforcement
table inet enforcement {
  chain deny {
    meta nfproto ipv4 update @denied4 { ip saddr . ip daddr . meta l4proto . th dport counter }
    meta nfproto ipv6 update @denied6 { ip6 saddr . ip6 daddr . meta l4proto . th dport counter }
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain forward {
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    jump egress
    jump ingress
    counter name opened
  }
  chain input {
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    jump egress
  }
  chain output {
    ct state established,related accept
    jump ingress
  }
}
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    /// The policy type, the chain, the end of the packet that is the pod's own, and the other.
    const fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "daddr", "saddr"),
            Self::Egress => ("Egress", "egress", "saddr", "daddr"),
        }
    }
}

/// The rules for a cluster as it is.
pub(super) fn of(view: &View) -> String {
    let mut text = FRAME.to_owned();
    let pods: Vec<&Pod> = view.pods.iter().filter(|pod| is_placed(pod)).collect();
    writeln!(text, "table inet {TABLE} {{").unwrap();
    let known: BTreeSet<IpAddr> = pods.iter().flat_map(|pod| addresses(pod)).collect();
    let mut dispatch = String::new();
    waits(&mut dispatch, view, &known);
    for direction in [Direction::Ingress, Direction::Egress] {
        let (type_, chain, own, _) = direction.words();
        let mut to = String::new();
        for pod in &pods {
            let selecting: Vec<&NetworkPolicy> =
                view.policies.iter().filter(|policy| isolates(policy, pod) && types(policy).contains(type_)).collect();
            if selecting.is_empty() {
                continue;
            }
            let name = format!("{chain}-{}.{}", namespace(pod), pod.metadata.name.as_deref().unwrap());
            chain_of(&mut text, &name, direction, pod, &selecting, view);
            for address in addresses(pod) {
                writeln!(to, "    {} {own} {address} jump {name}", family(address)).unwrap();
            }
        }
        writeln!(dispatch, "  chain {chain} {{").unwrap();
        if direction == Direction::Ingress {
            // A pod's own node always reaches it.
            writeln!(dispatch, "    fib saddr type local counter name node return").unwrap();
        }
        writeln!(dispatch, "{to}  }}").unwrap();
    }
    text + &dispatch + "}\n"
}

/// How many rules of policies there are.
pub(super) fn rules(text: &str) -> usize {
    text.lines().filter(|line| line.ends_with(" return") && !line.contains("counter")).count()
}

/// Pods that nobody has heard of wait.
fn waits(text: &mut String, view: &View, known: &BTreeSet<IpAddr>) {
    writeln!(text, "  chain egress {{").unwrap();
    let ranges = view.nodes.iter().flat_map(|node| node.spec.iter().flat_map(|spec| spec.pod_cidrs.iter().flatten()));
    for range in ranges {
        let family = if range.contains(':') { "ip6" } else { "ip" };
        let others: Vec<String> = known.iter().filter(|one| self::family(**one) == family).map(IpAddr::to_string).collect();
        let but = if others.is_empty() { String::new() } else { format!(" {family} saddr != {{ {} }}", others.join(", ")) };
        writeln!(text, "    {family} saddr {range}{but} fib saddr type != local counter name waiting drop").unwrap();
    }
    writeln!(text, "  }}").unwrap();
}

/// What one pod may do in one direction, and that it may do nothing else.
fn chain_of(text: &mut String, name: &str, direction: Direction, pod: &Pod, policies: &[&NetworkPolicy], view: &View) {
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
                Some(selector) => namespace_of(pod, view).is_some_and(|one| selects(selector, &one.metadata.labels.clone().unwrap_or_default())),
            };
            inside && pod_selector.as_ref().is_none_or(|selector| selects(selector, &pod.metadata.labels.clone().unwrap_or_default()))
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

fn isolates(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.clone()).unwrap_or_default();
    policy.metadata.namespace.as_deref() == Some(namespace(pod)) && selects(&selector, &pod.metadata.labels.clone().unwrap_or_default())
}

/// Directions that a policy restricts. Nothing said: ingress, and egress where there are rules for it.
fn types(policy: &NetworkPolicy) -> BTreeSet<String> {
    let spec = policy.spec.clone().unwrap_or_default();
    match spec.policy_types {
        Some(types) if !types.is_empty() => types.into_iter().collect(),
        _ if spec.egress.is_some_and(|rules| !rules.is_empty()) => ["Ingress", "Egress"].map(str::to_owned).into(),
        _ => ["Ingress".to_owned()].into(),
    }
}

/// Whether a pod has addresses of its own: one in the node's network never, one that has ended no more.
fn is_placed(pod: &Pod) -> bool {
    let in_nodes = pod.spec.as_ref().and_then(|spec| spec.host_network).unwrap_or_default();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    !in_nodes && !matches!(phase, "Succeeded" | "Failed")
}

pub(super) fn addresses(pod: &Pod) -> impl Iterator<Item = IpAddr> {
    pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten()).filter_map(|address| address.ip.parse().ok())
}

fn namespace(pod: &Pod) -> &str {
    pod.metadata.namespace.as_deref().unwrap()
}

fn namespace_of<'a>(pod: &Pod, view: &'a View) -> Option<&'a Namespace> {
    view.namespaces.iter().find(|one| one.metadata.name.as_deref() == Some(namespace(pod)))
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "ip6" } else { "ip" }
}
