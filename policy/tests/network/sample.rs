//! The policies of a small shop, as a person would have written them.
//!
//! web (behind a load balancer), api, redis, postgres behind a headless Service, a CronJob that reports, and a loader in another namespace;
//! with DNS, the API server, exec probes, a port scan and somebody's `kubectl exec`.

use std::{fs, path::Path};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Origin, Outcome, Peer, PeerClass,
    PeerType, Protocol, WorkloadReference, yaml,
};
use runtimemap_policy::{
    evaluator::Cluster,
    network::{Directions, Options, default_deny, generate},
    recorded,
};

const WORKLOADS: [(&str, &str, &str); 6] = [
    ("shop", "Deployment", "web"),
    ("shop", "Deployment", "api"),
    ("shop", "Deployment", "redis"),
    ("shop", "StatefulSet", "postgres"),
    ("shop", "CronJob", "report"),
    ("load", "Deployment", "loader"),
];

fn labels(name: &str) -> LabelSelector {
    LabelSelector { match_labels: Some([("app.kubernetes.io/name".to_owned(), name.to_owned())].into()), match_expressions: None }
}

fn port(protocol: Protocol, port: u16, service: Option<u16>) -> NeighborPort {
    NeighborPort { name: format!("{protocol:?}-{port}"), protocol, port, service_port: service, ..NeighborPort::default() }
}

fn tcp(number: u16, service: Option<u16>) -> Vec<NeighborPort> {
    vec![port(Protocol::TCP, number, service)]
}

fn pods(name: &str, service: &str, ports: Vec<NeighborPort>) -> Neighbor {
    let (namespace, kind, _) = WORKLOADS.iter().find(|(_, _, own)| *own == name).unwrap();
    let peer = Peer {
        class: PeerClass::Workload,
        namespace: (*namespace).to_owned(),
        kind: (*kind).to_owned(),
        name: name.to_owned(),
        service: service.to_owned(),
    };
    let namespaces = LabelSelector {
        match_labels: Some([("kubernetes.io/metadata.name".to_owned(), (*namespace).to_owned())].into()),
        match_expressions: None,
    };
    Neighbor {
        type_: PeerType::Internal,
        peer,
        pod_selector: Some(labels(name)),
        namespace_selector: Some(namespaces),
        ports,
        ..Neighbor::default()
    }
}

fn class(class: PeerClass, addresses: &[&str], ports: Vec<NeighborPort>) -> Neighbor {
    let type_ = if class == PeerClass::World { PeerType::External } else { PeerType::Internal };
    let ip_addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
    Neighbor { type_, peer: Peer { class, ..Peer::default() }, ip_addresses, ports, ..Neighbor::default() }
}

fn dns() -> Neighbor {
    let mut dns = class(PeerClass::ClusterDNS, &[], vec![port(Protocol::UDP, 53, Some(53))]);
    dns.pod_selector =
        Some(LabelSelector { match_labels: Some([("k8s-app".to_owned(), "kube-dns".to_owned())].into()), match_expressions: None });
    dns.peer.namespace = "kube-system".to_owned();
    dns
}

