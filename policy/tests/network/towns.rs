//! Random clusters with random traffic: policies made from it allow all of it and nothing else, by the evaluator.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{api::networking::v1::NetworkPolicy, apimachinery::pkg::apis::meta::v1::LabelSelector};
use proptest::{prelude::*, sample::Index};
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Peer, PeerClass, PeerType, Protocol,
    RuleDirection, WorkloadReference,
};
use runtimemap_policy::{
    evaluator::{Cluster, End, Evaluator, Flow, Pod, PodId, Ruling},
    network::{Options, World, generate},
    recorded,
};

const PROTOCOLS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
/// DNS among them, which is allowed over both protocols.
const PORTS: [u16; 4] = [53, 80, 8080, 8081];
const WORLD: [&str; 5] = ["203.0.113.1", "203.0.113.2", "10.200.0.1", "2001:db8::1", "fd00:ffff::1"];

/// Where one end of a flow is, before there are pods.
#[derive(Clone, Debug)]
enum Place {
    Pod(Index),
    World(Index),
}

#[derive(Clone, Debug)]
struct Town {
    cluster: Cluster,
    /// The workload of each pod.
    workloads: Vec<usize>,
    flows: BTreeSet<(Flow, Option<u16>)>,
}

/// A workload, or an address, as policies should tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Workload(usize),
    Address(std::net::IpAddr),
}

fn towns() -> impl Strategy<Value = Town> {
    // Namespace, whether its selector has a second label, and how many pods.
    let workloads = prop::collection::vec((0..2_usize, any::<bool>(), 1..3_usize), 1..6);
    let place = prop_oneof![3 => any::<Index>().prop_map(Place::Pod), 1 => any::<Index>().prop_map(Place::World)];
    let service = prop::option::weighted(0.3, 1..3_u16);
    let flow = (any::<Index>(), place, any::<bool>(), prop::sample::select(&PROTOCOLS[..]), prop::sample::select(&PORTS[..]), service);
    (workloads, prop::collection::vec(flow, 0..14)).prop_map(|(workloads, flows)| town(&workloads, flows))
}

fn town(sizes: &[(usize, bool, usize)], flows: Vec<(Index, Place, bool, Protocol, u16, Option<u16>)>) -> Town {
    let (mut cluster, mut workloads) = (Cluster::default(), Vec::new());
    for (workload, (namespace, tier, pods)) in sizes.iter().enumerate() {
        for pod in 0..*pods {
            let number = cluster.pods.len();
            let mut labels = selector(workload, *tier).match_labels.unwrap();
            labels.insert("pod-template-hash".to_owned(), format!("h{pod}"));
            cluster.add(Pod {
                namespace: format!("ns{namespace}"),
                name: format!("w{workload}-{pod}"),
                labels,
                addresses: vec![format!("10.1.0.{}", number + 1).parse().unwrap(), format!("fd00::{}", number + 1).parse().unwrap()],
                ..Pod::default()
            });
            workloads.push(workload);
        }
    }
    let pods = cluster.pods.len();
    let flows = flows.into_iter().map(|(own, other, out, protocol, port, service)| {
        let own = End::Pod(PodId(own.index(pods)));
        let other = match other {
            Place::Pod(index) => End::Pod(PodId(index.index(pods))),
            Place::World(index) => End::Address(WORLD[index.index(WORLD.len())].parse().unwrap()),
        };
        let (from, to) = if out { (own, other) } else { (other, own) };
        (Flow { from, to, protocol, port }, service)
    });
    let flows = flows.filter(|(flow, _)| flow.from != flow.to).collect();
    Town { cluster, workloads, flows }
}

/// Workloads of two namespaces share their names; a label more tells some from others.
fn selector(workload: usize, tier: bool) -> LabelSelector {
    let mut labels = BTreeMap::from([("app".to_owned(), format!("w{workload}"))]);
    if tier {
        labels.insert("tier".to_owned(), "back".to_owned());
    }
    LabelSelector { match_labels: Some(labels), match_expressions: None }
}

impl Town {
    fn party(&self, end: End) -> Party {
        match end {
            End::Pod(pod) => Party::Workload(self.workloads[pod.0]),
            End::Address(address) => Party::Address(address),
        }
    }

    fn selector_of(&self, workload: usize) -> (String, LabelSelector) {
        let pod = &self.cluster.pods[self.workloads.iter().position(|own| *own == workload).unwrap()];
        (pod.namespace.clone(), selector(workload, pod.labels.contains_key("tier")))
    }

    /// What each end of each flow saw, by workload and direction.
    fn seen(&self) -> BTreeSet<(usize, RuleDirection, Party, Protocol, u16)> {
        let ends = self.flows.iter().flat_map(|(flow, _)| {
            let both = [(flow.from, RuleDirection::Egress, flow.to), (flow.to, RuleDirection::Ingress, flow.from)];
            both.into_iter().filter_map(|(own, direction, other)| match self.party(own) {
                Party::Workload(own) => Some((own, direction, self.party(other), flow.protocol, flow.port)),
                Party::Address(_) => None,
            })
        });
        ends.collect()
    }

