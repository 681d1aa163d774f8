//! Rules in words.

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::Content;

/// Peers and ports.
pub(crate) fn words(content: &Content) -> String {
    let peers: Vec<String> = content.peers.iter().map(peer).collect();
    let ports: Vec<String> = content.ports.iter().map(port).collect();
    let peers = if peers.is_empty() { "anybody".to_owned() } else { peers.join(", ") };
    let ports = if ports.is_empty() { "any port".to_owned() } else { ports.join(", ") };
    format!("{peers} on {ports}")
}

/// A peer of a rule in words.
fn peer(peer: &NetworkPolicyPeer) -> String {
    let NetworkPolicyPeer { ip_block, namespace_selector, pod_selector } = peer;
    if let Some(block) = ip_block {
        let except = block.except.clone().unwrap_or_default();
        return if except.is_empty() { block.cidr.clone() } else { format!("{} except {}", block.cidr, except.join(", ")) };
    }
    let pods = pod_selector.as_ref().map_or_else(|| "all pods".to_owned(), |selector| selected("pods", selector));
    match namespace_selector {
        None => pods,
        Some(selector) => format!("{pods} in {}", selected("namespaces", selector)),
    }
}

fn selected(what: &str, selector: &LabelSelector) -> String {
    let labels = selector.match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector.match_expressions.iter().flatten().map(|expression| {
        let values = expression.values.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(",");
        if values.is_empty() {
            format!("{} {}", expression.key, expression.operator)
        } else {
            format!("{} {} ({values})", expression.key, expression.operator)
        }
    });
    let all: Vec<String> = labels.chain(expressions).collect();
    if all.is_empty() { format!("all {what}") } else { format!("{what} {}", all.join(",")) }
}

/// A port of a rule in words.
fn port(port: &NetworkPolicyPort) -> String {
    let NetworkPolicyPort { protocol, port, end_port } = port;
    let protocol = protocol.as_deref().unwrap_or("TCP");
    let port = match port {
        None => return format!("any {protocol} port"),
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(name)) => name.clone(),
    };
    end_port.map_or_else(|| format!("{protocol} {port}"), |end| format!("{protocol} {port}-{end}"))
}
