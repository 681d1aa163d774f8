//! Random clusters with random policies, of every clause that the API has.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use proptest::{collection::vec, option, prelude::*, sample::select};
use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{Cluster, ContainerPort, End, Flow, Namespace, Pod, PodId};
use serde_json::{Value, json};

const PROTOCOLS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
const NAMESPACES: [&str; 3] = ["ns0", "ns1", "ns2"];
/// Names that containers give to ports, and rules ask for.
const NAMES: [&str; 3] = ["http", "dns", "none"];
const NUMBERS: [u16; 4] = [53, 80, 82, 8080];
const BLOCKS: [&str; 8] =
    ["0.0.0.0/0", "198.51.100.0/24", "198.51.100.128/25", "198.51.100.7/32", "203.0.113.0/24", "10.1.0.0/16", "::/0", "2001:db8::/32"];
/// In blocks and beside them, at their edges too.
const ADDRESSES: [&str; 8] =
    ["198.51.100.0", "198.51.100.7", "198.51.100.127", "198.51.100.128", "198.51.101.0", "203.0.113.9", "2001:db8::1", "2001:db9::1"];

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) cluster: Cluster,
    pub(crate) policies: Vec<NetworkPolicy>,
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let ports = vec((select(&NAMES[..2]), select(&PROTOCOLS[..]), select(&NUMBERS[..])), 0..3);
    let pods = vec((select(&NAMESPACES[..]), labels(), ports), 1..5);
    (vec(labels(), 3), pods, vec(policy(), 1..4)).prop_map(|(namespaces, pods, policies)| Case {
        cluster: Cluster {
            namespaces: NAMESPACES.iter().zip(namespaces).map(|(name, labels)| Namespace { name: (*name).to_owned(), labels }).collect(),
            pods: pods.into_iter().enumerate().map(|(number, pod)| self::pod(number, pod)).collect(),
            nodes: Vec::new(),
        },
        policies: policies.into_iter().enumerate().map(|(number, policy)| named(number, policy)).collect(),
    })
}

type Labels = std::collections::BTreeMap<String, String>;

fn pod(number: usize, (namespace, labels, ports): (&str, Labels, Vec<(&str, Protocol, u16)>)) -> Pod {
    let port = |(name, protocol, port): (&str, Protocol, u16)| ContainerPort { name: name.to_owned(), protocol, port };
    let mut ports: Vec<ContainerPort> = ports.into_iter().map(port).collect();
    // The names of a pod's ports are unique, says the API.
    ports.sort();
    ports.dedup_by(|a, b| a.name == b.name);
    Pod {
        namespace: namespace.to_owned(),
        name: format!("p{number}"),
        labels,
        addresses: vec![format!("10.1.0.{}", number + 1).parse().unwrap()],
        ports,
        ..Pod::default()
    }
}

fn labels() -> impl Strategy<Value = Labels> {
    let value = || option::weighted(0.7, select(&["x", "y"][..]));
    (value(), value()).prop_map(|(a, b)| {
        let pairs = [("a", a), ("b", b)].into_iter();
        pairs.filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect()
    })
}

fn selector() -> impl Strategy<Value = Value> {
    let values = select(vec![json!(["x"]), json!(["y"]), json!(["x", "y"])]);
    let expression =
        (select(&["a", "b"][..]), select(&["In", "NotIn", "Exists", "DoesNotExist"][..]), values).prop_map(|(key, operator, values)| {
            if operator.ends_with("In") {
                json!({"key": key, "operator": operator, "values": values})
            } else {
                json!({"key": key, "operator": operator})
            }
        });
    prop_oneof![
        1 => Just(json!({})),
        3 => (select(&["a", "b"][..]), select(&["x", "y"][..])).prop_map(|(key, value)| json!({"matchLabels": {key: value}})),
        2 => vec(expression, 1..3).prop_map(|expressions| json!({"matchExpressions": expressions})),
        1 => select(&NAMESPACES[..]).prop_map(|name| json!({"matchLabels": {"kubernetes.io/metadata.name": name}})),
    ]
}

fn peer() -> impl Strategy<Value = Value> {
    let holes = |cidr: &str| match cidr {
        "0.0.0.0/0" => json!(["198.51.100.0/24", "203.0.113.9/32"]),
        "198.51.100.0/24" => json!(["198.51.100.128/25"]),
        "::/0" => json!(["2001:db8::/32"]),
        _ => json!([]),
    };
    let block = (select(&BLOCKS[..]), any::<bool>()).prop_map(move |(cidr, holed)| {
        let except = holes(cidr);
        let holed = holed && except != json!([]);
        if holed { json!({"ipBlock": {"cidr": cidr, "except": except}}) } else { json!({"ipBlock": {"cidr": cidr}}) }
    });
    prop_oneof![
        2 => selector().prop_map(|pods| json!({"podSelector": pods})),
        2 => selector().prop_map(|namespaces| json!({"namespaceSelector": namespaces})),
        2 => (selector(), selector()).prop_map(|(pods, namespaces)| json!({"podSelector": pods, "namespaceSelector": namespaces})),
        2 => block,
    ]
}

