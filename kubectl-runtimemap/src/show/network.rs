//! Whom a container talks to, who talks to it, and where it listens.

use runtimemap_crds::{ContainerNeighborhood, Neighbor, NeighborPort, Outcome, Peer, PeerClass};

use super::{
    View,
    wording::{count, foreign_origin, list, origin, shorten, time},
};
use crate::page::{Page, Style, Table};

/// Peers that are listed before the rest is only counted.
const PEERS: usize = 20;
/// Characters of a cell in the short form.
const WIDTH: usize = 48;

pub(super) fn write(page: &mut Page, neighborhood: &ContainerNeighborhood, view: &View) {
    let ContainerNeighborhood { name: _, listens, ingress, egress } = neighborhood;
    for (peers, some, none) in [(egress, "Talks to", "Talks to nobody"), (ingress, "Is talked to by", "Nobody talks to it")] {
        if peers.is_empty() {
            page.nothing(none);
        } else {
            page.heading(&format!("{some} {}", count(peers.len(), "peer", "peers")));
            neighbors(page, peers, view);
        }
    }
    if listens.is_empty() {
        page.nothing("Listens on no port");
    } else {
        page.heading(&format!("Listens on {}", count(listens.len(), "port", "ports")));
        let mut table = Table::new(&["PORT", "ADDRESSES"]);
        for listen in listens {
            table.row([port(listen), list(listen.addresses.iter().map(String::as_str), (!view.full()).then_some(WIDTH))]);
        }
        page.table(&table);
    }
}

fn neighbors(page: &mut Page, peers: &[Neighbor], view: &View) {
    let limit = (!view.full()).then_some(WIDTH);
    let mut table = if view.wide {
        Table::new(&["PEER", "ADDRESSES", "PORTS", "OUTCOME", "ORIGIN", "FIRST SEEN", "POD", "IDENTIFIER"])
    } else {
        Table::new(&["PEER", "ADDRESSES", "PORTS", "", ""])
    };
    let shown = if view.full() { peers.len() } else { peers.len().min(PEERS) };
    for neighbor in &peers[..shown] {
        let addresses = list(neighbor.ip_addresses.iter().map(String::as_str), limit);
        let ports: Vec<String> = neighbor.ports.iter().map(port).collect();
        let ports = list(ports.iter().map(String::as_str), limit);
        let peer = name(neighbor);
        if view.wide {
            let outcome = if neighbor.outcome == Outcome::Established { "established" } else { "attempted" };
            let seen = time(neighbor.first_seen.as_ref());
            let origin = origin(neighbor.origin);
            table.row([peer, addresses, ports, outcome.into(), origin.into(), seen, neighbor.pod.clone(), neighbor.identifier.clone()]);
        } else {
            let outcome = if neighbor.outcome == Outcome::Established { "" } else { "never connected" };
            let origin = foreign_origin(neighbor.origin);
            let origin = if origin.is_empty() { String::new() } else { format!("by {origin}") };
            let peer = if view.full() { peer } else { shorten(&peer, WIDTH) };
            table.row([peer, addresses, ports, outcome.into(), origin]);
        }
    }
    page.table(&table);
    if shown < peers.len() {
        page.item(Style::Plain, &format!("… and {} more: --only network shows all", peers.len() - shown));
    }
}

/// What a person calls a peer, with its addresses where it has no name.
pub(crate) fn peer(neighbor: &Neighbor) -> String {
    let nameless = neighbor.peer.class == PeerClass::World && neighbor.dns_names.is_empty() && !neighbor.ip_addresses.is_empty();
    if nameless { list(neighbor.ip_addresses.iter().map(String::as_str), Some(WIDTH)) } else { name(neighbor) }
}

/// What a person calls a peer. Its addresses stand beside it.
fn name(neighbor: &Neighbor) -> String {
    let Peer { class, namespace, kind, name, service } = &neighbor.peer;
    let place = if namespace.is_empty() { String::new() } else { format!(" in {namespace}") };
    let through = if service.is_empty() || class == &PeerClass::Service { String::new() } else { format!(" through service {service}") };
    let named = |fallback: &str| match (kind.is_empty(), name.is_empty()) {
        (_, true) => fallback.to_owned(),
        (true, false) => name.clone(),
        (false, false) => format!("{kind}/{name}"),
    };
    match class {
        PeerClass::Workload => format!("{}{place}{through}", named("a workload")),
        PeerClass::Service => format!("service {}{place}", if service.is_empty() { name } else { service }),
        PeerClass::Node => format!("node {name}").trim_end().to_owned(),
        PeerClass::KubeAPI => "the Kubernetes API".to_owned(),
        PeerClass::ClusterDNS => "the cluster's DNS".to_owned(),
        PeerClass::SelfPeer => "itself".to_owned(),
        PeerClass::Multicast => "multicast".to_owned(),
        PeerClass::World if neighbor.dns_names.is_empty() => "world".to_owned(),
        PeerClass::World => neighbor.dns_names.join(", "),
    }
}

pub(crate) fn port(port: &NeighborPort) -> String {
    let NeighborPort { name: _, protocol, port, service_port, port_name, addresses: _ } = port;
    let named = if port_name.is_empty() { String::new() } else { format!(" {port_name}") };
    let service = service_port.map(|service| format!(" (service {service})")).unwrap_or_default();
    format!("{protocol:?} {port}{named}{service}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(class: PeerClass, parts: [&str; 4]) -> String {
        let [namespace, kind, name, service] = parts.map(str::to_owned);
        super::name(&Neighbor { peer: Peer { class, namespace, kind, name, service }, ..Neighbor::default() })
    }

    #[test]
    fn a_peer_is_called_what_a_person_calls_it() {
        assert_eq!(named(PeerClass::Workload, ["shop", "Deployment", "db", "mysql"]), "Deployment/db in shop through service mysql");
        assert_eq!(named(PeerClass::Service, ["shop", "", "", "mail"]), "service mail in shop");
        assert_eq!(named(PeerClass::Node, ["", "", "", ""]), "node");
        assert_eq!(named(PeerClass::World, ["", "", "", ""]), "world");
        assert_eq!(named(PeerClass::SelfPeer, ["", "", "", ""]), "itself");
    }

    #[test]
    fn a_port_is_the_target_and_beside_it_the_service() {
        let found = port(&NeighborPort { port: 8080, service_port: Some(80), port_name: "http".into(), ..NeighborPort::default() });
        assert_eq!(found, "TCP 8080 http (service 80)");
    }
}
