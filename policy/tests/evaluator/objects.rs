//! The cluster out of the objects of Kubernetes' API.

use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{ContainerPort, Namespace, Node, Pod};
use serde_json::{Value, json};

fn addresses(all: &[&str]) -> Vec<IpAddr> {
    all.iter().map(|address| address.parse().unwrap()).collect()
}

fn pod(object: Value) -> Pod {
    Pod::from(&serde_json::from_value::<core::Pod>(object).unwrap())
}

#[test]
fn a_pod_is_what_its_object_says() {
    let made = pod(json!({
        "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "nodeName": "node1", "hostNetwork": true,
            "containers": [{"name": "web", "ports": [
                {"name": "http", "containerPort": 8080},
                {"name": "dns", "containerPort": 53, "protocol": "UDP"},
                {"containerPort": 9090},
            ]}],
            "initContainers": [{"name": "sidecar", "ports": [{"name": "diameter", "containerPort": 3868, "protocol": "SCTP"}]}],
        },
        "status": {"podIP": "10.0.0.7", "podIPs": [{"ip": "fd00::7"}, {"ip": "10.0.0.7"}]},
    }));
    let port = |name: &str, protocol, port| ContainerPort { name: name.to_owned(), protocol, port };
    let expected = Pod {
        namespace: "shop".to_owned(),
        name: "web-1".to_owned(),
        labels: [("app".to_owned(), "web".to_owned())].into(),
        addresses: addresses(&["10.0.0.7", "fd00::7"]),
        ports: vec![port("http", Protocol::TCP, 8080), port("dns", Protocol::UDP, 53), port("diameter", Protocol::SCTP, 3868)],
        node: "node1".to_owned(),
        host_network: true,
    };
    assert_eq!(made, expected);
}

#[test]
fn a_pod_of_which_little_is_said_is_in_the_default_namespace_and_has_no_address() {
    let expected = Pod { namespace: "default".to_owned(), name: "new".to_owned(), ..Pod::default() };
    assert_eq!(pod(json!({"metadata": {"name": "new"}})), expected);
}

#[test]
fn namespaces_have_labels_and_nodes_addresses() {
    let object = json!({"metadata": {"name": "shop", "labels": {"team": "a"}}});
    let namespace = Namespace::from(&serde_json::from_value::<core::Namespace>(object).unwrap());
    assert_eq!(namespace, Namespace { name: "shop".to_owned(), labels: [("team".to_owned(), "a".to_owned())].into() });
    let object = json!({"metadata": {"name": "node1"}, "status": {"addresses": [
        {"type": "Hostname", "address": "node1"}, {"type": "InternalIP", "address": "192.0.2.1"}, {"type": "ExternalIP", "address": "fd00::1"}]}});
    let node = Node::from(&serde_json::from_value::<core::Node>(object).unwrap());
    assert_eq!(node, Node { name: "node1".to_owned(), addresses: addresses(&["192.0.2.1", "fd00::1"]) });
}
