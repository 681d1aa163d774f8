//! Which policies count for which pods, directions and ends.

use runtimemap_crds::{Protocol, RuleDirection};
use runtimemap_policy::evaluator::{Evaluator, Flow, Node, PodId, RulePlace, Ruling, Verdict, simulate};
use serde_json::json;

use crate::town::{AGENT, API, DB, JOB, WEB, address, cluster, lets_in, lets_out, passes, policy, tcp, verdict};

#[test]
fn what_no_policy_selects_is_open() {
    let policy = policy("shop", "api", json!({"podSelector": {"matchLabels": {"app": "api"}}}));
    assert!(!passes(&policy, tcp(WEB, API, 80)) && passes(&policy, tcp(WEB, DB, 80)) && passes(&policy, tcp(API, WEB, 80)));
}

#[test]
fn a_policy_selects_pods_of_its_own_namespace_only() {
    let policy = policy("jobs", "all", json!({"podSelector": {}}));
    assert!(!passes(&policy, tcp(WEB, JOB, 80)) && passes(&policy, tcp(JOB, WEB, 80)));
}

#[test]
fn an_absent_pod_selector_selects_every_pod_of_the_namespace() {
    let policy = policy("shop", "all", json!({"policyTypes": ["Ingress"]}));
    assert!(!passes(&policy, tcp(JOB, API, 80)) && !passes(&policy, tcp(JOB, DB, 80)));
}

