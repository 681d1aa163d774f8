//! One workload that met everything there is, by several choices of a reviewer: policy, evidence and notes, whole.

use std::net::IpAddr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, Origin, Outcome, Peer, PeerClass, PeerType, Protocol,
    WorkloadReference,
};
use runtimemap_policy::network::{Directions, Options, World, default_deny, object};

use crate::pitfalls::{neighborhood, port, world};

fn selector(labels: &[(&str, &str)]) -> LabelSelector {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    LabelSelector { match_labels: Some(labels), match_expressions: None }
}

fn tcp(number: u16) -> Vec<NeighborPort> {
    vec![port(Protocol::TCP, number)]
}

fn of(class: PeerClass, ports: Vec<NeighborPort>) -> Neighbor {
    Neighbor { type_: PeerType::Internal, peer: Peer { class, ..Peer::default() }, ports, ..Neighbor::default() }
}

fn at(address: &str, neighbor: Neighbor) -> Neighbor {
    Neighbor { ip_addresses: vec![address.to_owned()], ..neighbor }
}

fn pods(namespace: &str, name: &str, labels: &[(&str, &str)], ports: Vec<NeighborPort>) -> Neighbor {
    let mut neighbor = of(PeerClass::Workload, ports);
    neighbor.peer = Peer { namespace: namespace.to_owned(), kind: "Deployment".to_owned(), name: name.to_owned(), ..neighbor.peer };
    neighbor.pod_selector = Some(selector(labels));
    neighbor.namespace_selector = Some(selector(&[("kubernetes.io/metadata.name", namespace)]));
    neighbor
}

fn service(name: &str, ports: Vec<NeighborPort>) -> Neighbor {
    let mut neighbor = of(PeerClass::Service, ports);
    neighbor.peer = Peer { namespace: "shop".to_owned(), service: name.to_owned(), ..neighbor.peer };
    neighbor
}

/// Everything that a workload can have met.
fn worldly() -> NetworkNeighborhood {
    let through = |number, service| NeighborPort { service_port: Some(service), ..port(Protocol::TCP, number) };
    let named = NeighborPort { port_name: "http".to_owned(), ..port(Protocol::TCP, 8080) };
    let ingress = vec![
        pods("shop", "front", &[("app", "front"), ("pod-template-hash", "5f7")], vec![named, port(Protocol::UDP, 8080)]),
        pods("other", "nameless", &[("pod-template-hash", "5f7")], tcp(8080)),
        at("10.0.0.7", of(PeerClass::Node, tcp(8080))),
        Neighbor { outcome: Outcome::Attempted, ..world("198.51.100.66", tcp(23)) },
        world("203.0.113.9", tcp(8080)),
    ];
    let mut dns = of(PeerClass::ClusterDNS, vec![port(Protocol::UDP, 53)]);
    dns.peer.namespace = "kube-system".to_owned();
    dns.pod_selector = Some(selector(&[("k8s-app", "kube-dns")]));
    let egress = vec![
        dns,
        at("10.0.0.1", of(PeerClass::KubeAPI, vec![through(6443, 443)])),
        at("127.0.0.1", of(PeerClass::SelfPeer, tcp(9000))),
        at("224.0.0.251", of(PeerClass::Multicast, vec![port(Protocol::UDP, 5353)])),
        pods("other", "store", &[("app", "store")], vec![through(6379, 80), port(Protocol::SCTP, 132)]),
        Neighbor { pod_selector: Some(selector(&[("app", "gone")])), ..service("gone", tcp(81)) },
        at("192.0.2.9", service("by-hand", tcp(82))),
        service("", tcp(83)),
        Neighbor { origin: Origin::Exec, ..world("198.51.100.7", tcp(443)) },
        Neighbor { origin: Origin::Probe, ..world("198.51.100.8", tcp(444)) },
        Neighbor { dns_names: vec!["smtp.example.com".to_owned()], ..world("203.0.113.25", tcp(587)) },
        world("2001:db8::25", tcp(587)),
        world("192.168.7.7", vec![port(Protocol::UDP, 514)]),
        world("203.0.113.1", Vec::new()),
    ];
    let mut object = neighborhood(ingress, egress);
    object.spec.workload = WorkloadReference { kind: "Deployment".to_owned(), name: "web".to_owned(), ..WorkloadReference::default() };
    object.spec.pod_selector = selector(&[("app", "web")]);
    let local = NeighborPort { addresses: vec!["127.0.0.1".to_owned(), "::1".to_owned()], ..port(Protocol::TCP, 9000) };
    let half = NeighborPort { addresses: vec!["127.0.0.1".to_owned(), "10.0.0.3".to_owned()], ..port(Protocol::TCP, 9001) };
    object.spec.containers[0].listens = vec![port(Protocol::TCP, 8080), port(Protocol::UDP, 8080), local, half];
    let setup = ContainerNeighborhood { name: "setup".to_owned(), egress: vec![world("203.0.113.77", tcp(80))], ..Default::default() };
    let debugger = ContainerNeighborhood {
        name: "debugger".to_owned(),
        ingress: vec![world("203.0.113.99", tcp(2222))],
        egress: vec![world("203.0.113.98", tcp(22))],
        ..ContainerNeighborhood::default()
    };
    object.spec.init_containers = vec![setup];
    object.spec.ephemeral_containers = vec![debugger];
    object
}

