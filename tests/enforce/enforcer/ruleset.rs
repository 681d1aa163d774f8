//! The rules of all policies, as text for `nft -f`.

use std::{collections::BTreeSet, fmt::Write, net::IpAddr};

use k8s_openapi::api::{core::v1::Pod, networking::v1::NetworkPolicy};

use super::{
    View,
    chain::{self, Direction},
    labels::selects,
    pods::{addresses, family, is_placed, labels, namespace},
};

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
            chain::write(&mut text, &name, direction, pod, &selecting, view);
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
        let others: Vec<String> = known.iter().filter(|one| super::pods::family(**one) == family).map(IpAddr::to_string).collect();
        let but = if others.is_empty() { String::new() } else { format!(" {family} saddr != {{ {} }}", others.join(", ")) };
        writeln!(text, "    {family} saddr {range}{but} fib saddr type != local counter name waiting drop").unwrap();
    }
    writeln!(text, "  }}").unwrap();
}

fn isolates(policy: &NetworkPolicy, pod: &Pod) -> bool {
    let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.clone()).unwrap_or_default();
    policy.metadata.namespace.as_deref() == Some(namespace(pod)) && selects(&selector, labels(pod))
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
