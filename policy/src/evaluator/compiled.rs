//! Policies, compiled for the pods of one cluster.

use std::collections::HashMap;

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec};
use runtimemap_crds::RuleDirection;

use super::{
    Invalid,
    block::Address,
    cluster::{Cluster, Pod, PodId},
    peers::{Classes, Peers},
    port::Port,
    selector::Selector,
    side::{Other, Side},
    verdict::{End, Flow, RulePlace, Ruling, Verdict},
};

/// Policies in force in a cluster, ready to judge flows.
pub struct Evaluator<'a> {
    pub(super) cluster: &'a Cluster,
    /// `NAMESPACE/NAME` of each policy.
    pub(super) names: Vec<String>,
    classes: Classes,
    addresses: Vec<Vec<Address>>,
    own_nodes: Vec<Vec<Address>>,
    ingress: Sides,
    egress: Sides,
}

/// One direction: which policies select which pods, and what these allow.
#[derive(Default)]
struct Sides {
    /// By class: what holds for it. None: nothing selects it.
    of_class: Vec<Option<usize>>,
    /// Policies that select the same pods, by place, with their rules.
    all: Vec<(Vec<usize>, Side)>,
}

struct Policy {
    selected: Vec<u32>,
    ingress: Option<Vec<Rule>>,
    egress: Option<Vec<Rule>>,
}

type Rule = (Peers, Vec<Port>);

impl<'a> Evaluator<'a> {
    /// Compiles policies.
    ///
    /// # Errors
    /// If a policy is one that the API server would refuse.
    pub fn new(policies: &[NetworkPolicy], cluster: &'a Cluster) -> Result<Self, Invalid> {
        let classes = Classes::of(cluster);
        let names: Vec<String> = policies.iter().map(name).collect();
        let mut read = Vec::new();
        for (policy, name) in policies.iter().zip(&names) {
            let invalid = |(field, why)| Invalid { policy: name.clone(), field: format!("spec.{field}"), why };
            read.push(Policy::read(policy, &classes).map_err(invalid)?);
        }
        let nodes: HashMap<&str, Vec<Address>> =
            cluster.nodes.iter().map(|node| (node.name.as_str(), node.addresses.iter().copied().map(Address::from).collect())).collect();
        let own_node = |pod: &Pod| nodes.get(pod.node.as_str()).cloned().unwrap_or_default();
        Ok(Self {
            cluster,
            names,
            ingress: Sides::compile(&read, |policy| policy.ingress.as_deref(), classes.count),
            egress: Sides::compile(&read, |policy| policy.egress.as_deref(), classes.count),
            addresses: cluster.pods.iter().map(|pod| pod.addresses.iter().copied().map(Address::from).collect()).collect(),
            own_nodes: cluster.pods.iter().map(own_node).collect(),
            classes,
        })
    }

    /// What becomes of a flow. A pod that the cluster does not have is no pod: no policy selects it, and none allows it.
    pub fn judge(&self, flow: &Flow) -> Verdict {
        let Flow { from, to, .. } = *flow;
        if let (End::Pod(one), End::Pod(other)) = (from, to)
            && one == other
        {
            return Verdict { egress: Ruling::SamePod, ingress: Ruling::SamePod };
        }
        Verdict { egress: self.ruling(&self.egress, from, to, flow), ingress: self.ruling(&self.ingress, to, from, flow) }
    }

    /// Policies that restrict a pod in a direction, by their place. Empty: it is open.
    pub fn restricting(&self, pod: PodId, direction: RuleDirection) -> &[usize] {
        let sides = if direction == RuleDirection::Ingress { &self.ingress } else { &self.egress };
        self.classes.of_pod.get(pod.0).copied().flatten().and_then(|class| sides.of(class)).map_or(&[], |(policies, _)| policies)
    }

    fn ruling(&self, sides: &Sides, own: End, other: End, flow: &Flow) -> Ruling {
        let End::Pod(PodId(own)) = own else { return Ruling::Outside };
        let Some(class) = self.classes.of_pod.get(own).copied().flatten() else { return Ruling::Outside };
        let Some((_, side)) = sides.of(class) else { return Ruling::Open };
        let single;
        let other = match other {
            End::Pod(PodId(other)) => Other {
                class: self.classes.of_pod.get(other).copied().flatten(),
                addresses: self.addresses.get(other).map_or(&[], Vec::as_slice),
            },
            End::Address(address) => {
                single = [Address::from(address)];
                Other { class: None, addresses: &single }
            }
        };
        // Also of a pod in the node's network, which has the node's addresses.
        if other.class.is_none() && self.own_nodes.get(own).is_some_and(|node| other.addresses.iter().any(|address| node.contains(address)))
        {
            return Ruling::OwnNode;
        }
        let destination = match flow.to {
            End::Pod(PodId(to)) => self.cluster.pods.get(to),
            End::Address(_) => None,
        };
        side.allows(&other, flow.protocol, flow.port, destination).map_or(Ruling::Denied, Ruling::Allowed)
    }
}

