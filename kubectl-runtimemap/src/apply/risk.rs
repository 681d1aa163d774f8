//! What a reviewer must not overlook.

use k8s_openapi::{api::networking::v1::IPBlock, apimachinery::pkg::util::intstr::IntOrString};
use runtimemap_crds::{PeerClass, RuleDirection};

use super::{
    preview::World,
    review::{Item, Subject},
};
use crate::rules::Content;

/// Where clouds tell a machine its credentials.
const METADATA: [&str; 2] = ["169.254.169.254/", "fd00:ec2::254/"];

/// Of one rule.
pub(super) fn of_rule(item: &Item) -> Vec<&'static str> {
    let mut risks = Vec::new();
    let peers = || item.contents.iter().flat_map(|content| &content.peers);
    let blocks = || peers().filter_map(|peer| peer.ip_block.as_ref());
    let to_all = |block: &IPBlock| block.cidr.ends_with("/0");
    if item.contents.iter().any(|content| content.peers.is_empty()) || blocks().any(to_all) {
        risks.push("open to all addresses");
    }
    if item.contents.iter().any(|content| content.ports.is_empty()) {
        risks.push("any port");
    }
    let everybody = |peer: &k8s_openapi::api::networking::v1::NetworkPolicyPeer| {
        let empty = |selector: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector| {
            selector.match_labels.as_ref().is_none_or(std::collections::BTreeMap::is_empty)
                && selector.match_expressions.as_ref().is_none_or(Vec::is_empty)
        };
        peer.ip_block.is_none() && peer.pod_selector.as_ref().is_none_or(empty)
    };
    if peers().any(everybody) {
        risks.push("every pod of a namespace");
    }
    if blocks().any(|block| METADATA.iter().any(|address| block.cidr.starts_with(address))) {
        risks.push("the metadata address, from which clouds give out credentials");
    }
    match item.rule.evidence.as_ref().map(|evidence| evidence.class) {
        Some(PeerClass::KubeAPI) => risks.push("the Kubernetes API server"),
        Some(PeerClass::Node) => risks.push("a node, or pods in its network: its address stands for all of them"),
        _ => {}
    }
    risks
}

/// Of a policy as a whole.
pub(super) fn of_policy(subject: &Subject<'_>, world: &World) -> Vec<String> {
    let mut risks = Vec::new();
    let types = subject.policy.spec.spec.as_ref().and_then(|spec| spec.policy_types.clone()).unwrap_or_default();
    for (type_, direction, word) in [("Ingress", RuleDirection::Ingress, "ingress"), ("Egress", RuleDirection::Egress, "egress")] {
        let isolates = types.iter().any(|one| one == type_);
        if isolates && world.is_free(subject, direction) {
            risks.push(format!("isolates a pod that was free: no policy in force restricts its {word}"));
        }
    }
    let egress = types.iter().any(|one| one == "Egress");
    let asks_dns = subject.items.iter().flat_map(|item| &item.contents).any(allows_dns);
    if egress && !asks_dns && subject.items.iter().any(|item| item.rule.direction == RuleDirection::Egress) {
        risks.push("DNS is missing: egress is restricted, and no rule allows port 53".to_owned());
    }
    risks
}

fn allows_dns(content: &Content) -> bool {
    content.ports.is_empty() || content.ports.iter().any(|port| port.port == Some(IntOrString::Int(53)) || port.port.is_none())
}
