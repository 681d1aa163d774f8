//! A NetworkPolicy that allows exactly the traffic seen.

mod peer;
mod rule;
mod selector;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicySpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use runtimemap_crds::{
    ContainerNeighborhood, GeneratedNetworkPolicy, GeneratedNetworkPolicyStatus, Neighbor, NetworkNeighborhood, Origin, Outcome,
    RuleDirection,
};

use self::rule::Rules;

/// What counts as seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Also what commands did that entered from outside (`kubectl exec`). Off: such traffic is named in the notes.
    pub entered: bool,
}

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
    let mut notes = Notes::default();
    let mut rules = Rules::new(&namespace);
    for container in spec.init_containers.iter().chain(&spec.containers) {
        add(&mut rules, &mut notes, container, options);
    }
    for container in &spec.ephemeral_containers {
        let count = container.ingress.len() + container.egress.len();
        if count > 0 {
            notes.add(format!("{count} peers of the ephemeral container {} are left out", container.name));
        }
    }

    let (ingress, egress, evidence) = rules.finish();
    let policy_types = types(ingress.len(), egress.len(), &mut notes);
    let (pod_selector, dropped) = selector::stable(&spec.pod_selector);
    for label in dropped {
        notes.add(format!("the label {label} is left out of the pod selector: it changes with every rollout"));
    }
    if selector::is_empty(&pod_selector) {
        notes.add("the workload has no selector of its own: the policy applies to every pod of the namespace".to_owned());
    }
    let policy = NetworkPolicy {
        metadata: ObjectMeta {
            name: Some(name(neighborhood.metadata.name.as_deref().unwrap_or("workload"))),
            namespace: Some(namespace),
            labels: Some(BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "runtimemap".to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pod_selector),
            policy_types: Some(policy_types),
            ingress: some(
                ingress.into_iter().map(|(peers, ports)| NetworkPolicyIngressRule { from: Some(peers), ports: Some(ports) }).collect(),
            ),
            egress: some(
                egress.into_iter().map(|(peers, ports)| NetworkPolicyEgressRule { to: Some(peers), ports: Some(ports) }).collect(),
            ),
        }),
    };
    Generated { policy, status: GeneratedNetworkPolicyStatus { rules: evidence, notes: notes.0 } }
}

/// Makes the object that holds the policy, named like the neighborhood.
pub fn object(neighborhood: &NetworkNeighborhood, options: &Options) -> GeneratedNetworkPolicy {
    let Generated { policy, status } = generate(neighborhood, options);
    let mut object = GeneratedNetworkPolicy::new(neighborhood.metadata.name.as_deref().unwrap_or_default(), policy);
    object.metadata.namespace.clone_from(&neighborhood.metadata.namespace);
    object.status = Some(status);
    object
}

fn add(rules: &mut Rules, notes: &mut Notes, container: &ContainerNeighborhood, options: &Options) {
    let both = [(RuleDirection::Ingress, &container.ingress), (RuleDirection::Egress, &container.egress)];
    for (direction, neighbors) in both {
        for neighbor in neighbors {
            match left_out(neighbor, options) {
                Some(why) => notes.add(format!("{}: {why}", peer::described(direction, neighbor))),
                None => {
                    if let Err(why) = rules.add(direction, neighbor, &container.name) {
                        notes.add(format!("{}: {why}", peer::described(direction, neighbor)));
                    }
                }
            }
            if peer::rots(neighbor) && neighbor.outcome == Outcome::Established {
                notes.add(format!(
                    "{}: addresses outside the cluster change; a prefix may be what you want",
                    peer::described(direction, neighbor)
                ));
            }
        }
    }
}

fn left_out(neighbor: &Neighbor, options: &Options) -> Option<&'static str> {
    if neighbor.outcome == Outcome::Attempted {
        return Some("left out, since no connection came about");
    }
    (neighbor.origin == Origin::Exec && !options.entered).then_some("left out, since a command from outside the workload did it")
}

/// Only directions in which something was seen: a type without rules cuts everything.
fn types(ingress: usize, egress: usize, notes: &mut Notes) -> Vec<String> {
    let words = |both: &[&str]| both.iter().map(|word| (*word).to_owned()).collect();
    match (ingress, egress) {
        (0, 0) => {
            notes.add("no traffic was seen: this policy cuts all of it, in both directions".to_owned());
            words(&["Ingress", "Egress"])
        }
        (_, 0) => {
            notes.add("no egress was seen, and none is restricted: add Egress to policyTypes to cut it".to_owned());
            words(&["Ingress"])
        }
        (0, _) => {
            notes.add("no ingress was seen, and none is restricted: add Ingress to policyTypes to cut it".to_owned());
            words(&["Egress"])
        }
        _ => words(&["Ingress", "Egress"]),
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Notes without repetition, in the order in which they were made.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn add(&mut self, note: String) {
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

/// Longest name of an object.
const LONGEST: usize = 253;

/// The policy's own name: never that of a policy somebody wrote by hand.
fn name(workload: &str) -> String {
    let mut name = format!("runtimemap-{workload}");
    if name.len() > LONGEST {
        let hash = rule::stable_hash(&name);
        name.truncate(LONGEST - 17);
        name = format!("{}-{hash}", name.trim_end_matches(['-', '.']));
    }
    name
}