impl Sides {
    fn compile(policies: &[Policy], rules: impl Fn(&Policy) -> Option<&[Rule]>, classes: usize) -> Self {
        let mut selecting = vec![Vec::new(); classes];
        for (place, policy) in policies.iter().enumerate().filter(|(_, policy)| rules(policy).is_some()) {
            for class in &policy.selected {
                if let Some(selecting) = usize::try_from(*class).ok().and_then(|class| selecting.get_mut(class)) {
                    selecting.push(place);
                }
            }
        }
        let mut known = HashMap::<Vec<usize>, usize>::new();
        let mut sides = Self::default();
        for places in selecting {
            if places.is_empty() {
                sides.of_class.push(None);
                continue;
            }
            let id = *known.entry(places).or_insert_with_key(|places| {
                sides.all.push((places.clone(), side(policies, &rules, places)));
                sides.all.len() - 1
            });
            sides.of_class.push(Some(id));
        }
        sides
    }

    fn of(&self, class: u32) -> Option<&(Vec<usize>, Side)> {
        let id = usize::try_from(class).ok().and_then(|class| self.of_class.get(class).copied().flatten())?;
        self.all.get(id)
    }
}

fn side<'p>(policies: &'p [Policy], rules: impl Fn(&'p Policy) -> Option<&'p [Rule]>, places: &[usize]) -> Side {
    let mut side = Side::default();
    for &policy in places {
        let found = policies.get(policy).and_then(&rules).unwrap_or_default();
        for (rule, (peers, ports)) in found.iter().enumerate() {
            side.add(RulePlace { policy, rule }, peers, ports);
        }
    }
    side
}

impl Policy {
    fn read(policy: &NetworkPolicy, classes: &Classes) -> Result<Self, (String, String)> {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or("default");
        let NetworkPolicySpec { pod_selector, policy_types, ingress, egress } = policy.spec.clone().unwrap_or_default();
        // Absent is as good as empty: every pod of the namespace.
        let selector = Selector::parse(&pod_selector.unwrap_or_default()).map_err(|(field, why)| (format!("podSelector.{field}"), why))?;
        let (ingress, egress) = (ingress.unwrap_or_default(), egress.unwrap_or_default());
        let types = policy_types.unwrap_or_default();
        if let Some(other) = types.iter().find(|type_| !matches!(type_.as_str(), "Ingress" | "Egress")) {
            return Err(("policyTypes".to_owned(), format!("{other:?} is none of Ingress and Egress")));
        }
        // Nothing said: ingress in any case, and egress where there are rules for it.
        let restricts_ingress = types.is_empty() || types.iter().any(|type_| type_ == "Ingress");
        let restricts_egress = if types.is_empty() { !egress.is_empty() } else { types.iter().any(|type_| type_ == "Egress") };
        let ingress = ingress.into_iter().map(|rule| (rule.from, rule.ports));
        let ingress = rules(namespace, ("ingress", "from"), ingress, classes)?;
        let egress = rules(namespace, ("egress", "to"), egress.into_iter().map(|rule| (rule.to, rule.ports)), classes)?;
        Ok(Self {
            selected: classes.selected(namespace, &selector),
            ingress: restricts_ingress.then_some(ingress),
            egress: restricts_egress.then_some(egress),
        })
    }
}

fn rules(
    namespace: &str,
    (list, under): (&str, &str),
    rules: impl Iterator<Item = (Option<Vec<NetworkPolicyPeer>>, Option<Vec<NetworkPolicyPort>>)>,
    classes: &Classes,
) -> Result<Vec<Rule>, (String, String)> {
    let mut read = Vec::new();
    for (place, (peers, ports)) in rules.enumerate() {
        let peers = classes.peers(namespace, peers.as_ref()).map_err(|(field, why)| (format!("{list}[{place}].{under}{field}"), why))?;
        let mut open = Vec::new();
        for (at, port) in ports.iter().flatten().enumerate() {
            open.push(Port::parse(port).map_err(|(field, why)| (format!("{list}[{place}].ports[{at}].{field}"), why))?);
        }
        read.push((peers, open));
    }
    Ok(read)
}

fn name(policy: &NetworkPolicy) -> String {
    let namespace = policy.metadata.namespace.as_deref().unwrap_or("default");
    format!("{namespace}/{}", policy.metadata.name.as_deref().unwrap_or_default())
}
