use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use runtimemap_crds::{PeerClass, PeerType, Protocol};
use serde_json::{Value, json};

use super::*;
use crate::{
    fact::Direction,
    profile::neighborhood::{Contact, Known},
};

fn pod(uid: &str, address: &str, more: &Value) -> Pod {
    let mut pod = json!({
        "metadata": {"uid": uid, "name": uid, "namespace": "shop", "labels": {"app": uid}},
        "spec": {"nodeName": "node1", "containers": [{"name": "c"}]},
        "status": {"podIP": address, "podIPs": [{"ip": address}]},
    });
    for (key, value) in more.as_object().unwrap() {
        pod[key].as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    }
    Pod::of(serde_json::from_value(pod).unwrap()).unwrap()
}

fn owner(name: &str) -> Workload {
    let labels = LabelSelector { match_labels: Some([("app".to_owned(), name.to_owned())].into()), match_expressions: None };
    let reference = runtimemap_crds::WorkloadReference { kind: "Deployment".into(), name: name.into(), ..Default::default() };
    Workload { namespace: "shop".into(), reference, selector: labels, owned: true }
}

fn slice(service: (&str, &str), address: &str, port: u16) -> EndpointSlice {
    let slice = json!({
        "metadata": {"namespace": service.0, "name": format!("{}-1", service.1), "labels": {"kubernetes.io/service-name": service.1}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": "http", "protocol": "TCP", "port": port}],
    });
    serde_json::from_value(slice).unwrap()
}

fn service(namespace: &str, name: &str, address: &str) -> core::Service {
    let service = json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"clusterIP": address, "clusterIPs": [address], "selector": {"app": "db"},
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    });
    serde_json::from_value(service).unwrap()
}

fn index() -> (Index, Pod) {
    let mut index = Index::default();
    let own = pod("web", "10.88.0.5", &json!({}));
    index.apply_pod(own.clone(), owner("web"));
    index.apply_pod(pod("db", "10.88.0.6", &json!({})), owner("db"));
    index.apply_service(service("shop", "db", "10.96.0.7"));
    index.apply_slice(slice(("shop", "db"), "10.88.0.6", 8080));
    index.apply_service(service("default", "kubernetes", "10.96.0.1"));
    index.apply_slice(slice(("default", "kubernetes"), "192.0.2.9", 6443));
    index.report_node("node1", &["192.0.2.9".to_owned(), "10.88.0.1".to_owned(), "127.0.0.1".to_owned()]);
    (index, own)
}

fn to(address: &str, port: u16) -> Contact {
    Contact { direction: Direction::Egress, address: address.parse().unwrap(), protocol: Protocol::TCP, port, at: None }
}

fn from(address: &str) -> Contact {
    Contact { direction: Direction::Ingress, ..to(address, 80) }
}

