//! The generated policy against what it was made from.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::IpAddr;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use proptest::prelude::*;
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Origin, Outcome, Peer, PeerClass, Protocol,
};
use runtimemap_policy::network::{Options, generate};

fn port(protocol: Protocol, port: u16) -> NeighborPort {
    NeighborPort { name: format!("{protocol:?}-{port}"), protocol, port, ..NeighborPort::default() }
}

fn world(address: &str, ports: Vec<NeighborPort>) -> Neighbor {
    Neighbor { peer: Peer::default(), ip_addresses: vec![address.to_owned()], ports, ..Neighbor::default() }
}

fn neighborhood(ingress: Vec<Neighbor>, egress: Vec<Neighbor>) -> NetworkNeighborhood {
    let containers = vec![ContainerNeighborhood { name: "web".to_owned(), ingress, egress, ..ContainerNeighborhood::default() }];
    let mut object =
        NetworkNeighborhood::new("deployment-web", NetworkNeighborhoodSpec { containers, ..NetworkNeighborhoodSpec::default() });
    object.metadata.namespace = Some("shop".to_owned());
    object
}

fn selector(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Some([(key.to_owned(), value.to_owned())].into()), match_expressions: None }
}

type Allowed = Vec<(String, String, i32)>;

/// Every (address, protocol, port) that the policy's address rules allow, egress and ingress.
fn allowed(neighborhood: &NetworkNeighborhood) -> (Allowed, Allowed) {
    let spec = generate(neighborhood, &Options::default()).policy.spec.unwrap();
    let rule = |peers: Option<Vec<NetworkPolicyPeer>>, ports: Option<Vec<NetworkPolicyPort>>| {
        let (peers, ports) = (peers.unwrap(), ports.unwrap());
        assert!(!peers.is_empty() && !ports.is_empty(), "a rule without peers or ports allows everything");
        let mut all = Vec::new();
        for block in peers.iter().filter_map(|peer| peer.ip_block.as_ref()) {
            for port in &ports {
                let Some(IntOrString::Int(number)) = port.port else { panic!("a port that is no number") };
                all.push((block.cidr.clone(), port.protocol.clone().unwrap(), number));
            }
        }
        all
    };
    let egress = spec.egress.unwrap_or_default().into_iter().flat_map(|found| rule(found.to, found.ports)).collect();
    let ingress = spec.ingress.unwrap_or_default().into_iter().flat_map(|found| rule(found.from, found.ports)).collect();
    (egress, ingress)
}

#[test]
fn n2_an_ipv6_peer_is_a_128_and_a_mapped_one_a_32() {
    let peers = vec![world("2001:db8::1", vec![port(Protocol::TCP, 443)]), world("::ffff:192.0.2.1", vec![port(Protocol::TCP, 443)])];
    let (egress, _) = allowed(&neighborhood(Vec::new(), peers));
    let mut cidrs: Vec<&str> = egress.iter().map(|(cidr, _, _)| cidr.as_str()).collect();
    cidrs.sort_unstable();
    assert_eq!(cidrs, ["192.0.2.1/32", "2001:db8::1/128"]);
}

#[test]
fn n3_labels_of_one_rollout_are_in_no_selector() {
    let mut object = neighborhood(vec![world("192.0.2.1", vec![port(Protocol::TCP, 80)])], Vec::new());
    object.spec.pod_selector = selector("app", "web");
    object.spec.pod_selector.match_labels.as_mut().unwrap().insert("pod-template-hash".to_owned(), "5f7".to_owned());
    let generated = generate(&object, &Options::default());
    assert_eq!(generated.policy.spec.unwrap().pod_selector.unwrap(), selector("app", "web"));
    assert!(generated.status.notes.iter().any(|note| note.contains("pod-template-hash")));
}

#[test]
fn n4_a_peer_without_a_stable_label_is_a_note_and_no_rule() {
    let peer = Peer {
        class: PeerClass::Workload,
        namespace: "shop".to_owned(),
        kind: "Job".to_owned(),
        name: "once".to_owned(),
        ..Peer::default()
    };
    let neighbor =
        Neighbor { peer, pod_selector: Some(selector("job-name", "once-1")), ports: vec![port(Protocol::TCP, 80)], ..Neighbor::default() };
    let generated = generate(&neighborhood(vec![neighbor], Vec::new()), &Options::default());
    assert_eq!(generated.policy.spec.unwrap().ingress, None);
    assert!(generated.status.notes.iter().any(|note| note.contains("Job shop/once")));
}

