//! Policies within what the API server takes: 200 rules of a direction, 100 peers and 100 ports of a rule.

use k8s_openapi::{api::networking::v1::NetworkPolicyEgressRule, apimachinery::pkg::util::intstr::IntOrString};
use runtimemap_crds::{Neighbor, NeighborPort, Protocol};
use runtimemap_policy::network::{Options, generate};

use crate::pitfalls::{neighborhood, port, world};

fn tcp(numbers: impl IntoIterator<Item = u16>) -> Vec<NeighborPort> {
    numbers.into_iter().map(|number| port(Protocol::TCP, number)).collect()
}

fn address(number: u16) -> String {
    format!("203.0.{}.{}", number / 250, number % 250 + 1)
}

/// A host with a name of its own, which is a rule of its own.
fn host(number: u16, ports: Vec<NeighborPort>) -> Neighbor {
    Neighbor { dns_names: vec![format!("{number}.example.com")], ..world(&address(number), ports) }
}

/// The rules for these, how many lines of evidence there are, and the last note.
fn egress(neighbors: Vec<Neighbor>) -> (Vec<NetworkPolicyEgressRule>, usize, Vec<String>) {
    let made = generate(&neighborhood(Vec::new(), neighbors), &Options::default());
    (made.policy.spec.unwrap().egress.unwrap(), made.status.rules.len(), made.status.notes)
}

fn peers(rule: &NetworkPolicyEgressRule) -> usize {
    rule.to.as_ref().unwrap().len()
}

/// Each port, or range of them, of a rule.
fn ports(rule: &NetworkPolicyEgressRule) -> Vec<(i32, Option<i32>)> {
    let number = |port: Option<&IntOrString>| match port {
        Some(IntOrString::Int(number)) => *number,
        other => panic!("{other:?}"),
    };
    rule.ports.iter().flatten().map(|port| (number(port.port.as_ref()), port.end_port)).collect()
}

fn says_what_is_missing(notes: &[String]) -> Option<&String> {
    notes.iter().find(|note| note.contains("do not fit into one policy"))
}

#[test]
fn two_hundred_rules_stay_as_they_are() {
    let (rules, evidence, notes) = egress((0..200).map(|number| host(number, tcp([443]))).collect());
    assert_eq!((rules.len(), evidence), (200, 200));
    assert!(rules.iter().all(|rule| peers(rule) == 1));
    assert_eq!(says_what_is_missing(&notes), None);
}

#[test]
fn with_more_of_them_those_with_the_same_ports_become_one() {
    let same = (0..150).map(|number| host(number, tcp([443])));
    let other = (150..201).map(|number| host(number, tcp([80])));
    let (rules, evidence, notes) = egress(same.chain(other).collect());
    let mut sizes: Vec<(i32, usize)> = rules.iter().map(|rule| (ports(rule)[0].0, peers(rule))).collect();
    sizes.sort_unstable();
    assert_eq!((sizes, evidence), (vec![(80, 51), (443, 50), (443, 100)], 3));
    assert_eq!(says_what_is_missing(&notes), None);
}

#[test]
fn parts_of_rules_count_like_rules() {
    // No two of them make a range, so that each takes two rules: 202.
    let scattered = || tcp((0..150).map(|number| 1001 + 2 * number));
    let made = generate(&neighborhood(Vec::new(), (0..101).map(|number| host(number, scattered())).collect()), &Options::default());
    assert_eq!(made.policy.spec.unwrap().egress.unwrap().len(), 4, "two for a hundred peers, two for one");
    assert_eq!(says_what_is_missing(&made.status.notes), None);
}

#[test]
fn what_does_not_fit_at_all_is_counted() {
    let (rules, evidence, notes) = egress((0..207).map(|number| world(&address(number), tcp([1000 + number]))).collect());
    assert_eq!((rules.len(), evidence), (200, 200));
    assert!(says_what_is_missing(&notes).unwrap().starts_with("7 more rules"), "{notes:?}");
}

#[test]
fn a_rule_with_many_peers_is_written_in_parts() {
    let wide = Neighbor { ip_addresses: (0..101).map(address).collect(), ..world("", tcp([443])) };
    let (rules, evidence, _) = egress(vec![wide]);
    assert_eq!((rules.iter().map(peers).collect::<Vec<_>>(), evidence), (vec![100, 1], 2));
    let full = Neighbor { ip_addresses: (0..100).map(address).collect(), ..world("", tcp([443])) };
    assert_eq!(egress(vec![full]).0.len(), 1);
}

#[test]
fn many_ports_are_ranges_and_still_more_are_parts() {
    let single = |numbers: &[u16]| -> Vec<(i32, Option<i32>)> { numbers.iter().map(|number| (i32::from(*number), None)).collect() };
    let hundred: Vec<u16> = (1..=100).collect();
    let (rules, ..) = egress(vec![world("203.0.113.1", tcp(hundred.clone()))]);
    assert_eq!(rules.iter().map(ports).collect::<Vec<_>>(), [single(&hundred)]);
    // Up to the last port that there is, and of each protocol by itself.
    let mut all = tcp((1..=99).chain([65533, 65534, 65535]));
    all.push(port(Protocol::UDP, 100));
    let (rules, ..) = egress(vec![world("203.0.113.1", all)]);
    assert_eq!(rules.iter().map(ports).collect::<Vec<_>>(), [[(1, Some(99)), (65533, Some(65535)), (100, None)]]);
    let (rules, evidence, _) = egress(vec![world("203.0.113.1", tcp((0..150).map(|number| 1000 + 2 * number)))]);
    assert_eq!((rules.iter().map(|rule| ports(rule).len()).collect::<Vec<_>>(), evidence), (vec![100, 50], 2));
}