fn port() -> impl Strategy<Value = Value> {
    let protocol = option::of(select(&PROTOCOLS[..]));
    let number = prop_oneof![
        1 => Just(json!({})),
        4 => select(&NUMBERS[..]).prop_map(|port| json!({"port": port})),
        2 => select(&NUMBERS[..]).prop_map(|port| json!({"port": port, "endPort": port + 2})),
        2 => select(&NAMES[..]).prop_map(|name| json!({"port": name})),
    ];
    (protocol, number).prop_map(|(protocol, mut port)| {
        if let Some(protocol) = protocol {
            port["protocol"] = json!(protocol);
        }
        port
    })
}

fn rules(under: &'static str) -> impl Strategy<Value = Option<Vec<Value>>> {
    let rule = (option::weighted(0.8, vec(peer(), 0..3)), option::weighted(0.6, vec(port(), 0..3))).prop_map(move |(peers, ports)| {
        let mut rule = json!({});
        if let Some(peers) = peers {
            rule[under] = json!(peers);
        }
        if let Some(ports) = ports {
            rule["ports"] = json!(ports);
        }
        rule
    });
    option::weighted(0.8, vec(rule, 0..3))
}

fn policy() -> impl Strategy<Value = (&'static str, Value)> {
    let types = select(vec![None, Some(json!(["Ingress"])), Some(json!(["Egress"])), Some(json!(["Ingress", "Egress"]))]);
    (select(&NAMESPACES[..]), selector(), types, rules("from"), rules("to")).prop_map(|(namespace, pods, types, ingress, egress)| {
        let mut spec = json!({"podSelector": pods});
        // Rules of a direction that is no type mean nothing.
        let is_type = |name: &str| types.as_ref().is_none_or(|types| types.as_array().unwrap().contains(&json!(name)));
        if let Some(ingress) = ingress.filter(|_| is_type("Ingress")) {
            spec["ingress"] = json!(ingress);
        }
        if let Some(egress) = egress.filter(|_| is_type("Egress")) {
            spec["egress"] = json!(egress);
        }
        if let Some(types) = types {
            spec["policyTypes"] = types;
        }
        (namespace, spec)
    })
}

fn named(number: usize, (namespace, spec): (&str, Value)) -> NetworkPolicy {
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": format!("n{number}"), "namespace": namespace}, "spec": spec,
    });
    serde_json::from_value(policy).unwrap()
}

impl Case {
    /// Every flow between two ends, one of which is a pod.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        let pods = (0..self.cluster.pods.len()).map(|pod| End::Pod(PodId(pod)));
        let ends: Vec<End> = pods.chain(ADDRESSES.iter().map(|address| End::Address(address.parse().unwrap()))).collect();
        let is_judged = |(from, to): &(End, End)| from != to && !matches!((from, to), (End::Address(_), End::Address(_)));
        let mut flows = Vec::new();
        for (from, to) in ends.iter().flat_map(|from| ends.iter().map(|to| (*from, *to))).filter(is_judged) {
            for protocol in PROTOCOLS {
                for port in [1, 53, 55, 56, 80, 81, 82, 84, 85, 8080, 65535] {
                    flows.push(Flow { from, to, protocol, port });
                }
            }
        }
        flows
    }

    /// All objects in one line.
    pub(crate) fn json(&self) -> String {
        let namespaces = self.cluster.namespaces.iter().map(|namespace| {
            let labels = self.cluster.namespace_labels(&namespace.name);
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace.name, "labels": labels}})
        });
        let pods = self.cluster.pods.iter().map(|pod| {
            let port = |port: &ContainerPort| json!({"name": port.name, "protocol": port.protocol, "containerPort": port.port});
            let ports: Vec<Value> = pod.ports.iter().map(port).collect();
            json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": pod.labels},
                "spec": {"containers": [{"name": "c", "image": "i", "ports": ports}]},
                "status": {"podIP": pod.addresses[0], "hostIP": "192.0.2.1"},
            })
        });
        let policies = self.policies.iter().map(|policy| serde_json::to_value(policy).unwrap());
        json!(namespaces.chain(pods).chain(policies).collect::<Vec<Value>>()).to_string()
    }
}
