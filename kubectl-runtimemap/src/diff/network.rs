//! Policies against flows: what is allowed and was never used, what was used and would be cut.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::RuleDirection;
use runtimemap_policy::{
    evaluator::{Cluster, End, Evaluator, RulePlace, Ruling, Verdict},
    recorded::{self as flows, RecordedFlow},
};

use super::{declared::Declared, surface::Surface};
use crate::{map::Map, recorded, rules, show};

/// Both sides of each map.
pub(super) fn surfaces(maps: &[Map], declared: &Declared, remarks: &mut Vec<String>) -> anyhow::Result<Vec<(Surface, Surface)>> {
    let neighborhoods = recorded::neighborhoods(maps);
    let recorded = flows::flows(&neighborhoods, declared.cluster.clone());
    let policies: Vec<NetworkPolicy> = declared.policies.iter().map(atoms).collect();
    let evaluator = Evaluator::new(&policies, &recorded.cluster)?;
    let judged: Vec<(&RecordedFlow<'_>, Verdict)> = recorded.flows.iter().map(|flow| (flow, evaluator.judge(&flow.flow))).collect();
    let used = used(&policies, &recorded)?;
    let mut surfaces = Vec::new();
    for map in maps {
        let (mut first, mut second) = (Surface::default(), Surface::default());
        let Some(neighborhood) = map.neighborhood.as_deref() else {
            surfaces.push((first, second));
            continue;
        };
        let own = |flow: &RecordedFlow<'_>| {
            let theirs = &flow.seen.neighborhood.metadata;
            theirs.name == neighborhood.metadata.name && theirs.namespace == neighborhood.metadata.namespace
        };
        for (direction, path) in [(RuleDirection::Ingress, "network/ingress"), (RuleDirection::Egress, "network/egress")] {
            let mut restricted = BTreeSet::new();
            let mut open = false;
            for (flow, verdict) in judged.iter().filter(|(flow, _)| own(flow) && flow.seen.direction == direction) {
                if recorded::aside(&flow.seen).is_some() {
                    continue;
                }
                let (ruling, own) = match direction {
                    RuleDirection::Ingress => (verdict.ingress, flow.flow.to),
                    RuleDirection::Egress => (verdict.egress, flow.flow.from),
                };
                if let End::Pod(pod) = own {
                    restricted.extend(evaluator.restricting(pod, direction).iter().copied());
                }
                let line = format!("{} on {:?} {}", show::peer(flow.seen.neighbor), flow.port.protocol, flow.port.port);
                match ruling {
                    Ruling::Denied => second.add(path, line),
                    Ruling::Allowed(_) => {
                        first.add(path, line.clone());
                        second.add(path, line);
                    }
                    Ruling::Open => open = true,
                    Ruling::Outside | Ruling::SamePod | Ruling::OwnNode => {}
                }
            }
            if open {
                let word = if direction == RuleDirection::Ingress { "ingress" } else { "egress" };
                remarks.push(format!("Note: no NetworkPolicy restricts {word} of {}", recorded::whose(neighborhood)));
            }
            restricted.extend(selecting(neighborhood, &evaluator, &recorded, direction));
            for place in restricted {
                for line in unused(&policies[place], place, direction, &used) {
                    let name = policies[place].metadata.name.as_deref().unwrap_or_default();
                    first.add(path, format!("{line} (NetworkPolicy {name})"));
                }
            }
        }
        surfaces.push((first, second));
    }
    Ok(surfaces)
}

/// Policies that restrict a workload's pod, also where no flow of it went that way.
fn selecting(
    neighborhood: &runtimemap_crds::NetworkNeighborhood,
    evaluator: &Evaluator<'_>,
    recorded: &flows::Recorded<'_>,
    direction: RuleDirection,
) -> Vec<usize> {
    let own =
        recorded.flows.iter().find(|flow| std::ptr::eq(flow.seen.neighborhood, neighborhood) || flow.seen.neighborhood == neighborhood);
    let Some(flow) = own else { return Vec::new() };
    let end = if flow.seen.direction == RuleDirection::Ingress { flow.flow.to } else { flow.flow.from };
    match end {
        End::Pod(pod) => evaluator.restricting(pod, direction).to_vec(),
        End::Address(_) => Vec::new(),
    }
}

/// A policy of which each rule has one peer and one port, so that each can be used or not.
fn atoms(policy: &NetworkPolicy) -> NetworkPolicy {
    let split = |rule: rules::Rule| {
        let peers: Vec<Option<NetworkPolicyPeer>> = one_or_all(rule.content.peers.clone());
        let ports: Vec<Option<NetworkPolicyPort>> = one_or_all(rule.content.ports.clone());
        peers
            .into_iter()
            .flat_map(|peer| ports.iter().cloned().map(move |port| (peer.clone(), port)))
            .map(|(peer, port)| rules::Rule {
                content: rules::Content { peers: peer.into_iter().collect(), ports: port.into_iter().collect() },
                ..rule.clone()
            })
            .collect::<Vec<_>>()
    };
    let rules: Vec<rules::Rule> = rules::of(policy, &[]).into_iter().flat_map(split).collect();
    rules::with(policy, &rules)
}

/// Each alone; none means all of them.
fn one_or_all<T>(list: Vec<T>) -> Vec<Option<T>> {
    if list.is_empty() { vec![None] } else { list.into_iter().map(Some).collect() }
}

/// Rules by which something recorded passed. Each policy by itself, so that none hides another's use; and without nodes, since what
/// reaches a pod's own node by no rule here may need one where the pod runs next.
fn used(policies: &[NetworkPolicy], recorded: &flows::Recorded<'_>) -> anyhow::Result<BTreeSet<(usize, bool, usize)>> {
    let mut used = BTreeSet::new();
    let cluster = Cluster { nodes: Vec::new(), ..recorded.cluster.clone() };
    for (place, policy) in policies.iter().enumerate() {
        let alone = Evaluator::new(std::slice::from_ref(policy), &cluster)?;
        for flow in recorded.flows.iter().filter(|flow| recorded::aside(&flow.seen).is_none()) {
            let verdict = alone.judge(&flow.flow);
            for (ingress, ruling) in [(true, verdict.ingress), (false, verdict.egress)] {
                if let Ruling::Allowed(RulePlace { rule, .. }) = ruling {
                    used.insert((place, ingress, rule));
                }
            }
        }
    }
    Ok(used)
}

/// The rules of a policy in a direction that nothing used, in words.
fn unused(policy: &NetworkPolicy, place: usize, direction: RuleDirection, used: &BTreeSet<(usize, bool, usize)>) -> Vec<String> {
    let ingress = direction == RuleDirection::Ingress;
    let rules: Vec<rules::Rule> = rules::of(policy, &[]).into_iter().filter(|rule| rule.direction == direction).collect();
    let is_used = |rule: usize| used.contains(&(place, ingress, rule));
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        // DNS asks over UDP and, for long answers, over TCP: either stands for both.
        let twin = rules.iter().enumerate().any(|(other, twin)| {
            other != index && is_used(other) && twin.content.peers == rule.content.peers && is_dns(&twin.content) && is_dns(&rule.content)
        });
        if !is_used(index) && !twin {
            found.push(rules::words(&rule.content));
        }
    }
    found
}

fn is_dns(content: &rules::Content) -> bool {
    content.ports.iter().all(|port| port.port == Some(IntOrString::Int(53))) && !content.ports.is_empty()
}
