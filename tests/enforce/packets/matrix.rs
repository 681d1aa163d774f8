//! The enforcer decides as the evaluator does: every pod tries every port of every other, by both families, under one set of policies after
//! another, and what it counts as denied is what the evaluator denies.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::IpAddr,
    thread,
};

use k8s_openapi::api::{core::v1 as core, networking::v1::NetworkPolicy};
use kube::ResourceExt;
use runtimemap_crds::Protocol;
use runtimemap_policy::evaluator::{Cluster, End, Evaluator, Flow, PodId};
use runtimemap_tests::{
    outside,
    space::{Space, kubectl, node},
};
use serde_json::{Value, json};

use crate::enforcer::{Denied, Enforcer, View};

/// What each prober serves; see probe.py.
const TCP_PORTS: [u16; 5] = [8080, 8081, 9000, 9001, 9002];
const UDP_PORTS: [u16; 2] = [8080, 9000];

/// A pod of the matrix: namespace, name, labels, ports with names.
type Prober = (&'static str, &'static str, Value, Value);

fn probers() -> [Prober; 4] {
    [
        (
            "a",
            "front",
            json!({"app": "front", "tier": "web"}),
            json!([{"name": "http", "containerPort": 8080}, {"name": "query", "containerPort": 9000, "protocol": "UDP"}]),
        ),
        ("a", "back", json!({"app": "back"}), json!([{"name": "http", "containerPort": 8081}])),
        ("b", "other", json!({"app": "front"}), json!([{"name": "http", "containerPort": 9000}])),
        ("b", "plain", json!({}), json!([])),
    ]
}

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Try {
    from: IpAddr,
    to: IpAddr,
    protocol: Protocol,
    port: u16,
}

struct Matrix {
    spaces: BTreeMap<&'static str, Space>,
    pods: Vec<core::Pod>,
    namespaces: Vec<core::Namespace>,
}

impl Matrix {
    async fn new() -> Self {
        outside::serve();
        let mut spaces = BTreeMap::new();
        for name in ["a", "b"] {
            let space = Space::new(&format!("matrix-{name}")).await;
            kubectl(&["label", "namespace", &space.name, &format!("team={name}")], "");
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/enforce/sources/probe.py");
            space.kubectl(&["create", "configmap", "probe", "--from-file", source], "");
            spaces.insert(name, space);
        }
        for (space, name, labels, ports) in probers() {
            spaces[space].apply(&pod(name, &labels, &ports).to_string());
        }
        for space in spaces.values() {
            space.kubectl(&["wait", "pods", "--all", "--for=condition=Ready", "--timeout=120s"], "");
        }
        let names: BTreeSet<String> = spaces.values().map(|space| space.name.clone()).collect();
        let View { mut pods, mut namespaces, .. } = View::of(&spaces["a"].client).await;
        pods.retain(|pod| names.contains(&pod.namespace().unwrap()));
        namespaces.retain(|one| names.contains(&one.name_any()));
        Self { spaces, pods, namespaces }
    }

    fn addresses(&self, pod: &str) -> Vec<IpAddr> {
        let pod = self.pods.iter().find(|one| one.name_any() == pod).unwrap();
        pod.status.iter().flat_map(|status| status.pod_ips.iter().flatten()).map(|address| address.ip.parse().unwrap()).collect()
    }

    /// A round's policies, with names and addresses put in.
    fn policies(&self, text: &str) -> Vec<NetworkPolicy> {
        let mut text = text.to_owned();
        for (name, space) in &self.spaces {
            text = text.replace(&format!("namespace: {name}"), &format!("namespace: {}", space.name));
        }
        for (_, name, ..) in probers() {
            for address in self.addresses(name) {
                let called = format!("{}{}", name.to_uppercase(), if address.is_ipv6() { "6" } else { "4" });
                text = text.replace(&called, &address.to_string());
            }
        }
        let round: BTreeMap<String, Value> = serde_saphyr::from_str(&text).unwrap();
        serde_json::from_value(round["items"].clone()).unwrap()
    }

    /// All that a pod may try.
    fn tries(&self, from: &str) -> Vec<Try> {
        let mut tries = Vec::new();
        for own in self.addresses(from) {
            let mut add = |to: IpAddr, protocol, ports: &[u16]| {
                if to.is_ipv6() == own.is_ipv6() {
                    tries.extend(ports.iter().map(|port| Try { from: own, to, protocol, port: *port }));
                }
            };
            for (_, name, ..) in probers() {
                for to in self.addresses(name) {
                    add(to, Protocol::TCP, &TCP_PORTS);
                    add(to, Protocol::UDP, &UDP_PORTS);
                }
            }
            for to in [env::var("OUTSIDE").unwrap().parse().unwrap(), "fd90::1".parse().unwrap()] {
                add(to, Protocol::TCP, &[outside::PORT]);
            }
            add(node(), Protocol::TCP, &[6443]);
        }
        tries
    }

    /// What came of all tries of all pods at once: whether each was answered.
    fn probe(&self) -> BTreeMap<Try, bool> {
        thread::scope(|scope| {
            let running: Vec<_> =
                probers().into_iter().map(|(space, name, ..)| scope.spawn(move || self.probe_from(space, name))).collect();
            running.into_iter().flat_map(|one| one.join().unwrap()).collect()
        })
    }

