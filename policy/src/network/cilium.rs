//! The same policy as a CiliumNetworkPolicy, which can say more: names instead of addresses, and entities.

mod peer;

use std::collections::BTreeSet;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use runtimemap_crds::{PeerClass, RuleDirection, RuleEvidence};
use serde_json::{Map, Value, json};

use crate::notes::{Notes, listed};

/// Ports of one list, says the definition.
const PORTS: usize = 40;

/// A CiliumNetworkPolicy, and what a reviewer should know of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialect {
    /// The object.
    pub policy: Value,
    /// What it says otherwise than the NetworkPolicy.
    pub notes: Vec<String>,
}

/// Makes the policy anew for Cilium. `evidence` is that of its rules, ingress first, as the status of a generated policy has it; where it
/// is not for each rule one, rules keep their addresses.
pub fn cilium(policy: &NetworkPolicy, evidence: &[RuleEvidence]) -> Dialect {
    let spec = policy.spec.clone().unwrap_or_default();
    let (ingress, egress) = (spec.ingress.unwrap_or_default(), spec.egress.unwrap_or_default());
    let mut evidence = (evidence.len() == ingress.len() + egress.len()).then(|| evidence.iter());
    let mut next = || evidence.as_mut().and_then(Iterator::next);
    let mut notes = Notes::default();
    let mut written = Map::new();
    written.insert("endpointSelector".to_owned(), peer::labels(&spec.pod_selector.unwrap_or_default()));

    let ingress: Vec<Value> = ingress
        .into_iter()
        .flat_map(|rule| rules(RuleDirection::Ingress, &rule.from.unwrap_or_default(), &rule.ports.unwrap_or_default(), next(), &mut notes))
        .collect();
    let mut egress: Vec<Value> = egress
        .into_iter()
        .flat_map(|rule| rules(RuleDirection::Egress, &rule.to.unwrap_or_default(), &rule.ports.unwrap_or_default(), next(), &mut notes))
        .collect();
    if egress.iter().any(|rule| rule.get("toFQDNs").is_some()) {
        see_answers(&mut egress, &mut notes);
    }
    for (type_, key, rules) in [("Ingress", "ingress", ingress), ("Egress", "egress", egress)] {
        if spec.policy_types.iter().flatten().any(|one| one == type_) {
            // One empty rule restricts a direction and allows nothing; none at all leaves it open.
            written.insert(key.to_owned(), if rules.is_empty() { json!([{}]) } else { json!(rules) });
        }
    }
    let metadata = &policy.metadata;
    let policy = json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "labels": metadata.labels},
        "spec": written,
    });
    Dialect { policy, notes: notes.finish() }
}

/// The rules for one: endpoints, addresses, names and entities cannot stand in the same.
fn rules(
    direction: RuleDirection,
    peers: &[NetworkPolicyPeer],
    ports: &[NetworkPolicyPort],
    evidence: Option<&RuleEvidence>,
    notes: &mut Notes,
) -> Vec<Value> {
    let way = if direction == RuleDirection::Ingress { "from" } else { "to" };
    let (blocks, pods): (Vec<_>, Vec<_>) = peers.iter().partition(|peer| peer.ip_block.is_some());
    let mut kinds = Vec::new();
    if !pods.is_empty() {
        kinds.push((format!("{way}Endpoints"), json!(pods.into_iter().map(peer::endpoints).collect::<Vec<_>>())));
    }
    if !blocks.is_empty() {
        let class = evidence.map_or(PeerClass::World, |evidence| evidence.class);
        let names: BTreeSet<&str> = evidence.iter().flat_map(|evidence| &evidence.dns_names).filter_map(|name| peer::name(name)).collect();
        kinds.push(match class {
            PeerClass::KubeAPI => (format!("{way}Entities"), json!(["kube-apiserver"])),
            PeerClass::Node => (format!("{way}Entities"), json!(["host", "remote-node"])),
            PeerClass::World if direction == RuleDirection::Egress && !names.is_empty() => {
                let shown: Vec<&str> = names.iter().copied().collect();
                notes.add(format!("{} by name: whatever address an answer of the cluster's DNS gives is allowed", listed(&shown)));
                ("toFQDNs".to_owned(), json!(names.iter().map(|name| json!({"matchName": name})).collect::<Vec<_>>()))
            }
            _ => (format!("{way}CIDRSet"), json!(blocks.into_iter().filter_map(peer::block).collect::<Vec<_>>())),
        });
    }
    let all = peers.is_empty().then(|| (format!("{way}Entities"), json!(["all"])));
    let to_ports = ports_in_lists(ports);
    kinds
        .into_iter()
        .chain(all)
        .map(|(key, value)| {
            let mut rule = Map::from_iter([(key, value)]);
            if !to_ports.is_empty() {
                rule.insert("toPorts".to_owned(), json!(to_ports));
            }
            Value::Object(rule)
        })
        .collect()
}

fn ports_in_lists(ports: &[NetworkPolicyPort]) -> Vec<Value> {
    let port = |port: &NetworkPolicyPort| {
        let number = match &port.port {
            Some(IntOrString::Int(number)) => number.to_string(),
            Some(IntOrString::String(name)) => name.clone(),
            // Any port of the protocol.
            None => "0".to_owned(),
        };
        let mut written = json!({"port": number, "protocol": port.protocol.as_deref().unwrap_or("TCP")});
        if let Some(end) = port.end_port {
            written["endPort"] = json!(end);
        }
        written
    };
    ports.chunks(PORTS).map(|part| json!({"ports": part.iter().map(port).collect::<Vec<_>>()})).collect()
}

/// Names are known from answers that Cilium sees: DNS has to go through its proxy.
fn see_answers(egress: &mut [Value], notes: &mut Notes) {
    let asks = |list: &Value| list["ports"].as_array().into_iter().flatten().all(|port| port["port"] == "53" || port["port"] == "5353");
    let mut seen = false;
    for rule in egress.iter_mut().filter(|rule| rule.get("toEndpoints").is_some()) {
        for list in rule["toPorts"].as_array_mut().into_iter().flatten().filter(|list| asks(list)) {
            list["rules"] = json!({"dns": [{"matchPattern": "*"}]});
            seen = true;
        }
    }
    if !seen {
        notes.add("no rule allows DNS by its pods, so Cilium sees no answers, and rules by name allow nothing until another policy does");
    }
}
