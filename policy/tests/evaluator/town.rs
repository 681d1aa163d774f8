//! A small cluster, and policies in few words.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{Cluster, ContainerPort, End, Evaluator, Flow, Namespace, Node, Pod, PodId, Verdict};
use serde_json::{Value, json};

/// shop: web (its own node is n1), api, db; jobs: web, also labelled so; kube: agent, in its node's network.
pub(crate) fn cluster() -> Cluster {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let pod = |namespace: &str, name: &str, address: &str, more: &[(&str, &str)]| Pod {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels: labels(&[&[("app", name)], more].concat()),
        addresses: vec![address.parse().unwrap(), format!("fd00::{}", address.rsplit('.').next().unwrap()).parse().unwrap()],
        node: "n1".to_owned(),
        ..Pod::default()
    };
    let port = |name: &str, protocol, port| ContainerPort { name: name.to_owned(), protocol, port };
    let api = Pod {
        ports: vec![port("http", Protocol::TCP, 8080), port("dns", Protocol::UDP, 5353)],
        ..pod("shop", "api", "10.1.0.2", &[("tier", "back")])
    };
    let agent = Pod { host_network: true, ..pod("kube", "agent", "192.0.2.1", &[]) };
    Cluster {
        namespaces: vec![
            Namespace { name: "shop".to_owned(), labels: labels(&[("team", "a")]) },
            Namespace { name: "jobs".to_owned(), labels: labels(&[("team", "b")]) },
        ],
        pods: vec![
            pod("shop", "web", "10.1.0.1", &[("tier", "front")]),
            api,
            pod("shop", "db", "10.1.0.3", &[("tier", "back")]),
            pod("jobs", "web", "10.2.0.1", &[]),
            agent,
        ],
        nodes: vec![
            Node { name: "n1".to_owned(), addresses: vec!["192.0.2.1".parse().unwrap()] },
            Node { name: "n2".to_owned(), addresses: vec!["192.0.2.2".parse().unwrap()] },
        ],
    }
}

pub(crate) const WEB: End = End::Pod(PodId(0));
pub(crate) const API: End = End::Pod(PodId(1));
pub(crate) const DB: End = End::Pod(PodId(2));
pub(crate) const JOB: End = End::Pod(PodId(3));
pub(crate) const AGENT: End = End::Pod(PodId(4));

pub(crate) fn address(text: &str) -> End {
    End::Address(text.parse().unwrap())
}

pub(crate) fn tcp(from: End, to: End, port: u16) -> Flow {
    Flow { from, to, protocol: Protocol::TCP, port }
}

/// A policy of a namespace.
pub(crate) fn policy(namespace: &str, name: &str, spec: Value) -> NetworkPolicy {
    serde_json::from_value(json!({"metadata": {"namespace": namespace, "name": name}, "spec": spec})).unwrap()
}

/// A policy of shop that lets in to all its pods what one rule allows.
pub(crate) fn lets_in(rule: Value) -> NetworkPolicy {
    policy("shop", "in", json!({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}))
}

/// A policy of shop that lets out of all its pods what one rule allows.
pub(crate) fn lets_out(rule: Value) -> NetworkPolicy {
    policy("shop", "out", json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}))
}

pub(crate) fn verdict(policies: &[NetworkPolicy], flow: Flow) -> Verdict {
    let cluster = cluster();
    Evaluator::new(policies, &cluster).unwrap().judge(&flow)
}

pub(crate) fn passes(policy: &NetworkPolicy, flow: Flow) -> bool {
    verdict(std::slice::from_ref(policy), flow).is_allowed()
}
