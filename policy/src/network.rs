//! A NetworkPolicy that allows exactly the traffic seen.

mod asked_for;
mod cilium;
mod default_deny;
mod describe;
mod direction;
pub(crate) mod name;
mod options;
pub(crate) mod peer;
mod rule;
mod selector;
mod world;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicySpec},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use runtimemap_crds::{
    ContainerNeighborhood, GeneratedNetworkPolicy, GeneratedNetworkPolicyStatus, Neighbor, NetworkNeighborhood, Origin, Outcome,
    RuleDirection,
};

pub use cilium::{Dialect, cilium};
pub use default_deny::default_deny;
pub use options::{Directions, Options, World};

use self::{direction::Seen, rule::Rules};
use crate::notes::{Notes, listed};

/// A policy, the evidence of each of its rules, and notes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    /// The policy.
    pub policy: NetworkPolicy,
    /// Evidence and notes.
    pub status: GeneratedNetworkPolicyStatus,
}

/// Makes the policy of a workload.
pub fn generate(neighborhood: &NetworkNeighborhood, options: &Options) -> Generated {
    let spec = &neighborhood.spec;
    let namespace = neighborhood.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let title = neighborhood.metadata.name.as_deref().unwrap_or("workload");
    let mut notes = Notes::default();
    notes.sandboxed(neighborhood.status.as_ref());
    let mut rules = Rules::new(&namespace, options);
    let mut seen = Seen::default();
    let ephemeral = spec.ephemeral_containers.iter().filter(|_| options.ephemeral);
    for container in spec.init_containers.iter().chain(&spec.containers).chain(ephemeral) {
        add(&mut rules, &mut seen, &mut notes, container, options);
    }
    for container in spec.ephemeral_containers.iter().filter(|_| !options.ephemeral) {
        let all = || container.ingress.iter().map(|one| (RuleDirection::Ingress, one));
        let all = all().chain(container.egress.iter().map(|one| (RuleDirection::Egress, one)));
        let described: Vec<String> = all.map(|(direction, neighbor)| describe::neighbor(direction, neighbor)).collect();
        if !described.is_empty() {
            notes.add(format!("left out, since an ephemeral container ({}) did it: {}", container.name, listed(&described)));
        }
    }
    for (direction, neighbor) in asked_for::neighbors(spec, options) {
        seen.add(direction, &neighbor);
        if let Err(why) = rules.ask(direction, &neighbor) {
            notes.add(format!("{}: {why}", describe::neighbor(direction, &neighbor)));
        }
    }
    for (direction, word, other) in
        [(RuleDirection::Ingress, "ingress", Directions::Egress), (RuleDirection::Egress, "egress", Directions::Ingress)]
    {
        if options.directions == other {
            notes.add(format!("{word} is left out, as was asked for"));
            rules.forget(direction);
            seen.forget(direction);
        }
    }

    let rules = rules.finish();
    seen.count(&rules);
    let policy_types = seen.policy_types(options, &mut notes);
    let pod_selector = own_selector(neighborhood, &mut notes);
    let rule::Finished { ingress, egress, evidence, dropped } = rules;
    if dropped > 0 {
        notes.add(format!("{dropped} more rules do not fit into one policy: what they would allow is cut; the neighborhood has it all"));
    }
    let ingress = ingress.into_iter().map(|(peers, ports)| NetworkPolicyIngressRule { from: Some(peers), ports: Some(ports) });
    let egress = egress.into_iter().map(|(peers, ports)| NetworkPolicyEgressRule { to: Some(peers), ports: Some(ports) });
    let policy = NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name::of_policy(title)),
            namespace: Some(namespace),
            labels: Some(BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "runtimemap".to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pod_selector),
            policy_types: Some(policy_types),
            ingress: some(ingress.collect()),
            egress: some(egress.collect()),
        }),
    };
    Generated {
        policy,
        status: GeneratedNetworkPolicyStatus { rules: evidence, notes: notes.finish(), ..GeneratedNetworkPolicyStatus::default() },
    }
}

/// What selects the pods of a workload.
pub(crate) fn own_selector(neighborhood: &NetworkNeighborhood, notes: &mut Notes) -> LabelSelector {
    let spec = &neighborhood.spec;
    let title = neighborhood.metadata.name.as_deref().unwrap_or("workload");
    let workload = if spec.workload.name.is_empty() { title } else { &spec.workload.name };
    selector::of_workload(&spec.pod_selector, workload, notes)
}

/// Makes the object that holds the policy, named like the neighborhood.
pub fn object(neighborhood: &NetworkNeighborhood, options: &Options) -> GeneratedNetworkPolicy {
    let Generated { policy, status } = generate(neighborhood, options);
    let mut object = GeneratedNetworkPolicy::new(neighborhood.metadata.name.as_deref().unwrap_or_default(), policy);
    object.metadata.namespace.clone_from(&neighborhood.metadata.namespace);
    object.status = Some(status);
    object
}

fn add(rules: &mut Rules<'_>, seen: &mut Seen, notes: &mut Notes, container: &ContainerNeighborhood, options: &Options) {
    let both = [(RuleDirection::Ingress, &container.ingress), (RuleDirection::Egress, &container.egress)];
    for (direction, neighbors) in both {
        // In an order of their own, so that the notes do not depend on the list's.
        let mut neighbors: Vec<(String, &Neighbor)> =
            neighbors.iter().map(|neighbor| (describe::neighbor(direction, neighbor), neighbor)).collect();
        neighbors.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (described, neighbor) in neighbors {
            if let Some(why) = left_out(neighbor, options) {
                notes.add(format!("{described}: left out, since {why}"));
                continue;
            }
            seen.add(direction, neighbor);
            match rules.add(direction, neighbor, &container.name) {
                Ok(dropped) if dropped.is_empty() => {}
                Ok(dropped) => {
                    notes.add(format!("{described}: selected without {}, which changes with every rollout", listed(&dropped)));
                }
                Err(why) => notes.add(format!("{described}: {why}")),
            }
            if options.world == World::Addresses && peer::rots(direction, neighbor) {
                notes.add(format!(
                    "{described}: addresses outside the cluster change, and then this rule cuts it off; a prefix may be better"
                ));
            }
        }
    }
}

fn left_out(neighbor: &Neighbor, options: &Options) -> Option<&'static str> {
    if neighbor.outcome == Outcome::Attempted && !options.attempted {
        return Some("no connection came about");
    }
    match neighbor.origin {
        Origin::Exec if !options.entered => Some("a command from outside the workload did it"),
        Origin::Probe if !options.probes => Some("only a probe did it"),
        Origin::Entrypoint | Origin::Exec | Origin::Probe | Origin::Runtime | Origin::Snapshot => None,
    }
}

/// An empty list and none are the same to the API server, which keeps none.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