    fn neighborhoods(&self) -> Vec<NetworkNeighborhood> {
        let mut objects = BTreeMap::<usize, NetworkNeighborhood>::new();
        for workload in &self.workloads {
            let (namespace, pod_selector) = self.selector_of(*workload);
            let spec = NetworkNeighborhoodSpec {
                workload: WorkloadReference { kind: "Deployment".into(), name: format!("w{workload}"), ..WorkloadReference::default() },
                pod_selector,
                containers: vec![ContainerNeighborhood { name: "c".into(), ..ContainerNeighborhood::default() }],
                ..NetworkNeighborhoodSpec::default()
            };
            let mut object = NetworkNeighborhood::new(&format!("deployment-w{workload}"), spec);
            object.metadata.namespace = Some(namespace);
            objects.insert(*workload, object);
        }
        for (own, direction, other, protocol, port) in self.seen() {
            let service =
                self.flows.iter().find(|(flow, _)| (flow.protocol, flow.port) == (protocol, port)).and_then(|(_, service)| *service);
            let ports = vec![NeighborPort {
                name: format!("{protocol:?}-{port}"),
                protocol,
                port,
                service_port: service,
                ..NeighborPort::default()
            }];
            let neighbor = self.neighbor(other, ports);
            let container = &mut objects.get_mut(&own).unwrap().spec.containers[0];
            if direction == RuleDirection::Ingress { container.ingress.push(neighbor) } else { container.egress.push(neighbor) }
        }
        objects.into_values().collect()
    }

    fn neighbor(&self, other: Party, ports: Vec<NeighborPort>) -> Neighbor {
        match other {
            Party::Address(address) => Neighbor { ip_addresses: vec![address.to_string()], ports, ..Neighbor::default() },
            Party::Workload(workload) => {
                let (namespace, mut pods) = self.selector_of(workload);
                pods.match_labels.as_mut().unwrap().insert("pod-template-hash".to_owned(), "h0".to_owned());
                let name = format!("w{workload}");
                let peer = Peer { class: PeerClass::Workload, namespace, kind: "Deployment".into(), name, ..Peer::default() };
                Neighbor { type_: PeerType::Internal, peer, pod_selector: Some(pods), ports, ..Neighbor::default() }
            }
        }
    }

    fn policies(&self, options: &Options) -> Vec<NetworkPolicy> {
        self.neighborhoods().iter().map(|object| generate(object, options).policy).collect()
    }

    /// Every flow that could be, one end of it a pod.
    fn every_flow(&self) -> Vec<Flow> {
        let pods = (0..self.cluster.pods.len()).map(|pod| End::Pod(PodId(pod)));
        let ends: Vec<End> = pods.chain(WORLD.iter().map(|address| End::Address(address.parse().unwrap()))).collect();
        let mut flows = Vec::new();
        for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to) {
            for (protocol, port) in PROTOCOLS.iter().flat_map(|protocol| PORTS.iter().chain(&[1, 2]).map(move |port| (*protocol, *port))) {
                flows.push(Flow { from, to, protocol, port });
            }
        }
        flows
    }
}

proptest! {
    #[test]
    fn a_generated_policy_allows_every_flow_that_it_came_from(town in towns(), public in any::<bool>()) {
        let world = if public { World::Public } else { World::Addresses };
        let policies = town.policies(&Options { world, ..Options::default() });
        let evaluator = Evaluator::new(&policies, &town.cluster).unwrap();
        for (flow, _) in &town.flows {
            let verdict = evaluator.judge(flow);
            prop_assert!(verdict.is_allowed(), "{}", evaluator.reason(flow, &verdict));
        }
        let neighborhoods = town.neighborhoods();
        for cluster in [Cluster::default(), town.cluster.clone()] {
            let recorded = recorded::flows(&neighborhoods, cluster);
            prop_assert_eq!(recorded.flows.len(), town.seen().len());
            for judged in recorded.judge(&policies).unwrap() {
                prop_assert!(judged.verdict.is_allowed(), "{}", judged.reason);
            }
        }
    }

    #[test]
    fn a_generated_policy_allows_no_flow_that_is_not_in_the_neighborhood(town in towns()) {
        let policies = town.policies(&Options { cut_unseen: true, ..Options::default() });
        let evaluator = Evaluator::new(&policies, &town.cluster).unwrap();
        let seen = town.seen();
        for flow in town.every_flow() {
            let verdict = evaluator.judge(&flow);
            let sides = [(flow.from, RuleDirection::Egress, flow.to, verdict.egress), (flow.to, RuleDirection::Ingress, flow.from, verdict.ingress)];
            for (own, direction, other, ruling) in sides {
                let Party::Workload(own) = town.party(own) else { continue };
                let asked = |protocol| seen.contains(&(own, direction, town.party(other), protocol, flow.port));
                // A long answer of a DNS server comes over TCP.
                let dns = direction == RuleDirection::Egress && (flow.protocol, flow.port) == (Protocol::TCP, 53) && asked(Protocol::UDP);
                let expected = asked(flow.protocol) || dns;
                prop_assert_eq!(matches!(ruling, Ruling::Allowed(_)), expected, "{:?}: {}", direction, evaluator.reason(&flow, &verdict));
            }
        }
    }

    #[test]
    fn n12_no_rule_of_a_generated_policy_can_be_left_out(town in towns()) {
        for policy in town.policies(&Options::default()) {
            let spec = policy.spec.unwrap();
            let ingress = spec.ingress.unwrap_or_default().into_iter().map(|rule| (rule.from, rule.ports));
            let egress = spec.egress.unwrap_or_default().into_iter().map(|rule| (rule.to, rule.ports));
            for rules in [ingress.collect::<Vec<_>>(), egress.collect::<Vec<_>>()] {
                let each = rules.iter().flat_map(|(peers, ports)| {
                    peers.iter().flatten().flat_map(move |peer| ports.iter().flatten().map(move |port| (peer.clone(), port.clone())))
                });
                let each: Vec<_> = each.collect();
                for (place, one) in each.iter().enumerate() {
                    prop_assert!(!each[..place].contains(one), "allowed twice: {:?}", one);
                }
            }
        }
    }
}
