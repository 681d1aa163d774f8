//! Recorded traffic as flows between pods, which the evaluator can judge: of a cluster that is there, or of neighborhoods alone.

mod ends;

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use runtimemap_crds::{ContainerNeighborhood, Neighbor, NeighborPort, NetworkNeighborhood, PeerClass, RuleDirection};

use crate::evaluator::{Cluster, End, Evaluator, Flow, Invalid, Verdict};
use ends::Ends;

/// What neighborhoods hold, for the evaluator.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded<'a> {
    /// The cluster that was given, and a pod for every workload of which it has none.
    pub cluster: Cluster,
    /// One per container, neighbor, address and port.
    pub flows: Vec<RecordedFlow<'a>>,
    /// What no flow could be made of.
    pub unjudged: Vec<Unjudged<'a>>,
}

/// A flow with where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordedFlow<'a> {
    /// The flow.
    pub flow: Flow,
    /// Its evidence.
    pub seen: Seen<'a>,
    /// The port, with what it is called and how it was addressed.
    pub port: &'a NeighborPort,
}

/// Where in the neighborhoods something stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Whose neighborhood.
    pub neighborhood: &'a NetworkNeighborhood,
    /// Which container's.
    pub container: &'a str,
    /// Ephemeral containers are nobody's workload: no policy is made from what they do.
    pub ephemeral: bool,
    /// Which way it went.
    pub direction: RuleDirection,
    /// The neighbor, with its origin and whether a connection came about.
    pub neighbor: &'a Neighbor,
}

/// A neighbor of which no flow could be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unjudged<'a> {
    /// Its evidence.
    pub seen: Seen<'a>,
    /// Why not.
    pub why: &'static str,
}

/// What became of a recorded flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// By both ends.
    pub verdict: Verdict,
    /// Why, in words.
    pub reason: String,
}

/// Makes flows of everything recorded. `cluster` may be empty: then each workload has one pod, with the labels that its selector asks for.
pub fn flows(neighborhoods: &[NetworkNeighborhood], cluster: Cluster) -> Recorded<'_> {
    let mut ends = Ends::new(neighborhoods, cluster);
    let (mut flows, mut unjudged) = (Vec::new(), Vec::new());
    for neighborhood in neighborhoods {
        let spec = &neighborhood.spec;
        let own = spec.init_containers.iter().chain(&spec.containers).map(|container| (container, false));
        for (container, ephemeral) in own.chain(spec.ephemeral_containers.iter().map(|container| (container, true))) {
            let ContainerNeighborhood { name, ingress, egress, listens: _ } = container;
            let both = [(RuleDirection::Ingress, ingress), (RuleDirection::Egress, egress)];
            for (direction, neighbor) in both.into_iter().flat_map(|(direction, list)| list.iter().map(move |one| (direction, one))) {
                let seen = Seen { neighborhood, container: name, ephemeral, direction, neighbor };
                match add(&mut ends, &mut flows, seen) {
                    Ok(()) => {}
                    Err(why) => unjudged.push(Unjudged { seen, why }),
                }
            }
        }
    }
    Recorded { cluster: ends.cluster, flows, unjudged }
}

impl Recorded<'_> {
    /// What becomes of each flow by these policies, all of them in force: one for one, in order.
    ///
    /// # Errors
    /// If a policy is one that the API server would refuse.
    pub fn judge(&self, policies: &[NetworkPolicy]) -> Result<Vec<Judged>, Invalid> {
        let evaluator = Evaluator::new(policies, &self.cluster)?;
        let judged = |recorded: &RecordedFlow<'_>| {
            let verdict = evaluator.judge(&recorded.flow);
            Judged { verdict, reason: evaluator.reason(&recorded.flow, &verdict) }
        };
        Ok(self.flows.iter().map(judged).collect())
    }
}

fn add<'a>(ends: &mut Ends, flows: &mut Vec<RecordedFlow<'a>>, seen: Seen<'a>) -> Result<(), &'static str> {
    let Seen { neighborhood, direction, neighbor, .. } = seen;
    if neighbor.peer.class == PeerClass::Multicast {
        return Err("policies do not apply to multicast and broadcast");
    }
    if neighbor.ports.is_empty() {
        return Err("no port of it is known");
    }
    let own = ends.of_workload(neighborhood, &neighbor.pod);
    let others: BTreeSet<End> = ends.of_neighbor(neighborhood, neighbor, own);
    if others.is_empty() {
        return Err("neither a pod nor an address of it is known");
    }
    for other in others {
        for port in &neighbor.ports {
            let (from, to) = if direction == RuleDirection::Ingress { (other, own) } else { (own, other) };
            // Whoever serves has the port under this name.
            ends.learn(to, port);
            flows.push(RecordedFlow { flow: Flow { from, to, protocol: port.protocol, port: port.port }, seen, port });
        }
    }
    Ok(())
}
