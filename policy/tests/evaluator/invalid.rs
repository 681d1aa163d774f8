//! Policies that the API server would refuse are refused here, with the field that is wrong.

use runtimemap_policy::evaluator::Evaluator;
use serde_json::{Value, json};

use crate::town::{cluster, policy};

fn refused(spec: Value) -> String {
    let cluster = cluster();
    let refused = Evaluator::new(&[policy("shop", "x", spec)], &cluster).err();
    refused.map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn every_field_that_cannot_be_read_is_named() {
    let ingress = |rule: Value| json!({"podSelector": {}, "ingress": [{}, rule]});
    let port = |port: Value| ingress(json!({"ports": [port]}));
    let from = |peer: Value| ingress(json!({"from": [peer]}));
    let expression = |expression: Value| json!({"podSelector": {"matchExpressions": [expression]}});
    let cases = [
        (port(json!({"port": 0})), "spec.ingress[1].ports[0].port: 0 is not from 1 to 65535"),
        (port(json!({"port": 65536})), "spec.ingress[1].ports[0].port: 65536 is not from 1 to 65535"),
        (port(json!({"port": 80, "protocol": "ICMP"})), "spec.ingress[1].ports[0].protocol: \"ICMP\" is none of TCP, UDP and SCTP"),
        (port(json!({"port": 80, "endPort": 79})), "spec.ingress[1].ports[0].endPort: 79 is less than port, 80"),
        (port(json!({"port": "http", "endPort": 80})), "spec.ingress[1].ports[0].endPort: needs a port that is a number"),
        (port(json!({"endPort": 80})), "spec.ingress[1].ports[0].endPort: needs a port that is a number"),
        (port(json!({"port": "HTTP"})), "spec.ingress[1].ports[0].port: \"HTTP\" is no name of a port"),
        (port(json!({"port": "80"})), "spec.ingress[1].ports[0].port: \"80\" is no name of a port"),
        (port(json!({"port": "a_b"})), "spec.ingress[1].ports[0].port: \"a_b\" is no name of a port"),
        (port(json!({"port": "a-name-too-long0"})), "spec.ingress[1].ports[0].port: \"a-name-too-long0\" is no name of a port"),
        (from(json!({})), "spec.ingress[1].from[0]: a peer has to say whom it means"),
        (from(json!({"ipBlock": {"cidr": "::/0"}, "podSelector": {}})), "spec.ingress[1].from[0]: an ipBlock stands alone in its peer"),
        (
            from(json!({"ipBlock": {"cidr": "10.0.0.1"}})),
            "spec.ingress[1].from[0].ipBlock.cidr: \"10.0.0.1\" is no block of addresses, such as 192.0.2.0/24",
        ),
        (
            from(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/9"]}})),
            "spec.ingress[1].from[0].ipBlock.except[0]: 11.0.0.0/9 is no part of 10.0.0.0/8",
        ),
        (
            from(json!({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}})),
            "spec.ingress[1].from[0].namespaceSelector.matchExpressions[0]: In needs values",
        ),
        (expression(json!({"key": "a", "operator": "NotIn", "values": []})), "spec.podSelector.matchExpressions[0]: NotIn needs values"),
        (
            expression(json!({"key": "a", "operator": "Exists", "values": ["b"]})),
            "spec.podSelector.matchExpressions[0]: Exists takes no values",
        ),
        (
            expression(json!({"key": "a", "operator": "Gt", "values": ["1"]})),
            "spec.podSelector.matchExpressions[0]: \"Gt\" is none of In, NotIn, Exists and DoesNotExist",
        ),
        (json!({"podSelector": {}, "policyTypes": ["ingress"]}), "spec.policyTypes: \"ingress\" is none of Ingress and Egress"),
        (json!({"podSelector": {}, "egress": [{"to": [{}]}]}), "spec.egress[0].to[0]: a peer has to say whom it means"),
    ];
    for (spec, why) in cases {
        assert_eq!(refused(spec), format!("failed to evaluate networkpolicy shop/x: {why}"));
    }
}
