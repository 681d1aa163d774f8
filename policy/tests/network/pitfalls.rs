//! What went wrong for others, line by line.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
        util::intstr::IntOrString,
    },
};
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Origin, Outcome, Peer, PeerClass,
    PeerType, Protocol,
};
use runtimemap_policy::network::{Directions, Options, World, default_deny, generate};

pub(crate) fn port(protocol: Protocol, port: u16) -> NeighborPort {
    NeighborPort { name: format!("{protocol:?}-{port}"), protocol, port, ..NeighborPort::default() }
}

pub(crate) fn world(address: &str, ports: Vec<NeighborPort>) -> Neighbor {
    Neighbor { peer: Peer::default(), ip_addresses: vec![address.to_owned()], ports, ..Neighbor::default() }
}

pub(crate) fn neighborhood(ingress: Vec<Neighbor>, egress: Vec<Neighbor>) -> NetworkNeighborhood {
    let containers = vec![ContainerNeighborhood { name: "web".to_owned(), ingress, egress, ..ContainerNeighborhood::default() }];
    let mut object =
        NetworkNeighborhood::new("deployment-web", NetworkNeighborhoodSpec { containers, ..NetworkNeighborhoodSpec::default() });
    object.metadata.namespace = Some("shop".to_owned());
    object
}

fn selector(key: &str, value: &str) -> LabelSelector {
    LabelSelector { match_labels: Some([(key.to_owned(), value.to_owned())].into()), match_expressions: None }
}

pub(crate) type Allowed = Vec<(String, String, i32)>;

