//! How long generators and evaluator take, on one core: `cargo bench -p runtimemap-policy`. Each line is the best of several rounds.
//!
//! A town of workloads, each with its own policy made from its own neighborhood; and one workload with very many peers.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that measures, run by hand")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use k8s_openapi::{api::networking::v1::NetworkPolicy, apimachinery::pkg::apis::meta::v1::LabelSelector};
use runtimemap_crds::{
    ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, NetworkNeighborhoodSpec, Peer, PeerClass, PeerType, Protocol,
    WorkloadReference,
};
use runtimemap_policy::{
    evaluator::{Cluster, End, Evaluator, Flow, PodId},
    network::{Options, generate},
    recorded,
};

const ROUNDS: u32 = 7;

fn main() {
    let town = town(1000, 10);
    let (generation, policies) = best(|| made_of(&town));
    println!("generate: 1,000 workloads of 10 in and 10 out: {generation:?} (under 1 s)");
    let one = hub(500);
    let (generation, policy) = best(|| generate(&one, &Options::default()));
    let spec = policy.policy.spec.expect("a policy has a spec");
    let rules = spec.ingress.map_or(0, |rules| rules.len()) + spec.egress.map_or(0, |rules| rules.len());
    println!("generate: one workload, {rules} rules: {generation:?} (under 10 ms)");

    let (reading, recorded) = best(|| recorded::flows(&town, Cluster::default()));
    println!("recorded: {} flows of 1,000 workloads: {reading:?}", recorded.flows.len());
    let (compiling, evaluator) = best(|| Evaluator::new(&policies, &recorded.cluster).expect("what was generated is valid"));
    println!("evaluator: {} policies compiled for {} pods: {compiling:?}", policies.len(), recorded.cluster.pods.len());
    let seen: Vec<Flow> = recorded.flows.iter().map(|recorded| recorded.flow).collect();
    judge("flows that were seen", &evaluator, &seen);
    judge("flows between any two", &evaluator, &anywhere(recorded.cluster.pods.len()));

    let hub = [one];
    let wide = recorded::flows(&hub, Cluster::default());
    let made = made_of(&hub);
    let evaluator = Evaluator::new(&made, &wide.cluster).expect("what was generated is valid");
    let seen: Vec<Flow> = wide.flows.iter().map(|recorded| recorded.flow).collect();
    judge("flows of one workload with 500 rules", &evaluator, &seen);
}

fn made_of(neighborhoods: &[NetworkNeighborhood]) -> Vec<NetworkPolicy> {
    neighborhoods.iter().map(|one| generate(one, &Options::default()).policy).collect()
}

fn judge(what: &str, evaluator: &Evaluator<'_>, flows: &[Flow]) {
    const VERDICTS: usize = 2_000_000;
    let (taken, allowed) = best(|| {
        let flows = flows.iter().cycle().take(VERDICTS);
        flows.filter(|flow| black_box(evaluator.judge(black_box(flow))).is_allowed()).count()
    });
    let rate = VERDICTS as f64 / taken.as_secs_f64() / 1e6;
    println!("evaluator: {what}: {rate:.1} million verdicts a second (at least 1); {allowed} of {VERDICTS} allowed");
}

fn best<T>(mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut once = || {
        let began = Instant::now();
        let made = black_box(work());
        (began.elapsed(), made)
    };
    let mut fastest = once();
    for _ in 1..ROUNDS {
        let round = once();
        if round.0 < fastest.0 {
            fastest = round;
        }
    }
    fastest
}

fn anywhere(pods: usize) -> Vec<Flow> {
    // A walk that meets every pair in no order; no two steps are near each other.
    (0..100_000)
        .map(|step: usize| {
            let (from, to) = (step.wrapping_mul(7919) % pods, step.wrapping_mul(104_729) % pods);
            Flow { from: End::Pod(PodId(from)), to: End::Pod(PodId(to)), protocol: Protocol::TCP, port: 8080 }
        })
        .collect()
}

/// Workloads in namespaces of twenty, each with so many that it talks to and that talk to it, and some addresses.
fn town(workloads: usize, peers: usize) -> Vec<NetworkNeighborhood> {
    (0..workloads)
        .map(|own| {
            let to = |step: usize| (own + step * 37 + 1) % workloads;
            let from = |step: usize| (own + workloads - (step * 37 + 1) % workloads) % workloads;
            let mut egress: Vec<Neighbor> = (0..peers - 2).map(|step| pods(to(step))).collect();
            egress.extend((0..2).map(|step| world(own * 2 + step)));
            neighborhood(own, (0..peers).map(|step| pods(from(step))).collect(), egress)
        })
        .collect()
}

/// One workload that so many come to and that goes to as many, half of them addresses.
fn hub(rules: usize) -> NetworkNeighborhood {
    let mut egress: Vec<Neighbor> = (1..=rules / 4).map(pods).collect();
    egress.extend((0..rules / 4).map(|place| Neighbor { dns_names: vec![format!("n{place}.example")], ..world(place) }));
    let ingress = (1..=rules / 2).map(pods).collect();
    neighborhood(0, ingress, egress)
}

fn selector(number: usize) -> LabelSelector {
    let labels = [("app".to_owned(), format!("w{number}")), ("part-of".to_owned(), "town".to_owned())];
    LabelSelector { match_labels: Some(labels.into()), match_expressions: None }
}

fn namespace(number: usize) -> String {
    format!("ns{}", number / 20)
}

fn ports() -> Vec<NeighborPort> {
    [8080, 9090].map(|port| NeighborPort { name: format!("TCP-{port}"), port, ..NeighborPort::default() }).into()
}

fn pods(number: usize) -> Neighbor {
    let peer = Peer {
        class: PeerClass::Workload,
        namespace: namespace(number),
        kind: "Deployment".to_owned(),
        name: format!("w{number}"),
        service: String::new(),
    };
    Neighbor { type_: PeerType::Internal, peer, pod_selector: Some(selector(number)), ports: ports(), ..Neighbor::default() }
}

fn world(number: usize) -> Neighbor {
    let address = format!("203.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    Neighbor { ip_addresses: vec![address], ports: ports(), ..Neighbor::default() }
}

fn neighborhood(number: usize, ingress: Vec<Neighbor>, egress: Vec<Neighbor>) -> NetworkNeighborhood {
    let spec = NetworkNeighborhoodSpec {
        workload: WorkloadReference { kind: "Deployment".to_owned(), name: format!("w{number}"), ..WorkloadReference::default() },
        pod_selector: selector(number),
        containers: vec![ContainerNeighborhood { name: "main".to_owned(), ingress, egress, ..ContainerNeighborhood::default() }],
        ..NetworkNeighborhoodSpec::default()
    };
    let mut object = NetworkNeighborhood::new(&format!("deployment-w{number}"), spec);
    object.metadata.namespace = Some(namespace(number));
    object
}
