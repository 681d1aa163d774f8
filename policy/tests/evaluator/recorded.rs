//! Neighborhoods as flows, with a cluster and without one.

use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Peer, PeerClass, Protocol, RuleDirection,
    WorkloadReference,
};
use runtimemap_policy::{
    evaluator::{Cluster, End, PodId, Ruling},
    network,
    recorded::flows,
};
use serde_json::{Value, json};

use crate::town::{self, address, policy};

fn labels(value: Value) -> k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector {
    serde_json::from_value(json!({"matchLabels": value})).unwrap()
}

fn neighbor(peer: Peer, port: u16) -> Neighbor {
    let ports = vec![NeighborPort { protocol: Protocol::TCP, port, ..NeighborPort::default() }];
    Neighbor { peer, ports, ..Neighbor::default() }
}

fn deployment(name: &str, port: u16) -> Neighbor {
    let peer =
        Peer { class: PeerClass::Workload, namespace: "shop".into(), kind: "Deployment".into(), name: name.into(), ..Peer::default() };
    Neighbor { pod_selector: Some(labels(json!({"app": name}))), ..neighbor(peer, port) }
}

fn neighborhood(name: &str, ingress: Vec<Neighbor>, egress: Vec<Neighbor>) -> NetworkNeighborhood {
    let spec = NetworkNeighborhoodSpec {
        workload: WorkloadReference { kind: "Deployment".into(), name: name.into(), ..WorkloadReference::default() },
        pod_selector: labels(json!({"app": name})),
        containers: vec![ContainerNeighborhood { name: name.to_owned(), ingress, egress, ..ContainerNeighborhood::default() }],
        ..NetworkNeighborhoodSpec::default()
    };
    let mut object = NetworkNeighborhood::new(&format!("deployment-{name}"), spec);
    object.metadata.namespace = Some("shop".to_owned());
    object
}

#[test]
fn both_ends_of_one_flow_are_the_same_two_pods() {
    let objects =
        [neighborhood("web", Vec::new(), vec![deployment("api", 8080)]), neighborhood("api", vec![deployment("web", 8080)], Vec::new())];
    let recorded = flows(&objects, Cluster::default());
    assert_eq!((recorded.flows.len(), recorded.cluster.pods.len()), (2, 2));
    assert_eq!(recorded.flows[0].flow, recorded.flows[1].flow);
    assert_eq!([recorded.flows[0].seen.direction, recorded.flows[1].seen.direction], [RuleDirection::Egress, RuleDirection::Ingress]);
    let generated: Vec<_> = objects.iter().map(|object| network::generate(object, &network::Options::default()).policy).collect();
    let judged = recorded.judge(&generated).unwrap();
    assert!(judged.iter().all(|one| matches!((one.verdict.egress, one.verdict.ingress), (Ruling::Allowed(_), Ruling::Allowed(_)))));
    let deny = policy("shop", "none", json!({"podSelector": {}, "policyTypes": ["Egress"]}));
    let judged = recorded.judge(&[deny]).unwrap();
    assert_eq!(
        judged[0].reason,
        "shop/deployment-web is restricted by networkpolicy shop/none, and no rule allows egress to shop/deployment-api on TCP 8080"
    );
}

#[test]
fn a_cluster_that_is_there_gives_its_own_pods() {
    let objects = [neighborhood("web", Vec::new(), vec![deployment("api", 8080), deployment("gone", 1)])];
    let recorded = flows(&objects, town::cluster());
    let ends: Vec<End> = recorded.flows.iter().map(|recorded| recorded.flow.to).collect();
    assert_eq!(ends, [town::API, End::Pod(PodId(5))]);
    assert_eq!((recorded.cluster.pods.len(), recorded.cluster.pods[5].name.as_str()), (6, "deployment-gone"));
    assert!(recorded.flows.iter().all(|recorded| recorded.flow.from == town::WEB));
}

#[test]
fn addresses_stay_addresses_and_what_cannot_be_judged_is_listed() {
    let world = Neighbor { ip_addresses: vec!["192.0.2.1".into(), "::ffff:192.0.2.2".into()], ..neighbor(Peer::default(), 443) };
    let multicast = neighbor(Peer { class: PeerClass::Multicast, ..Peer::default() }, 5353);
    let node = neighbor(Peer { class: PeerClass::Node, ..Peer::default() }, 10250);
    let portless = Neighbor { ports: Vec::new(), ..deployment("api", 1) };
    let objects = [neighborhood("web", Vec::new(), vec![world, multicast, node, portless])];
    let recorded = flows(&objects, Cluster::default());
    assert_eq!(recorded.flows.iter().map(|one| one.flow.to).collect::<Vec<_>>(), [address("192.0.2.1"), address("192.0.2.2")]);
    let why: Vec<&str> = recorded.unjudged.iter().map(|one| one.why).collect();
    assert_eq!(
        why,
        ["policies do not apply to multicast and broadcast", "neither a pod nor an address of it is known", "no port of it is known"]
    );
}