fn one(index: &Index, own: &Pod, contact: Contact) -> Known {
    let mut found = index.resolve(own, &contact);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn n1_a_service_is_who_serves_it_by_the_port_that_policies_see() {
    let (index, own) = index();
    let known = one(&index, &own, to("10.96.0.7", 80));
    assert_eq!((known.peer.class, known.peer.name.as_str(), known.peer.service.as_str()), (PeerClass::Workload, "db", "db"));
    assert_eq!((known.target_port, known.pod_selector), (Some(8080), Some(owner("db").selector)));
}

#[test]
fn n10_a_service_whose_pods_are_gone_keeps_its_selector_and_target_port() {
    let (mut index, own) = index();
    index.delete_slice("shop", "db-1");
    let known = one(&index, &own, to("10.96.0.7", 80));
    assert_eq!((known.peer.class, known.target_port), (PeerClass::Service, Some(8080)));
    assert!(known.pod_selector.is_some());
}

#[test]
fn n8_the_api_server_is_its_endpoints_and_not_its_service_address() {
    let (index, own) = index();
    let known = one(&index, &own, to("10.96.0.1", 80));
    assert_eq!((known.peer.class, known.target_port), (PeerClass::KubeAPI, Some(6443)));
    assert_eq!(known.addresses, ["192.0.2.9".parse::<IpAddr>().unwrap()]);
    assert_eq!(one(&index, &own, to("192.0.2.9", 6443)).peer.class, PeerClass::KubeAPI);
}

#[test]
fn addresses_are_whose_they_are() {
    let (index, own) = index();
    let class = |contact| one(&index, &own, contact).peer.class;
    assert_eq!(class(from("10.88.0.6")), PeerClass::Workload);
    assert_eq!(class(from("10.88.0.1")), PeerClass::Node);
    assert_eq!(class(to("10.88.0.5", 80)), PeerClass::SelfPeer);
    assert_eq!(class(to("127.0.0.1", 80)), PeerClass::SelfPeer);
    assert_eq!(class(to("198.51.100.1", 443)), PeerClass::World);
}

#[test]
fn n5_a_cluster_address_without_a_pod_is_no_outside_address() {
    let (index, own) = index();
    let known = one(&index, &own, from("10.88.0.77"));
    assert_eq!((known.peer.class, known.type_), (PeerClass::World, PeerType::Internal));
    assert_eq!(one(&index, &own, from("10.89.0.77")).type_, PeerType::External);
}

#[test]
fn n17_finished_and_host_network_pods_have_no_address() {
    let (mut index, own) = index();
    index.apply_pod(pod("done", "10.88.0.8", &json!({"status": {"phase": "Succeeded"}})), owner("done"));
    index.apply_pod(pod("host", "192.0.2.9", &json!({"spec": {"hostNetwork": true}})), owner("host"));
    assert_eq!(one(&index, &own, from("10.88.0.8")).type_, PeerType::Internal);
    assert_eq!(one(&index, &own, from("10.88.0.8")).peer.class, PeerClass::World);
    assert_eq!(one(&index, &own, from("192.0.2.9")).peer.class, PeerClass::Node);
}

#[test]
fn r18_a_pod_that_is_gone_gives_way_to_one_that_has_its_address_now() {
    let (mut index, own) = index();
    let now = Instant::now();
    index.delete_pod("db", now, Timestamp::UNIX_EPOCH);
    assert_eq!(one(&index, &own, from("10.88.0.6")).peer.name, "db");
    index.apply_pod(pod("new", "10.88.0.6", &json!({})), owner("new"));
    assert_eq!(one(&index, &own, from("10.88.0.6")).peer.name, "new");
    assert!(index.pod("db", "node1").is_some());
    index.delete_pod("none", now + TOMBSTONE, Timestamp::UNIX_EPOCH);
    assert!(index.pod("db", "node1").is_none());
}

#[test]
fn a_static_pod_is_found_by_its_manifest_on_its_own_node_only() {
    let mut index = Index::default();
    let annotations = json!({"kubernetes.io/config.hash": "abc", "kubernetes.io/config.source": "file"});
    index.apply_pod(pod("etcd", "192.0.2.9", &json!({"metadata": {"annotations": annotations}})), owner("etcd"));
    assert!(index.pod("abc", "node1").is_some());
    assert!(index.pod("abc", "node2").is_none());
}

#[test]
fn a_pod_is_found_by_what_it_is_now_and_by_nothing_that_it_was() {
    let mut index = Index::default();
    let placed = |index: &Index, node: &str, name: &str| {
        let of_workload = index.by_workload().get(&owner(name).key()).map_or(0, Vec::len);
        (index.of_node(node).count(), of_workload, index.pods.of_workload(&owner(name).key()).count())
    };
    let near = |index: &Index, address: &str| {
        let address = address.parse().unwrap();
        (index.pods.with_address(address).count(), index.pods.any_near(address))
    };
    index.apply_pod(pod("a", "10.88.0.8", &json!({})), owner("web"));
    index.apply_pod(pod("b", "10.88.0.9", &json!({})), owner("web"));
    assert_eq!((placed(&index, "node1", "web"), near(&index, "10.88.0.8"), near(&index, "10.88.0.7")), ((2, 2, 2), (1, true), (0, true)));
    let moved = json!({"spec": {"nodeName": "node2", "containers": [{"name": "c"}]}});
    for uid in ["a", "b"] {
        index.apply_pod(pod(uid, "2001:db8::8", &moved), owner("db"));
    }
    assert_eq!((placed(&index, "node1", "web"), near(&index, "10.88.0.8")), ((0, 0, 0), (0, false)));
    assert_eq!(
        (placed(&index, "node2", "db"), near(&index, "2001:db8::8"), near(&index, "2001:db8::9")),
        ((2, 2, 2), (2, true), (0, true))
    );
    let now = Instant::now();
    ["a", "b"].iter().for_each(|uid| index.delete_pod(uid, now, Timestamp::UNIX_EPOCH));
    assert_eq!((placed(&index, "node2", "db"), index.sizes()[0]), ((0, 2, 2), 2));
    index.delete_pod("none", now + TOMBSTONE, Timestamp::UNIX_EPOCH);
    assert_eq!((placed(&index, "node2", "db"), near(&index, "2001:db8::8"), index.sizes()[0]), ((0, 0, 0), (0, false), 0));
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

#[test]
fn r18_the_peer_is_whoever_had_the_address_then() {
    let (mut index, own) = index();
    let made = |uid: &str, at: i64, more: &Value| {
        let mut pod = pod(uid, "10.88.0.9", more);
        pod.created = Some(second(at));
        pod
    };
    index.apply_pod(made("old", 0, &json!({})), owner("old"));
    index.delete_pod("old", Instant::now(), second(100));
    index.apply_pod(made("new", 110, &json!({})), owner("new"));
    let at = |time| {
        let known = one(&index, &own, Contact { at: Some(second(time)), ..from("10.88.0.9") });
        (known.peer.class, known.peer.name, known.type_)
    };
    assert_eq!((at(50).1.as_str(), at(101).1.as_str(), at(120).1.as_str()), ("old", "old", "new"));
    assert_eq!((at(109).1.as_str(), at(105)), ("new", (PeerClass::World, String::new(), PeerType::Internal)));
    let mut next = made("next", 115, &json!({}));
    next.created = Some(second(115));
    index.apply_pod(next, owner("next"));
    // Two could have had it: nobody is permitted anything for that.
    let known = one(&index, &own, Contact { at: Some(second(120)), ..from("10.88.0.9") });
    assert_eq!((known.peer.class, known.type_), (PeerClass::World, PeerType::Internal));
}

#[test]
fn n9_a_node_port_leads_to_who_serves_it() {
    let (mut index, own) = index();
    let mut service = service("shop", "db", "10.96.0.7");
    service.spec.as_mut().unwrap().ports.as_mut().unwrap()[0].node_port = Some(30080);
    index.apply_service(service);
    let known = one(&index, &own, to("192.0.2.9", 30080));
    assert_eq!((known.peer.class, known.peer.name.as_str(), known.target_port), (PeerClass::Workload, "db", Some(8080)));
    assert_eq!(one(&index, &own, to("192.0.2.9", 10250)).peer.class, PeerClass::Node);
}

#[test]
fn n7_dns_is_the_clusters_pods_and_the_nodes_own_cache() {
    let (mut index, own) = index();
    index.apply_pod(
        pod("dns", "10.88.0.20", &json!({"metadata": {"namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}})),
        owner("dns"),
    );
    index.apply_pod(pod("fake", "10.88.0.21", &json!({"metadata": {"labels": {"k8s-app": "kube-dns"}}})), owner("fake"));
    let class = |address, port| one(&index, &own, to(address, port)).peer.class;
    assert_eq!((class("10.88.0.20", 53), class("10.88.0.20", 80)), (PeerClass::ClusterDNS, PeerClass::Workload));
    assert_eq!(class("10.88.0.21", 53), PeerClass::Workload);
    assert_eq!(one(&index, &own, to("169.254.20.10", 53)).addresses, ["169.254.20.10".parse::<IpAddr>().unwrap()]);
    assert_eq!(class("169.254.20.10", 53), PeerClass::ClusterDNS);
}

#[test]
fn a_pod_network_is_the_clusters_before_any_pod_is_seen_in_it() {
    let (mut index, own) = index();
    assert_eq!(one(&index, &own, from("10.77.3.4")).type_, PeerType::External);
    index.apply_node(serde_json::from_value(json!({"metadata": {"name": "node2"}, "spec": {"podCIDRs": ["10.77.3.0/24"]}})).unwrap());
    assert_eq!(one(&index, &own, from("10.77.3.4")).type_, PeerType::Internal);
    index.set_cluster(&[Prefix::parse("10.78.0.0/16").unwrap()]);
    assert_eq!(one(&index, &own, from("10.78.3.4")).type_, PeerType::Internal);
}

#[test]
fn a_node_is_watched_while_its_agent_is_ready() {
    let mut index = Index::new("runtimemap");
    let settings = Settings::new(k8s_openapi::jiff::SignedDuration::from_hours(1));
    let agent = |uid: &str, status: &str| {
        let labels = json!({"app.kubernetes.io/name": "runtimemap", "app.kubernetes.io/component": "agent"});
        let conditions = json!([{"type": "Ready", "status": status}]);
        pod(uid, "192.0.2.9", &json!({"metadata": {"namespace": "runtimemap", "labels": labels}, "status": {"conditions": conditions}}))
    };
    assert!(!index.is_watched("node1", &settings));
    // An agent that is no pod.
    index.report_node("node1", &[]);
    assert!(index.is_watched("node1", &settings));
    index.apply_pod(agent("agent", "False"), owner("agent"));
    assert!(!index.is_watched("node1", &settings));
    index.apply_pod(agent("agent", "True"), owner("agent"));
    assert!(index.is_watched("node1", &settings));
    // The next one is ready before this one is gone, which changes once more on its way out.
    index.apply_pod(agent("next", "True"), owner("agent"));
    index.apply_pod(agent("agent", "False"), owner("agent"));
    index.delete_pod("agent", Instant::now(), Timestamp::UNIX_EPOCH);
    assert!(index.is_watched("node1", &settings));
    let elsewhere = Settings { node_selector: [("disk".to_owned(), "ssd".to_owned())].into(), ..settings.clone() };
    assert!(!index.is_watched("node1", &elsewhere));
    index.delete_pod("next", Instant::now(), Timestamp::UNIX_EPOCH);
    assert!(!index.is_watched("node1", &settings));
}