    fn probe_from(&self, space: &str, name: &str) -> Vec<(Try, bool)> {
        let tries = self.tries(name);
        let wanted: Vec<Value> = tries.iter().map(|one| json!([format!("{:?}", one.protocol), one.to, one.port])).collect();
        let command = ["exec", "-i", name, "--", "/usr/bin/python3", "-B", "/probe/probe.py"];
        let said = self.spaces[space].kubectl(&command, &json!(wanted).to_string());
        let outcomes: Vec<Option<String>> = serde_json::from_str(&said).unwrap();
        assert_eq!(outcomes.len(), tries.len());
        let answered = |(one, outcome): (Try, Option<String>)| match outcome.as_deref() {
            Some("answered") => (one, true),
            Some(refused) if refused.starts_with("refused") => (one, false),
            other => panic!("{name}: {one:?}: {other:?}"),
        };
        tries.into_iter().zip(outcomes).map(answered).collect()
    }

    /// What the evaluator says of a try, whose packets are of one family only.
    fn verdicts(&self, policies: &[NetworkPolicy], ipv6: bool) -> BTreeMap<Try, bool> {
        let mut cluster = Cluster::default();
        cluster.namespaces.extend(self.namespaces.iter().map(Into::into));
        for pod in &self.pods {
            let mut pod = runtimemap_policy::evaluator::Pod::from(pod);
            pod.addresses.retain(|address| address.is_ipv6() == ipv6);
            cluster.add(pod);
        }
        let evaluator = Evaluator::new(policies, &cluster).unwrap();
        let end = |address: IpAddr| {
            let found = cluster.pods.iter().position(|pod| pod.addresses.contains(&address));
            found.map_or(End::Address(address), |place| End::Pod(PodId(place)))
        };
        let tries = probers().into_iter().flat_map(|(_, name, ..)| self.tries(name)).filter(|one| one.from.is_ipv6() == ipv6);
        let verdict = |one: Try| {
            let flow = Flow { from: end(one.from), to: end(one.to), protocol: one.protocol, port: one.port };
            (one, evaluator.judge(&flow).is_allowed())
        };
        tries.map(verdict).collect()
    }
}

fn pod(name: &str, labels: &Value, ports: &Value) -> Value {
    let container = json!({
        "name": "probe", "image": "IMAGES/python:1", "imagePullPolicy": "Never", "ports": ports,
        "command": ["/usr/bin/python3", "-B", "/probe/probe.py", "serve"],
        "readinessProbe": {"tcpSocket": {"port": TCP_PORTS[0]}, "periodSeconds": 1},
        "volumeMounts": [{"name": "probe", "mountPath": "/probe", "readOnly": true}],
    });
    let spec = json!({
        "terminationGracePeriodSeconds": 0, "containers": [container], "volumes": [{"name": "probe", "configMap": {"name": "probe"}}],
    });
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec})
}

#[tokio::test]
async fn the_enforcer_decides_as_the_evaluator_does() {
    let matrix = Matrix::new().await;
    let (mut rounds, mut tried, mut refused) = (0, 0, BTreeMap::<(Protocol, bool), usize>::new());
    for text in include_str!("rounds.yaml").split("\n---\n") {
        let policies = matrix.policies(text);
        let list = json!({"apiVersion": "v1", "kind": "List", "items": policies}).to_string();
        let enforcer = Enforcer::start();
        kubectl(&["apply", "-f", "-"], &list);
        enforcer.caught_up().await;
        let found = matrix.probe();
        let denied: BTreeSet<Denied> = enforcer.counts().denied.into_keys().collect();
        kubectl(&["delete", "-f", "-"], &list);

        let mut expected = matrix.verdicts(&policies, false);
        expected.extend(matrix.verdicts(&policies, true));
        let differing: Vec<_> = expected.iter().filter(|(one, allowed)| found.get(one) != Some(*allowed)).collect();
        assert!(differing.is_empty(), "the evaluator says otherwise of {differing:#?}\n{text}");
        assert_eq!(found.len(), expected.len());
        let counted = |one: &Try| Denied {
            from: one.from,
            to: one.to,
            protocol: format!("{:?}", one.protocol).to_lowercase(),
            port: one.port.into(),
        };
        let should: BTreeSet<Denied> = expected.iter().filter(|(_, allowed)| !**allowed).map(|(one, _)| counted(one)).collect();
        assert_eq!(denied, should, "what was counted is not what was denied\n{text}");

        (rounds, tried) = (rounds + 1, tried + expected.len());
        for (one, _) in expected.iter().filter(|(_, allowed)| !**allowed) {
            *refused.entry((one.protocol, one.from.is_ipv6())).or_default() += 1;
        }
    }
    let all: usize = refused.values().sum();
    eprintln!("FIGURE matrix: {rounds} sets of policies, {tried} connections tried, {all} denied, 0 other than the evaluator says");
    assert_eq!(refused.len(), 4, "of TCP and UDP, IPv4 and IPv6, some were never denied: {refused:?}");
}