fn traffic(name: &str) -> (Vec<Neighbor>, Vec<Neighbor>) {
    match name {
        "web" => {
            let probe = Neighbor { origin: Origin::Probe, ..class(PeerClass::SelfPeer, &["127.0.0.1"], tcp(8080, None)) };
            let scan = Neighbor { outcome: Outcome::Attempted, ..class(PeerClass::World, &["198.51.100.66"], tcp(23, None)) };
            let node = class(PeerClass::Node, &["192.0.2.1"], tcp(8080, None));
            (vec![pods("loader", "", tcp(8080, None)), node, scan], vec![probe, dns(), pods("api", "api", tcp(8000, Some(80)))])
        }
        "api" => {
            let mail = class(PeerClass::World, &["203.0.113.25", "2001:db8::25"], tcp(587, None));
            let mail = Neighbor { dns_names: vec!["smtp.example.com".to_owned()], ..mail };
            let curl = Neighbor { origin: Origin::Exec, ..class(PeerClass::World, &["198.51.100.7"], tcp(443, None)) };
            let redis = pods("redis", "redis", tcp(6379, Some(6379)));
            let postgres = pods("postgres", "postgres", tcp(5432, None));
            let callers = vec![pods("web", "", tcp(8000, None)), pods("report", "", tcp(8000, None))];
            (callers, vec![dns(), redis, postgres, mail, curl])
        }
        "redis" => (vec![pods("api", "", tcp(6379, None))], Vec::new()),
        "postgres" => (vec![pods("api", "", tcp(5432, None)), pods("report", "", tcp(5432, None))], Vec::new()),
        "report" => {
            let kubernetes = class(PeerClass::KubeAPI, &["192.0.2.10"], tcp(6443, Some(443)));
            let statistics = class(PeerClass::World, &["203.0.113.125"], vec![port(Protocol::UDP, 8125, None)]);
            (
                Vec::new(),
                vec![dns(), pods("api", "api", tcp(8000, Some(80))), pods("postgres", "", tcp(5432, None)), kubernetes, statistics],
            )
        }
        _ => (Vec::new(), vec![dns(), pods("web", "web", tcp(8080, Some(80)))]),
    }
}

fn neighborhoods() -> Vec<NetworkNeighborhood> {
    let object = |(namespace, kind, name): &(&str, &str, &str)| {
        let (ingress, egress) = traffic(name);
        let spec = NetworkNeighborhoodSpec {
            workload: WorkloadReference { kind: (*kind).to_owned(), name: (*name).to_owned(), ..WorkloadReference::default() },
            pod_selector: labels(name),
            containers: vec![ContainerNeighborhood { name: (*name).to_owned(), ingress, egress, ..ContainerNeighborhood::default() }],
            ..NetworkNeighborhoodSpec::default()
        };
        let mut object = NetworkNeighborhood::new(&format!("{}-{name}", kind.to_lowercase()), spec);
        object.metadata.namespace = Some((*namespace).to_owned());
        object
    };
    WORKLOADS.iter().map(object).collect()
}

#[test]
fn the_policies_of_a_sample_application_are_those_that_were_reviewed() {
    let mut text = String::new();
    for object in neighborhoods() {
        let generated = generate(&object, &Options::default());
        for note in &generated.status.notes {
            text.push_str(&format!("# Note: {note}\n"));
        }
        for rule in &generated.status.rules {
            text.push_str(&format!("# {}: {}\n", if rule.containers.is_empty() { "Asked for" } else { "Seen" }, rule.reason));
        }
        text.push_str(&yaml::to_string(&generated.policy).unwrap());
        text.push_str("---\n");
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/network/sample.yaml");
    if std::env::var_os("UPDATE_SAMPLE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept == text,
        "{} is stale: look at what `UPDATE_SAMPLE=1 cargo test -p runtimemap-policy --test network` makes of it\n{text}",
        file.display()
    );
}

#[test]
fn the_sample_applications_policies_allow_all_that_they_should_and_a_default_deny_takes_nothing_from_them() {
    let objects = neighborhoods();
    let mut policies: Vec<_> = objects.iter().map(|object| generate(object, &Options::default()).policy).collect();
    policies.extend(["shop", "load"].map(|namespace| default_deny(namespace, Directions::Both)));
    let recorded = recorded::flows(&objects, Cluster::default());
    let judged = recorded.judge(&policies).unwrap();
    let cut: Vec<&str> = judged.iter().filter(|one| !one.verdict.is_allowed()).map(|one| one.reason.as_str()).collect();
    // The scan, the node whose traffic is left to a reviewer, and what somebody did by hand.
    assert_eq!(cut.len(), 3, "{cut:#?}");
    for what in ["from 192.0.2.1 on TCP 8080", "from 198.51.100.66 on TCP 23", "to 198.51.100.7 on TCP 443"] {
        assert!(cut.iter().any(|reason| reason.contains(what)), "{what}: {cut:#?}");
    }
}