#[test]
fn a_peer_without_a_namespace_is_where_its_selector_says_or_beside_the_workload() {
    let peer = |class, name: &str| Peer { class, kind: "Deployment".into(), name: name.into(), ..Peer::default() };
    let plain = neighbor(peer(PeerClass::Workload, "api"), 8080);
    let elsewhere = Neighbor {
        pod_selector: Some(labels(json!({"app": "db"}))),
        namespace_selector: Some(labels(json!({"kubernetes.io/metadata.name": "data"}))),
        ..neighbor(peer(PeerClass::Workload, "db"), 5432)
    };
    let own_dns = Neighbor { pod_selector: Some(labels(json!({"app": "dns"}))), ..neighbor(peer(PeerClass::ClusterDNS, "dns"), 53) };
    let any_dns = neighbor(Peer { class: PeerClass::ClusterDNS, ..Peer::default() }, 53);
    let objects = [neighborhood("web", Vec::new(), vec![plain, elsewhere, own_dns, any_dns])];
    let recorded = flows(&objects, Cluster::default());
    let pod = |end: End| match end {
        End::Pod(id) => &recorded.cluster.pods[id.0],
        End::Address(_) => panic!("an address"),
    };
    let namespaces: Vec<&str> = recorded.flows.iter().map(|one| pod(one.flow.to).namespace.as_str()).collect();
    assert_eq!(namespaces, ["shop", "data", "shop", "kube-system"]);
    assert!(!pod(recorded.flows[0].flow.to).labels.contains_key("k8s-app"), "it is no DNS");
    let made: Vec<(&str, bool)> = recorded.cluster.namespaces.iter().map(|one| (one.name.as_str(), one.labels.is_empty())).collect();
    assert_eq!(made, [("shop", true), ("data", false), ("kube-system", true)], "each once, with the labels that it is known by");
}

#[test]
fn a_pod_that_was_made_up_is_one_that_its_expressions_select() {
    let expressions =
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api"]}, {"key": "tier", "operator": "Exists"}]});
    let api = Neighbor { pod_selector: Some(serde_json::from_value(expressions).unwrap()), ..deployment("api", 8080) };
    let objects = [neighborhood("web", Vec::new(), vec![api])];
    let recorded = flows(&objects, Cluster::default());
    let generated = network::generate(&objects[0], &network::Options::default()).policy;
    assert!(recorded.judge(&[generated]).unwrap()[0].verdict.is_allowed());
}

#[test]
fn dns_is_its_pods_and_nodelocals_address() {
    let dns = |addresses: &[&str]| Neighbor {
        ip_addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        ..neighbor(Peer { class: PeerClass::ClusterDNS, ..Peer::default() }, 53)
    };
    for (seen, pods, locals) in [(dns(&[]), 1, 0), (dns(&["10.96.0.10"]), 1, 0), (dns(&["169.254.20.10"]), 0, 1)] {
        let objects = [neighborhood("web", Vec::new(), vec![seen])];
        let recorded = flows(&objects, Cluster::default());
        let is_pod = |end: End| matches!(end, End::Pod(_));
        let found = recorded.flows.iter().filter(|one| is_pod(one.flow.to)).count();
        assert_eq!((found, recorded.flows.len() - found), (pods, locals));
        let generated = network::generate(&objects[0], &network::Options::default()).policy;
        assert!(recorded.judge(&[generated]).unwrap().iter().all(|one| one.verdict.is_allowed()));
    }
}

#[test]
fn names_of_ports_are_learned_where_no_pod_tells_them() {
    let mut seen = deployment("api", 8080);
    seen.ports[0].port_name = "http".to_owned();
    let objects = [neighborhood("web", Vec::new(), vec![seen])];
    let recorded = flows(&objects, Cluster::default());
    let by_name = policy("shop", "x", json!({"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [{"ports": [{"port": "http"}]}]}));
    assert!(recorded.judge(&[by_name]).unwrap()[0].verdict.is_allowed());
}

#[test]
fn n10_a_service_by_hand_is_its_addresses_and_any_other_its_pods() {
    let service = |selector: Option<Value>, addresses: &[&str]| {
        let peer = Peer { class: PeerClass::Service, namespace: "shop".into(), service: "store".into(), ..Peer::default() };
        let ip_addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        let found = Neighbor { pod_selector: selector.map(labels), ip_addresses, ..neighbor(peer, 80) };
        let objects = [neighborhood("web", Vec::new(), vec![found])];
        flows(&objects, Cluster::default()).flows.iter().map(|one| one.flow.to).collect::<Vec<End>>()
    };
    let by_hand = ["192.0.2.7", "192.0.2.8"];
    assert_eq!(service(None, &by_hand), by_hand.map(address));
    let is_pod = |ends: &[End]| matches!(ends, [End::Pod(_)]);
    assert!(is_pod(&service(Some(json!({"app": "store"})), &by_hand)));
    assert!(is_pod(&service(Some(json!({"app": "store"})), &[])));
    assert!(is_pod(&service(None, &[])));
}
