//! Peers and ports of one rule.

use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{Evaluator, Flow};
use serde_json::json;

use crate::town::{AGENT, API, DB, JOB, WEB, address, cluster, lets_in, lets_out, passes, tcp};

#[test]
fn a_rule_without_peers_means_everybody_and_one_without_ports_every_port() {
    for rule in [json!({}), json!({"from": [], "ports": []})] {
        let policy = lets_in(rule);
        for from in [WEB, JOB, AGENT, address("198.51.100.1"), address("2001:db8::1")] {
            assert!(passes(&policy, tcp(from, API, 1)), "{from:?}");
        }
    }
}

#[test]
fn a_pod_selector_alone_means_the_policys_own_namespace() {
    let policy = lets_in(json!({"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}));
    assert!(passes(&policy, tcp(WEB, API, 80)));
    assert!(!passes(&policy, tcp(JOB, API, 80)) && !passes(&policy, tcp(DB, API, 80)));
}

#[test]
fn an_empty_pod_selector_means_all_pods_of_the_namespace_and_no_address() {
    let policy = lets_in(json!({"from": [{"podSelector": {}}]}));
    assert!(passes(&policy, tcp(WEB, API, 80)) && passes(&policy, tcp(DB, API, 80)));
    assert!(!passes(&policy, tcp(JOB, API, 80)) && !passes(&policy, tcp(address("10.1.0.99"), API, 80)));
}

#[test]
fn a_namespace_selector_alone_means_all_pods_of_these_namespaces() {
    let policy = lets_in(json!({"from": [{"namespaceSelector": {"matchLabels": {"team": "b"}}}]}));
    assert!(passes(&policy, tcp(JOB, API, 80)) && !passes(&policy, tcp(WEB, API, 80)));
    let policy = lets_in(json!({"from": [{"namespaceSelector": {}}]}));
    assert!(passes(&policy, tcp(JOB, API, 80)) && passes(&policy, tcp(WEB, API, 80)));
    assert!(!passes(&policy, tcp(address("198.51.100.1"), API, 80)));
}

#[test]
fn every_namespace_has_its_name_for_a_label() {
    let policy = lets_in(json!({"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "jobs"}}}]}));
    assert!(passes(&policy, tcp(JOB, API, 80)) && !passes(&policy, tcp(WEB, API, 80)));
}

#[test]
fn both_selectors_in_one_peer_have_to_hold_and_in_two_peers_either() {
    let (pods, namespaces) = (json!({"matchLabels": {"tier": "front"}}), json!({"matchLabels": {"team": "b"}}));
    let both = lets_in(json!({"from": [{"podSelector": pods, "namespaceSelector": namespaces}]}));
    assert!(!passes(&both, tcp(WEB, API, 80)) && !passes(&both, tcp(JOB, API, 80)));
    let either = lets_in(json!({"from": [{"podSelector": pods}, {"namespaceSelector": namespaces}]}));
    assert!(passes(&either, tcp(WEB, API, 80)) && passes(&either, tcp(JOB, API, 80)));
}

#[test]
fn expressions_ask_for_values_and_for_labels() {
    let ask = |operator: &str, values: Option<&[&str]>| {
        let mut expression = json!({"key": "tier", "operator": operator});
        if let Some(values) = values {
            expression["values"] = json!(values);
        }
        let policy = lets_in(json!({"from": [{"namespaceSelector": {}, "podSelector": {"matchExpressions": [expression]}}]}));
        [WEB, DB, JOB].map(|from| passes(&policy, tcp(from, API, 80)))
    };
    assert_eq!(ask("In", Some(&["front", "x"])), [true, false, false]);
    // Also what does not have the label at all.
    assert_eq!(ask("NotIn", Some(&["front", "x"])), [false, true, true]);
    assert_eq!(ask("Exists", None), [true, true, false]);
    assert_eq!(ask("DoesNotExist", None), [false, false, true]);
}

#[test]
fn a_block_means_addresses_without_its_holes() {
    let policy = lets_out(json!({"to": [{"ipBlock": {"cidr": "198.51.100.0/24", "except": ["198.51.100.128/25"]}}]}));
    assert!(passes(&policy, tcp(WEB, address("198.51.100.127"), 443)));
    assert!(!passes(&policy, tcp(WEB, address("198.51.100.128"), 443)));
    assert!(!passes(&policy, tcp(WEB, address("198.51.101.1"), 443)));
    let policy = lets_out(json!({"to": [{"ipBlock": {"cidr": "2001:db8::7/128"}}]}));
    assert!(passes(&policy, tcp(WEB, address("2001:db8::7"), 443)) && !passes(&policy, tcp(WEB, address("2001:db8::8"), 443)));
}

#[test]
fn a_block_holds_a_pod_by_either_of_its_addresses() {
    for cidr in ["10.1.0.2/32", "fd00::2/128", "10.1.0.0/30"] {
        let policy = lets_out(json!({"to": [{"ipBlock": {"cidr": cidr}}]}));
        assert!(passes(&policy, tcp(WEB, API, 80)) && !passes(&policy, tcp(WEB, JOB, 80)), "{cidr}");
    }
}

#[test]
fn a_hole_for_one_of_a_pods_addresses_leaves_the_other() {
    let rule = json!({"to": [{"ipBlock": {"cidr": "10.1.0.0/24", "except": ["10.1.0.2/32"]}}]});
    assert!(!passes(&lets_out(rule), tcp(WEB, API, 80)));
}

#[test]
fn a_port_is_of_one_protocol_which_is_tcp_if_none_is_said() {
    let policy = lets_in(json!({"ports": [{"port": 53}, {"port": 99, "protocol": "SCTP"}]}));
    let flow = |protocol, port| Flow { protocol, ..tcp(WEB, API, port) };
    assert!(passes(&policy, flow(Protocol::TCP, 53)) && !passes(&policy, flow(Protocol::UDP, 53)));
    assert!(passes(&policy, flow(Protocol::SCTP, 99)) && !passes(&policy, flow(Protocol::TCP, 99)));
}

#[test]
fn a_protocol_alone_means_all_its_ports() {
    let policy = lets_in(json!({"ports": [{"protocol": "UDP"}]}));
    let flow = |protocol, port| Flow { protocol, ..tcp(WEB, API, port) };
    assert!(passes(&policy, flow(Protocol::UDP, 1)) && passes(&policy, flow(Protocol::UDP, 65535)));
    assert!(!passes(&policy, flow(Protocol::TCP, 1)));
}

#[test]
fn an_end_port_closes_a_range_that_holds_both_ends() {
    let policy = lets_in(json!({"ports": [{"port": 100, "endPort": 102}]}));
    assert_eq!([99, 100, 101, 102, 103].map(|port| passes(&policy, tcp(WEB, API, port))), [false, true, true, true, false]);
}

#[test]
fn n11_a_named_port_is_what_the_destination_calls_so() {
    let both = [lets_in(json!({"ports": [{"port": "http"}]})), lets_out(json!({"ports": [{"port": "http"}]}))];
    for policy in both {
        assert!(passes(&policy, tcp(WEB, API, 8080)));
        // Another number, another pod without the name, the same number of another protocol.
        assert!(!passes(&policy, tcp(WEB, API, 80)) && !passes(&policy, tcp(WEB, DB, 8080)));
        assert!(!passes(&policy, Flow { protocol: Protocol::UDP, ..tcp(WEB, API, 8080) }));
    }
    // An address calls its ports nothing.
    assert!(!passes(&lets_out(json!({"ports": [{"port": "http"}]})), tcp(WEB, address("198.51.100.1"), 8080)));
    // The name is of a port of another protocol.
    assert!(!passes(&lets_in(json!({"ports": [{"port": "dns"}]})), Flow { protocol: Protocol::UDP, ..tcp(WEB, API, 5353) }));
    let udp = lets_in(json!({"ports": [{"port": "dns", "protocol": "UDP"}]}));
    assert!(passes(&udp, Flow { protocol: Protocol::UDP, ..tcp(WEB, API, 5353) }));
}

#[test]
fn a_name_of_a_port_may_have_digits_and_hyphens() {
    let cluster = cluster();
    for name in ["http-2", "x11", "a-1-b"] {
        let named = lets_in(json!({"ports": [{"port": name}]}));
        assert!(Evaluator::new(&[named], &cluster).is_ok(), "{name}");
    }
}