#[test]
fn without_types_ingress_is_restricted_and_egress_where_it_has_rules() {
    let out = |spec| passes(&policy("shop", "x", spec), tcp(WEB, JOB, 80));
    let into = |spec| passes(&policy("shop", "x", spec), tcp(JOB, WEB, 80));
    assert!(!into(json!({"podSelector": {}})) && out(json!({"podSelector": {}})));
    // An empty list of rules is none.
    assert!(out(json!({"podSelector": {}, "egress": []})));
    let rules = json!({"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]});
    assert!(!out(rules.clone()) && !into(rules));
    assert!(!out(json!({"podSelector": {}, "policyTypes": ["Egress"]})) && into(json!({"podSelector": {}, "policyTypes": ["Egress"]})));
}

#[test]
fn rules_of_a_direction_that_is_no_type_do_nothing() {
    let policy = policy("shop", "x", json!({"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}));
    assert!(passes(&policy, tcp(JOB, WEB, 80)) && !passes(&policy, tcp(WEB, JOB, 1)));
}

#[test]
fn policies_add_up() {
    let one = lets_in(json!({"ports": [{"port": 80}]}));
    let other = policy("shop", "more", json!({"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [{"ports": [{"port": 81}]}]}));
    let both = [one, other];
    assert!(verdict(&both, tcp(WEB, API, 80)).is_allowed() && verdict(&both, tcp(WEB, API, 81)).is_allowed());
    assert!(!verdict(&both, tcp(WEB, DB, 81)).is_allowed() && !verdict(&both, tcp(WEB, API, 82)).is_allowed());
}

#[test]
fn n14_a_flow_needs_the_egress_of_one_end_and_the_ingress_of_the_other() {
    let (out, into) = (lets_out(json!({"ports": [{"port": 80}, {"port": 81}]})), lets_in(json!({"ports": [{"port": 81}, {"port": 82}]})));
    let both = [out, into];
    let denied = |port| {
        let verdict = verdict(&both, tcp(WEB, API, port));
        [verdict.egress, verdict.ingress].map(|ruling| ruling == Ruling::Denied)
    };
    assert_eq!([80, 81, 82, 83].map(denied), [[false, true], [false, false], [true, false], [true, true]]);
}

#[test]
fn a_pod_always_reaches_itself() {
    let policies = [lets_in(json!({"ports": [{"port": 1}]})), lets_out(json!({"ports": [{"port": 1}]}))];
    assert_eq!(verdict(&policies, tcp(WEB, WEB, 80)).ingress, Ruling::SamePod);
    assert!(verdict(&policies, tcp(WEB, WEB, 80)).is_allowed());
}

#[test]
fn n9_a_pods_own_node_always_reaches_it_and_another_does_not() {
    let policies = [lets_in(json!({"ports": [{"port": 1}]})), lets_out(json!({"ports": [{"port": 1}]}))];
    assert_eq!(verdict(&policies, tcp(address("192.0.2.1"), WEB, 80)).ingress, Ruling::OwnNode);
    assert_eq!(verdict(&policies, tcp(WEB, address("192.0.2.1"), 10250)).egress, Ruling::OwnNode);
    assert_eq!(verdict(&policies, tcp(AGENT, WEB, 80)).ingress, Ruling::OwnNode);
    assert_eq!(verdict(&policies, tcp(address("192.0.2.2"), WEB, 80)).ingress, Ruling::Denied);
}

#[test]
fn n9_a_node_has_the_address_from_which_its_pods_see_it() {
    let object = |networks: serde_json::Value| {
        let status = json!({"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}, {"type": "Hostname", "address": "node1"}]});
        let node: k8s_openapi::api::core::v1::Node =
            serde_json::from_value(json!({"metadata": {"name": "node1"}, "spec": {"podCIDRs": networks}, "status": status})).unwrap();
        let addresses = Node::from(&node).addresses;
        addresses.into_iter().map(|address| address.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(object(json!(["10.88.3.0/24", "fd88:0:0:3::/64"])), ["192.0.2.1", "10.88.3.1", "fd88:0:0:3::1"]);
    // No network at all, or one without room for a host.
    assert_eq!(object(json!(["10.88.3.0/32", "nonsense"])), ["192.0.2.1"]);
}

#[test]
fn n17_a_pod_in_its_nodes_network_is_an_address() {
    let selects_all = policy("kube", "all", json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    assert_eq!(verdict(&[selects_all], tcp(AGENT, DB, 80)), verdict(&[], tcp(address("192.0.2.1"), DB, 80)));
    let mut cluster = cluster();
    cluster.nodes.clear();
    let allows = |rule| Evaluator::new(&[lets_in(rule)], &cluster).unwrap().judge(&tcp(AGENT, DB, 80)).is_allowed();
    assert!(!allows(json!({"from": [{"namespaceSelector": {}}]})) && allows(json!({"from": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]})));
}

#[test]
fn the_first_rule_that_allows_decides_whatever_its_kind() {
    let rules = json!([
        {"from": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]},
        {"from": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"port": 80}]},
        {"from": [{"ipBlock": {"cidr": "10.1.0.1/32"}}], "ports": [{"port": 80}, {"port": 81}]},
        {"from": [{"podSelector": {}}], "ports": [{"port": 81}, {"port": 82}]},
        {"ports": [{"port": 82}, {"port": 83}]},
    ]);
    let other = policy("shop", "other", json!({"podSelector": {"matchLabels": {"app": "db"}}}));
    let policies = [other, policy("shop", "in", json!({"podSelector": {}, "ingress": rules}))];
    let rule = |port| match verdict(&policies, tcp(WEB, API, port)).ingress {
        Ruling::Allowed(RulePlace { policy: 1, rule }) => Some(rule),
        _ => None,
    };
    assert_eq!([80, 81, 82, 83, 84].map(rule), [Some(1), Some(2), Some(3), Some(4), None]);
}

#[test]
fn a_verdict_says_why_in_words() {
    let cluster = cluster();
    let policies = [lets_in(json!({"ports": [{"port": 80}]})), lets_out(json!({"ports": [{"port": 80}, {"port": 81}]}))];
    let evaluator = Evaluator::new(&policies, &cluster).unwrap();
    let reason = |flow: Flow| evaluator.reason(&flow, &evaluator.judge(&flow));
    let cases = [
        (tcp(WEB, API, 80), "networkpolicy shop/out allows it by spec.egress[0]; networkpolicy shop/in allows it by spec.ingress[0]"),
        (tcp(WEB, API, 81), "shop/api is restricted by networkpolicy shop/in, and no rule allows ingress from shop/web on TCP 81"),
        (
            Flow { protocol: Protocol::SCTP, ..tcp(WEB, address("192.0.2.9"), 7) },
            "shop/web is restricted by networkpolicy shop/out, and no rule allows egress to 192.0.2.9 on SCTP 7",
        ),
        (
            tcp(WEB, API, 9),
            "shop/web is restricted by networkpolicy shop/out, and no rule allows egress to shop/api on TCP 9; \
             and shop/api is restricted by networkpolicy shop/in, and no rule allows ingress from shop/web on TCP 9",
        ),
        (tcp(WEB, WEB, 9), "shop/web talks to itself, to which no policy applies"),
        (tcp(address("192.0.2.1"), WEB, 9), "shop/web and its own node always reach each other"),
        (tcp(address("192.0.2.7"), JOB, 9), "no policy restricts ingress of jobs/web"),
        (tcp(address("192.0.2.7"), address("192.0.2.8"), 9), "no policy applies to either end"),
    ];
    for (flow, words) in cases {
        assert_eq!(reason(flow), words);
    }
    assert_eq!(evaluator.restricting(PodId(0), RuleDirection::Egress), [1]);
    assert!(evaluator.restricting(PodId(3), RuleDirection::Egress).is_empty());
}

#[test]
fn all_flows_are_judged_in_order() {
    let cluster = cluster();
    let policies = [lets_in(json!({"ports": [{"port": 80}]}))];
    let flows: Vec<Flow> = [80, 81, 80].map(|port| tcp(WEB, API, port)).into();
    let verdicts = simulate(&policies, &flows, cluster.pods, cluster.namespaces).unwrap();
    assert_eq!(verdicts.iter().map(Verdict::is_allowed).collect::<Vec<_>>(), [true, false, true]);
}