#[test]
fn n6_attempts_and_commands_from_outside_are_notes() {
    let attempted = Neighbor { outcome: Outcome::Attempted, ..world("192.0.2.1", vec![port(Protocol::TCP, 80)]) };
    let entered = Neighbor { origin: Origin::Exec, ..world("192.0.2.2", vec![port(Protocol::TCP, 80)]) };
    let generated = generate(&neighborhood(Vec::new(), vec![attempted, entered]), &Options::default());
    assert_eq!(generated.policy.spec.unwrap().egress, None);
    assert!(generated.status.notes.iter().any(|note| note.contains("192.0.2.1")));
    assert!(generated.status.notes.iter().any(|note| note.contains("192.0.2.2")));
}

#[test]
fn n7_dns_over_udp_may_go_on_over_tcp() {
    let (egress, _) = allowed(&neighborhood(Vec::new(), vec![world("10.0.0.53", vec![port(Protocol::UDP, 53)])]));
    assert!(egress.contains(&("10.0.0.53/32".to_owned(), "TCP".to_owned(), 53)));
    let dns = Neighbor {
        peer: Peer { class: PeerClass::ClusterDNS, ..Peer::default() },
        ports: vec![port(Protocol::UDP, 53)],
        ..Neighbor::default()
    };
    let egress = generate(&neighborhood(Vec::new(), vec![dns]), &Options::default()).policy.spec.unwrap().egress.unwrap();
    assert_eq!(egress[0].to.as_ref().unwrap()[0].pod_selector, Some(selector("k8s-app", "kube-dns")));
    assert_eq!(egress[0].ports.as_ref().unwrap().len(), 2);
}

#[test]
fn n13_a_direction_that_was_not_seen_is_not_restricted() {
    let object = neighborhood(vec![world("192.0.2.1", vec![port(Protocol::TCP, 80)])], Vec::new());
    assert_eq!(generate(&object, &Options::default()).policy.spec.unwrap().policy_types.unwrap(), ["Ingress"]);
}

#[test]
fn loopback_and_multicast_need_no_rule() {
    for class in [PeerClass::SelfPeer, PeerClass::Multicast] {
        let neighbor = Neighbor { peer: Peer { class, ..Peer::default() }, ..world("127.0.0.1", vec![port(Protocol::TCP, 80)]) };
        let generated = generate(&neighborhood(vec![neighbor.clone()], vec![neighbor]), &Options::default());
        let spec = generated.policy.spec.unwrap();
        assert_eq!((spec.ingress, spec.egress), (None, None));
        assert!(!generated.status.notes.is_empty());
    }
}

fn neighbors() -> impl Strategy<Value = Vec<Neighbor>> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes()))
    ];
    let protocol = prop_oneof![Just(Protocol::TCP), Just(Protocol::UDP), Just(Protocol::SCTP)];
    let ports = prop::collection::vec((protocol, 1..200_u16).prop_map(|(protocol, number)| port(protocol, number)), 1..4);
    let outcome = prop_oneof![Just(Outcome::Established), Just(Outcome::Attempted)];
    let one = (address, ports, outcome).prop_map(|(address, ports, outcome)| Neighbor { outcome, ..world(&address.to_string(), ports) });
    prop::collection::vec(one, 0..12)
}

proptest! {
    #[test]
    fn n12_what_is_allowed_is_what_was_seen_in_any_order(egress in neighbors(), ingress in neighbors()) {
        let object = neighborhood(ingress.clone(), egress.clone());
        let (out, into) = allowed(&object);
        for (seen, allowed, outward) in [(&egress, out, true), (&ingress, into, false)] {
            let mut wanted = Vec::new();
            for neighbor in seen.iter().filter(|neighbor| neighbor.outcome == Outcome::Established) {
                let address = neighbor.ip_addresses[0].parse::<IpAddr>().unwrap().to_canonical();
                let cidr = format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
                for port in &neighbor.ports {
                    wanted.push((cidr.clone(), format!("{:?}", port.protocol), i32::from(port.port)));
                    if outward && (port.protocol, port.port) == (Protocol::UDP, 53) {
                        wanted.push((cidr.clone(), "TCP".to_owned(), 53));
                    }
                }
            }
            for flow in &wanted {
                prop_assert!(allowed.contains(flow), "{flow:?} was seen and is not allowed");
            }
            for flow in &allowed {
                prop_assert!(wanted.contains(flow), "{flow:?} is allowed and was not seen");
            }
        }
        let reversed = neighborhood(ingress.into_iter().rev().collect(), egress.into_iter().rev().collect());
        prop_assert_eq!(generate(&reversed, &Options::default()).policy, generate(&object, &Options::default()).policy);
    }
}