/// A neighborhood with one neighbor each way, or none.
fn quiet(ingress: Option<Neighbor>, egress: Option<Neighbor>) -> NetworkNeighborhood {
    let mut object = neighborhood(ingress.into_iter().collect(), egress.into_iter().collect());
    object.spec.pod_selector = selector(&[("app", "web")]);
    object
}

#[test]
fn what_a_workload_itself_did_is_a_policy_and_all_else_is_a_note() {
    insta::assert_yaml_snapshot!(object(&worldly(), &Options::default()));
}

#[test]
fn all_that_can_be_asked_for_is_in_the_policy() {
    let asked = Options {
        entered: true,
        probes: false,
        ephemeral: true,
        attempted: true,
        world: World::Prefix { v4: 24, v6: 64 },
        service_ports: true,
        dns: true,
        kubelets: vec![IpAddr::from([10, 0, 0, 7]), "2001:db8::7".parse().unwrap()],
        ..Options::default()
    };
    insta::assert_yaml_snapshot!("asked_for", object(&worldly(), &asked));
    // Where it was not seen.
    let mut silent = worldly();
    silent.spec.containers[0].egress.clear();
    insta::assert_yaml_snapshot!("asked_for_where_it_was_not_seen", object(&silent, &Options { world: World::Public, ..asked }).spec);
    // Asked for is not there: nobody listens, so nobody is probed.
    let deaf = Options { kubelets: vec![IpAddr::from([10, 0, 0, 7])], ..Options::default() };
    assert_eq!(object(&quiet(None, None), &deaf).spec.spec.unwrap().ingress, None);
}

#[test]
fn one_direction_only_is_a_policy_of_that_direction() {
    for (name, directions) in [("ingress_only", Directions::Ingress), ("egress_only", Directions::Egress)] {
        let made = object(&worldly(), &Options { directions, ..Options::default() });
        insta::assert_yaml_snapshot!(name, (made.spec.spec, made.status.unwrap().notes));
    }
}

#[test]
fn a_direction_is_restricted_by_what_was_seen_of_it() {
    let seen = || Some(world("192.0.2.1", tcp(80)));
    let unruled = || Some(at("10.0.0.7", of(PeerClass::Node, tcp(80))));
    let own = || Some(at("127.0.0.1", of(PeerClass::SelfPeer, tcp(80))));
    let cases = [
        ("nothing", quiet(None, None)),
        ("ingress", quiet(seen(), None)),
        ("egress", quiet(None, seen())),
        ("itself", quiet(own(), seen())),
        ("unruled ingress", quiet(unruled(), None)),
        ("unruled ingress and egress", quiet(unruled(), seen())),
        ("unruled both", quiet(unruled(), unruled())),
    ];
    let mut all = Vec::new();
    for (name, neighborhood) in &cases {
        for cut_unseen in [false, true] {
            let made = object(neighborhood, &Options { cut_unseen, ..Options::default() });
            let types = made.spec.spec.unwrap().policy_types.unwrap();
            all.push((format!("{name}{}", if cut_unseen { ", the unseen is cut" } else { "" }), types, made.status.unwrap().notes));
        }
    }
    insta::assert_yaml_snapshot!(all);
}

#[test]
fn the_default_of_a_namespace_is_in_that_namespace_and_is_known_for_what_it_is() {
    let all = [Directions::Both, Directions::Ingress, Directions::Egress].map(|directions| default_deny("shop", directions));
    insta::assert_yaml_snapshot!(all);
}
