//! Nodes and edges.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use runtimemap_crds::{NetworkNeighborhood, Outcome, PeerClass, RuleDirection};
use runtimemap_policy::{
    evaluator,
    recorded::{self as flows, Seen},
};
use serde::Serialize;

use crate::{recorded, show};

/// Names of the groups of what is in no namespace.
const OUTSIDE: &str = "outside the cluster";
const CLUSTER: &str = "the cluster itself";

/// A graph, in an order that depends on nothing but its content.
#[derive(Debug, Default, Serialize)]
pub(super) struct Model {
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

/// Whoever talks or is talked to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Node {
    /// Its namespace, or what stands for one.
    pub(super) group: String,
    pub(super) label: String,
    pub(super) kind: Kind,
}

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Workload,
    Cluster,
    Outside,
}

/// All that goes from one to another.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Edge {
    /// Places of the nodes.
    pub(super) from: usize,
    pub(super) to: usize,
    /// What was seen, by port and side.
    pub(super) evidence: Vec<Evidence>,
    pub(super) state: State,
}

/// What policies do to an edge: the worst of its flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// Rules allow it on the sides where there are policies.
    Allowed,
    /// No policy restricts either side.
    Open,
    /// It never connected, so no rule is meant for it.
    Attempted,
    /// Something of it is cut.
    Cut,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Open => "open",
            Self::Attempted => "attempted",
            Self::Cut => "cut",
        }
    }
}

/// One line of evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Evidence {
    /// `TCP 8080`.
    pub(super) port: String,
    /// Which side saw it, and which container of it.
    pub(super) seen_by: String,
    pub(super) first_seen: String,
    pub(super) pod: String,
    /// What policies say, and which.
    pub(super) policy: String,
}

#[derive(Default)]
struct Building {
    nodes: BTreeMap<Node, usize>,
    edges: BTreeMap<(Node, Node), (Vec<Evidence>, Option<State>)>,
}

impl Model {
    pub(super) fn of(
        neighborhoods: &[NetworkNeighborhood],
        policies: &[NetworkPolicy],
        live: evaluator::Cluster,
        applied: bool,
    ) -> Result<Self, evaluator::Invalid> {
        let recorded = flows::flows(neighborhoods, live);
        let judged = recorded.judge(policies)?;
        let mut building = Building::default();
        for neighborhood in neighborhoods {
            building.nodes.entry(own(neighborhood)).or_default();
        }
        for (flow, judged) in recorded.flows.iter().zip(&judged) {
            use evaluator::Ruling;
            let decided = |ruling| matches!(ruling, Ruling::Allowed(_));
            let state = match (recorded::aside(&flow.seen), judged.verdict.is_allowed()) {
                (Some(_), _) => State::Attempted,
                (None, false) => State::Cut,
                (None, true) if decided(judged.verdict.egress) || decided(judged.verdict.ingress) => State::Allowed,
                (None, true) => State::Open,
            };
            let prefix = if applied { "" } else { "with the generated policies: " };
            building.add(&flow.seen, show::port(flow.port), format!("{prefix}{}", judged.reason), state);
        }
        for flows::Unjudged { seen, why } in &recorded.unjudged {
            if seen.neighbor.peer.class != PeerClass::SelfPeer {
                let ports: Vec<String> = seen.neighbor.ports.iter().map(show::port).collect();
                building.add(seen, ports.join(", "), (*why).to_owned(), State::Open);
            }
        }
        Ok(building.finish())
    }

    /// Ports of an edge, each once.
    pub(super) fn ports(edge: &Edge) -> Vec<&str> {
        let mut ports: Vec<&str> = edge.evidence.iter().map(|evidence| evidence.port.as_str()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

impl Building {
    fn add(&mut self, seen: &Seen<'_>, port: String, policy: String, state: State) {
        let (own, other) = (own(seen.neighborhood), peer(seen));
        if own == other && seen.neighbor.peer.class == PeerClass::SelfPeer {
            return;
        }
        for node in [&own, &other] {
            self.nodes.entry(node.clone()).or_default();
        }
        let side = if seen.direction == RuleDirection::Ingress { "the receiver" } else { "the sender" };
        let (from, to) = if seen.direction == RuleDirection::Ingress { (other, own) } else { (own, other) };
        let outcome = if seen.neighbor.outcome == Outcome::Attempted { ", never connected" } else { "" };
        let (evidence, worst) = self.edges.entry((from, to)).or_default();
        evidence.push(Evidence {
            port,
            seen_by: format!("{side}, container {}{outcome}", seen.container),
            first_seen: seen.neighbor.first_seen.as_ref().map(|time| time.0.to_string()).unwrap_or_default(),
            pod: seen.neighbor.pod.clone(),
            policy,
        });
        *worst = (*worst).max(Some(state));
    }

    fn finish(mut self) -> Model {
        for (place, index) in self.nodes.values_mut().enumerate() {
            *index = place;
        }
        let edges = self.edges.into_iter().map(|((from, to), (mut evidence, state))| {
            evidence.sort();
            evidence.dedup();
            Edge { from: self.nodes[&from], to: self.nodes[&to], evidence, state: state.unwrap_or(State::Open) }
        });
        let edges = edges.collect();
        Model { nodes: self.nodes.into_keys().collect(), edges }
    }
}

fn own(neighborhood: &NetworkNeighborhood) -> Node {
    let workload = &neighborhood.spec.workload;
    let namespace = neighborhood.metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default");
    Node { group: namespace.to_owned(), label: format!("{}/{}", workload.kind, workload.name), kind: Kind::Workload }
}

fn peer(seen: &Seen<'_>) -> Node {
    let peer = &seen.neighbor.peer;
    let own_namespace = own(seen.neighborhood).group;
    let namespace = if peer.namespace.is_empty() { own_namespace } else { peer.namespace.clone() };
    let (group, label, kind) = match peer.class {
        PeerClass::Workload | PeerClass::Service if !peer.kind.is_empty() => {
            (namespace, format!("{}/{}", peer.kind, peer.name), Kind::Workload)
        }
        PeerClass::Workload | PeerClass::Service => {
            let name = if peer.service.is_empty() { &peer.name } else { &peer.service };
            (namespace, format!("Service/{name}"), Kind::Workload)
        }
        PeerClass::SelfPeer => return own(seen.neighborhood),
        PeerClass::Node => (CLUSTER.to_owned(), format!("node {}", peer.name).trim_end().to_owned(), Kind::Cluster),
        PeerClass::KubeAPI => (CLUSTER.to_owned(), "Kubernetes API".to_owned(), Kind::Cluster),
        PeerClass::ClusterDNS => (CLUSTER.to_owned(), "DNS".to_owned(), Kind::Cluster),
        PeerClass::Multicast | PeerClass::World => (OUTSIDE.to_owned(), show::peer(seen.neighbor), Kind::Outside),
    };
    Node { group, label, kind }
}