/// Every (address, protocol, port) that the policy's address rules allow, egress and ingress.
pub(crate) fn allowed(neighborhood: &NetworkNeighborhood) -> (Allowed, Allowed) {
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
fn n3_nor_are_expressions_over_them() {
    let exists = |key: &str| LabelSelectorRequirement { key: key.to_owned(), operator: "Exists".to_owned(), values: None };
    let made = |keys: &[&str]| {
        let mut object = neighborhood(vec![world("192.0.2.1", vec![port(Protocol::TCP, 80)])], Vec::new());
        object.spec.pod_selector =
            LabelSelector { match_expressions: Some(keys.iter().map(|key| exists(key)).collect()), ..selector("app", "web") };
        generate(&object, &Options::default()).policy.spec.unwrap().pod_selector.unwrap()
    };
    let kept = LabelSelector { match_expressions: Some(vec![exists("tier")]), ..selector("app", "web") };
    assert_eq!(made(&["tier", "controller-revision-hash"]), kept);
    assert_eq!(made(&["controller-revision-hash"]), selector("app", "web"));
}

#[test]
fn n4_a_namespace_is_selected_by_what_it_is_known_by() {
    let namespaces = |namespace: &str, known_by: LabelSelector| {
        let peer = Neighbor { namespace_selector: Some(known_by), ..workload("db", namespace, vec![port(Protocol::TCP, 5432)]) };
        let egress = generate(&neighborhood(Vec::new(), vec![peer]), &Options::default()).policy.spec.unwrap().egress.unwrap();
        egress[0].to.as_ref().unwrap()[0].namespace_selector.clone()
    };
    assert_eq!(namespaces("data", selector("team", "a")), Some(selector("team", "a")));
    assert_eq!(namespaces("", selector("team", "a")), Some(selector("team", "a")));
    assert_eq!(namespaces("data", LabelSelector::default()), Some(selector("kubernetes.io/metadata.name", "data")));
    assert_eq!(namespaces("shop", selector("team", "a")), None, "it is the workload's own");
}

#[test]
fn that_addresses_change_is_said_of_the_world_alone() {
    let said = |class| {
        let peer = Neighbor {
            peer: Peer { class, ..Peer::default() },
            dns_names: vec!["a.test.".into()],
            ..world("192.0.2.1", vec![port(Protocol::TCP, 443)])
        };
        let notes = generate(&neighborhood(Vec::new(), vec![peer]), &Options::default()).status.notes;
        notes.iter().any(|note| note.contains("a prefix may be better"))
    };
    assert!(said(PeerClass::World) && !said(PeerClass::KubeAPI));
}

#[test]
fn a_rule_tells_how_many_peers_it_is_for() {
    let twin = |name: &str| Neighbor { pod_selector: Some(selector("app", "x")), ..workload(name, "shop", vec![port(Protocol::TCP, 80)]) };
    let reasons = |neighbors: Vec<Neighbor>| -> Vec<String> {
        let rules = generate(&neighborhood(Vec::new(), neighbors), &Options::default()).status.rules;
        rules.into_iter().map(|rule| rule.reason).collect()
    };
    let both = reasons(vec![twin("x"), twin("y")]);
    assert!(both.len() == 1 && both[0].ends_with("; with 1 more peers of the same rule"), "{both:?}");
    assert!(!reasons(vec![twin("x")])[0].contains("more peers"));
}

#[test]
fn each_rule_tells_of_its_own_addresses() {
    let both =
        Neighbor { ip_addresses: vec!["192.0.2.1".into(), "192.0.2.2".into()], ..world("192.0.2.1", vec![port(Protocol::TCP, 443)]) };
    let one = world("192.0.2.2", vec![port(Protocol::TCP, 80)]);
    let rules = generate(&neighborhood(Vec::new(), vec![both, one]), &Options::default()).status.rules;
    assert_eq!(rules.len(), 2);
    assert!(rules.iter().all(|rule| rule.reason.contains("192.0.2.1") != rule.reason.contains("192.0.2.2")), "{rules:?}");
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

pub(crate) fn workload(name: &str, namespace: &str, ports: Vec<NeighborPort>) -> Neighbor {
    let peer =
        Peer { class: PeerClass::Workload, namespace: namespace.into(), kind: "Deployment".into(), name: name.into(), ..Peer::default() };
    Neighbor { type_: PeerType::Internal, peer, pod_selector: Some(selector("app", name)), ports, ..Neighbor::default() }
}

fn policy(ingress: Vec<Neighbor>, egress: Vec<Neighbor>, options: &Options) -> NetworkPolicy {
    generate(&neighborhood(ingress, egress), options).policy
}

fn cidrs(peers: Option<&Vec<NetworkPolicyPeer>>) -> Vec<String> {
    peers.into_iter().flatten().filter_map(|peer| peer.ip_block.as_ref()).map(|block| block.cidr.clone()).collect()
}

fn egress_cidrs(egress: Vec<Neighbor>, options: &Options) -> Vec<String> {
    let rules = policy(Vec::new(), egress, options).spec.unwrap().egress.unwrap_or_default();
    rules.iter().flat_map(|rule| cidrs(rule.to.as_ref())).collect()
}

#[test]
fn n1_the_target_port_is_allowed_and_the_services_on_request() {
    let through = |target| NeighborPort { service_port: Some(80), ..port(Protocol::TCP, target) };
    let numbers = |options: &Options| {
        let spec = policy(vec![workload("web", "shop", vec![through(8081)])], vec![workload("api", "shop", vec![through(8080)])], options);
        let spec = spec.spec.unwrap();
        let of = |ports: &Option<Vec<NetworkPolicyPort>>| ports.iter().flatten().map(|port| port.port.clone().unwrap()).collect::<Vec<_>>();
        (of(&spec.ingress.unwrap()[0].ports), of(&spec.egress.unwrap()[0].ports))
    };
    let int = IntOrString::Int;
    assert_eq!(numbers(&Options::default()), (vec![int(8081)], vec![int(8080)]));
    // Whoever comes in comes to the target port in any case.
    assert_eq!(numbers(&Options { service_ports: true, ..Options::default() }), (vec![int(8081)], vec![int(80), int(8080)]));
}

#[test]
fn n5_an_address_of_the_cluster_without_a_pod_is_a_note_and_no_rule() {
    let leaked = Neighbor { type_: PeerType::Internal, ..world("10.1.0.9", vec![port(Protocol::TCP, 80)]) };
    let generated = generate(&neighborhood(Vec::new(), vec![leaked]), &Options::default());
    assert_eq!(generated.policy.spec.unwrap().egress, None);
    assert!(generated.status.notes.iter().any(|note| note.contains("10.1.0.9") && note.contains("may be another's tomorrow")));
}

#[test]
fn n5_addresses_of_a_name_rot_and_a_reviewer_can_widen_them() {
    let seen = || {
        let named = Neighbor { dns_names: vec!["cdn.example".into()], ..world("203.0.113.7", vec![port(Protocol::TCP, 443)]) };
        vec![named, world("203.0.113.9", vec![port(Protocol::TCP, 80)]), world("10.9.8.7", vec![port(Protocol::TCP, 80)])]
    };
    let generated = generate(&neighborhood(Vec::new(), seen()), &Options::default());
    assert!(
        generated.status.notes.iter().any(|note| note.contains("cdn.example") && note.contains("addresses outside the cluster change"))
    );
    assert_eq!(egress_cidrs(seen(), &Options::default()), ["10.9.8.7/32", "203.0.113.9/32", "203.0.113.7/32"]);
    let prefix = Options { world: World::Prefix { v4: 24, v6: 48 }, ..Options::default() };
    assert_eq!(egress_cidrs(seen(), &prefix), ["10.9.8.0/24", "203.0.113.0/24", "203.0.113.0/24"]);
    let public = Options { world: World::Public, ..Options::default() };
    assert_eq!(egress_cidrs(seen(), &public), ["10.9.8.7/32", "0.0.0.0/0"]);
}

#[test]
fn n6_each_of_what_is_left_out_can_be_asked_for() {
    let mut object = neighborhood(Vec::new(), Vec::new());
    let one = |address: &str| world(address, vec![port(Protocol::TCP, 80)]);
    object.spec.containers[0].egress = vec![
        Neighbor { outcome: Outcome::Attempted, ..one("192.0.2.1") },
        Neighbor { origin: Origin::Exec, ..one("192.0.2.2") },
        Neighbor { origin: Origin::Probe, ..one("192.0.2.3") },
    ];
    let container = |egress| ContainerNeighborhood { name: "other".into(), egress, ..ContainerNeighborhood::default() };
    object.spec.ephemeral_containers = vec![container(vec![one("192.0.2.4")])];
    object.spec.init_containers = vec![container(vec![one("192.0.2.5")])];
    let allowed = |options: Options| -> Vec<String> {
        let rules = generate(&object, &options).policy.spec.unwrap().egress.unwrap();
        rules.iter().flat_map(|rule| cidrs(rule.to.as_ref())).collect()
    };
    let options = Options::default;
    assert_eq!(allowed(options()), ["192.0.2.3/32", "192.0.2.5/32"]);
    assert_eq!(allowed(Options { attempted: true, ..options() }), ["192.0.2.1/32", "192.0.2.3/32", "192.0.2.5/32"]);
    assert_eq!(allowed(Options { entered: true, ..options() }), ["192.0.2.2/32", "192.0.2.3/32", "192.0.2.5/32"]);
    assert_eq!(allowed(Options { ephemeral: true, ..options() }), ["192.0.2.3/32", "192.0.2.4/32", "192.0.2.5/32"]);
    assert_eq!(allowed(Options { probes: false, ..options() }), ["192.0.2.5/32"]);
    let notes = generate(&object, &Options { probes: false, ..options() }).status.notes;
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"] {
        assert_eq!(notes.iter().filter(|note| note.contains(address)).count(), 1, "{address}");
    }
}

#[test]
fn n7_nodelocal_and_openshift_are_dns_too() {
    // Its address is the node's, as far as the node's interfaces say.
    for class in [PeerClass::Node, PeerClass::World] {
        let cache = Neighbor { peer: Peer { class, ..Peer::default() }, ..world("169.254.20.10", vec![port(Protocol::UDP, 53)]) };
        assert_eq!(egress_cidrs(vec![cache.clone()], &Options::default()), ["169.254.20.10/32"]);
        // Any other port of the node is not DNS.
        let other = Neighbor { ports: vec![port(Protocol::TCP, 80)], ..cache };
        assert_eq!(egress_cidrs(vec![other], &Options::default()).is_empty(), class == PeerClass::Node);
    }
    let mut openshift = workload("dns-default", "openshift-dns", vec![port(Protocol::UDP, 5353)]);
    openshift.peer.class = PeerClass::ClusterDNS;
    let egress = policy(Vec::new(), vec![openshift], &Options::default()).spec.unwrap().egress.unwrap();
    assert_eq!(egress[0].to.as_ref().unwrap()[0].pod_selector, Some(selector("app", "dns-default")));
    let ports: Vec<_> = egress[0].ports.as_ref().unwrap().iter().map(|port| (port.protocol.clone().unwrap(), port.port.clone())).collect();
    assert_eq!(ports, [("TCP".to_owned(), Some(IntOrString::Int(5353))), ("UDP".to_owned(), Some(IntOrString::Int(5353)))]);
}

#[test]
fn n7_dns_can_be_asked_for_where_it_was_not_seen() {
    let seen = vec![workload("api", "shop", vec![port(Protocol::TCP, 80)])];
    let options = Options { dns: true, ..Options::default() };
    let generated = generate(&neighborhood(Vec::new(), seen), &options);
    assert_eq!(generated.policy.spec.unwrap().egress.unwrap().len(), 2);
    assert!(generated.status.rules[0].reason.ends_with("; not seen, and asked for"), "{}", generated.status.rules[0].reason);
    assert!(generated.status.rules[0].containers.is_empty());
}

#[test]
fn n8_the_api_server_is_its_endpoints_and_their_port() {
    let peer = Peer { class: PeerClass::KubeAPI, ..Peer::default() };
    let ports = vec![NeighborPort { service_port: Some(443), ..port(Protocol::TCP, 6443) }];
    let api = Neighbor { type_: PeerType::Internal, peer, ..world("192.0.2.10", ports) };
    let spec = policy(Vec::new(), vec![api], &Options { world: World::Public, ..Options::default() }).spec.unwrap();
    let rule = &spec.egress.unwrap()[0];
    assert_eq!(cidrs(rule.to.as_ref()), ["192.0.2.10/32"]);
    assert_eq!(rule.ports.as_ref().unwrap()[0].port, Some(IntOrString::Int(6443)));
}

#[test]
fn n9_a_node_is_a_note_and_its_kubelet_a_rule_on_request() {
    let node = Neighbor {
        type_: PeerType::Internal,
        peer: Peer { class: PeerClass::Node, ..Peer::default() },
        ..world("192.0.2.1", vec![port(Protocol::TCP, 8080)])
    };
    let mut object = neighborhood(vec![node], Vec::new());
    let listens = |number, address: &str| NeighborPort { addresses: vec![address.into()], ..port(Protocol::TCP, number) };
    object.spec.containers[0].listens = vec![listens(8080, "0.0.0.0"), listens(9000, "127.0.0.1"), port(Protocol::UDP, 53)];
    let generated = generate(&object, &Options::default());
    assert_eq!(generated.policy.spec.unwrap().ingress, None);
    assert!(generated.status.notes.iter().any(|note| note.contains("192.0.2.1") && note.contains("left to you")));
    let generated = generate(&object, &Options { kubelets: vec!["192.0.2.1".parse().unwrap()], ..Options::default() });
    let rules = generated.policy.spec.unwrap().ingress.unwrap();
    assert_eq!((rules.len(), cidrs(rules[0].from.as_ref())), (1, vec!["192.0.2.1/32".to_owned()]));
    assert_eq!(
        rules[0].ports.as_ref().unwrap().iter().map(|port| port.port.clone().unwrap()).collect::<Vec<_>>(),
        [IntOrString::Int(8080)]
    );
    assert_eq!(generated.status.rules[0].class, PeerClass::Node);
}

#[test]
fn n10_a_service_is_its_selector_or_else_its_endpoints() {
    let peer = || Peer { class: PeerClass::Service, namespace: "data".into(), service: "db".into(), ..Peer::default() };
    let scaled =
        Neighbor { peer: peer(), pod_selector: Some(selector("app", "db")), ports: vec![port(Protocol::TCP, 5432)], ..Neighbor::default() };
    let egress = policy(Vec::new(), vec![scaled], &Options::default()).spec.unwrap().egress.unwrap();
    assert_eq!(egress[0].to.as_ref().unwrap()[0].pod_selector, Some(selector("app", "db")));
    assert_eq!(egress[0].to.as_ref().unwrap()[0].namespace_selector, Some(selector("kubernetes.io/metadata.name", "data")));
    let external = Neighbor { peer: peer(), ..world("198.51.100.4", vec![port(Protocol::TCP, 5432)]) };
    assert_eq!(egress_cidrs(vec![external], &Options::default()), ["198.51.100.4/32"]);
}

#[test]
fn n11_a_neighbor_without_ports_is_a_note_and_never_a_rule_for_all_ports() {
    for ports in [Vec::new(), vec![port(Protocol::TCP, 0)]] {
        let generated = generate(&neighborhood(vec![workload("web", "shop", ports)], Vec::new()), &Options::default());
        assert_eq!(generated.policy.spec.unwrap().ingress, None);
        assert!(generated.status.notes.iter().any(|note| note.contains("no port of it is known")));
    }
}

#[test]
fn n12_what_two_containers_saw_is_one_rule() {
    let mut object = neighborhood(Vec::new(), vec![world("192.0.2.1", vec![port(Protocol::TCP, 80)])]);
    let mut other = object.spec.containers[0].clone();
    other.name = "sidecar".into();
    // The other knows its name, and one more port.
    other.egress = vec![Neighbor {
        dns_names: vec!["a.example".into()],
        ..world("192.0.2.1", vec![port(Protocol::TCP, 80), port(Protocol::TCP, 443)])
    }];
    object.spec.containers.push(other);
    let generated = generate(&object, &Options::default());
    let rules = generated.policy.spec.unwrap().egress.unwrap();
    assert_eq!((rules.len(), rules[0].ports.as_ref().unwrap().len()), (1, 2));
    assert_eq!(generated.status.rules[0].containers, ["sidecar", "web"]);
    assert_eq!(generated.status.rules[0].dns_names, ["a.example"]);
}

#[test]
fn n13_what_is_not_to_be_spoken_of_is_not_restricted() {
    let both =
        || (vec![workload("web", "shop", vec![port(Protocol::TCP, 80)])], vec![workload("api", "shop", vec![port(Protocol::TCP, 80)])]);
    for (directions, types, rules) in [
        (Directions::Both, vec!["Ingress", "Egress"], (1, 1)),
        (Directions::Ingress, vec!["Ingress"], (1, 0)),
        (Directions::Egress, vec!["Egress"], (0, 1)),
    ] {
        let (ingress, egress) = both();
        let spec = policy(ingress, egress, &Options { directions, ..Options::default() }).spec.unwrap();
        assert_eq!(spec.policy_types.unwrap(), types);
        assert_eq!((spec.ingress.unwrap_or_default().len(), spec.egress.unwrap_or_default().len()), rules);
    }
    let (ingress, _) = both();
    let cut = Options { cut_unseen: true, ..Options::default() };
    assert_eq!(policy(ingress, Vec::new(), &cut).spec.unwrap().policy_types.unwrap(), ["Ingress", "Egress"]);
}

#[test]
fn n13_a_namespaces_default_is_an_object_of_its_own() {
    let deny = default_deny("shop", Directions::Both);
    let spec = deny.spec.unwrap();
    assert_eq!((spec.pod_selector, spec.ingress, spec.egress), (Some(LabelSelector::default()), None, None));
    assert_eq!(spec.policy_types.unwrap(), ["Ingress", "Egress"]);
    assert_eq!(default_deny("shop", Directions::Egress).spec.unwrap().policy_types.unwrap(), ["Egress"]);
    assert_eq!(default_deny("shop", Directions::Ingress).spec.unwrap().policy_types.unwrap(), ["Ingress"]);
}

#[test]
fn n15_a_policy_of_two_revisions_allows_what_either_did() {
    use runtimemap_crds::Merge;
    let one = |name: &str| neighborhood(vec![workload(name, "shop", vec![port(Protocol::TCP, 80)])], Vec::new());
    let mut identified = [one("old"), one("new")];
    for (place, object) in identified.iter_mut().enumerate() {
        object.spec.containers[0].ingress[0].identifier = place.to_string();
    }
    let [old, new] = identified;
    assert_eq!(generate(&old.merge(new), &Options::default()).policy.spec.unwrap().ingress.unwrap().len(), 2);
}

#[test]
fn n18_a_name_allows_no_address_that_was_not_talked_to() {
    // Whoever answers its own question can name any address so.
    let named = Neighbor { dns_names: vec!["github.com".into()], ..world("198.51.100.66", vec![port(Protocol::TCP, 443)]) };
    for world in [World::Addresses, World::Prefix { v4: 32, v6: 128 }] {
        assert_eq!(egress_cidrs(vec![named.clone()], &Options { world, ..Options::default() }), ["198.51.100.66/32"]);
    }
    let answered = Neighbor { ip_addresses: Vec::new(), ..named };
    let generated = generate(&neighborhood(Vec::new(), vec![answered]), &Options::default());
    assert_eq!(generated.policy.spec.unwrap().egress, None);
    assert!(generated.status.notes.iter().any(|note| note.contains("no address of it is known")));
}

#[test]
fn rules_that_do_not_fit_are_put_together_and_none_is_lost() {
    let many: Vec<Neighbor> = (0..450).map(|number| workload(&format!("w{number:03}"), "shop", vec![port(Protocol::TCP, 80)])).collect();
    let ports: Vec<NeighborPort> = (1000..1300).chain((2000..2300).step_by(2)).map(|number| port(Protocol::TCP, number)).collect();
    let generated = generate(&neighborhood(many, vec![workload("api", "shop", ports)]), &Options::default());
    let spec = generated.policy.spec.unwrap();
    let (ingress, egress) = (spec.ingress.unwrap(), spec.egress.unwrap());
    assert_eq!(ingress.iter().map(|rule| rule.from.as_ref().unwrap().len()).collect::<Vec<_>>(), [100, 100, 100, 100, 50]);
    assert_eq!(egress.iter().map(|rule| rule.ports.as_ref().unwrap().len()).collect::<Vec<_>>(), [100, 51]);
    let range = &egress[0].ports.as_ref().unwrap()[0];
    assert_eq!((range.port.clone(), range.end_port), (Some(IntOrString::Int(1000)), Some(1299)));
    let ids: BTreeSet<&str> = generated.status.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!((ids.len(), generated.status.rules.len()), (7, 7), "each rule has its own id and its evidence");
}

#[test]
fn rules_stand_in_the_order_in_which_they_are_read() {
    let dns = Neighbor {
        peer: Peer { class: PeerClass::ClusterDNS, ..Peer::default() },
        ports: vec![port(Protocol::UDP, 53)],
        ..Neighbor::default()
    };
    let http = || vec![port(Protocol::TCP, 80)];
    let egress =
        vec![world("192.0.2.1", http()), workload("a", "other", http()), workload("z", "shop", http()), workload("b", "shop", http()), dns];
    let status = generate(&neighborhood(vec![workload("web", "shop", http())], egress), &Options::default()).status;
    let reasons: Vec<&str> = status.rules.iter().map(|rule| rule.reason.split(" on ").next().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "ingress from Deployment shop/web",
            "egress to the cluster's DNS",
            "egress to Deployment shop/b",
            "egress to Deployment shop/z",
            "egress to Deployment other/a",
            "egress to 192.0.2.1",
        ]
    );
}
