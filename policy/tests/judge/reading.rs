//! What the judge reads in another way than the API server, by name. Read its way, every verdict has to be its own.

use k8s_openapi::{
    api::networking::v1::{NetworkPolicyPeer, NetworkPolicySpec},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement},
};

use crate::case::Case;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reading {
    /// It takes blocks for addresses outside the cluster. The API does not say so, and most network plugins look at a pod's address.
    BlocksHoldNoPods,
    /// It takes `egress: []` without policyTypes for a section that restricts egress. The API server's defaults ask whether there are rules.
    EmptyEgressRestricts,
    /// It looks for pods with or without a label (Exists, DoesNotExist) in the policy's own namespace, also where a namespaceSelector
    /// stands beside. The API means the namespaces that are selected.
    ExistenceIsOfOwnNamespace,
}

impl Reading {
    pub(crate) const ALL: [Self; 3] = [Self::BlocksHoldNoPods, Self::EmptyEgressRestricts, Self::ExistenceIsOfOwnNamespace];
}

/// The case, written so that the API server would read it as the judge does.
pub(crate) fn read(case: &Case, readings: &[Reading]) -> Case {
    let mut case = case.clone();
    for reading in readings {
        match reading {
            Reading::BlocksHoldNoPods => case.cluster.pods.iter_mut().for_each(|pod| pod.addresses.clear()),
            Reading::EmptyEgressRestricts => case.policies.iter_mut().filter_map(|policy| policy.spec.as_mut()).for_each(with_types),
            Reading::ExistenceIsOfOwnNamespace => {
                for policy in &mut case.policies {
                    let namespace = policy.metadata.namespace.clone().unwrap();
                    let spec = policy.spec.as_mut().unwrap();
                    let from = spec.ingress.iter_mut().flatten().flat_map(|rule| rule.from.iter_mut().flatten());
                    let to = spec.egress.iter_mut().flatten().flat_map(|rule| rule.to.iter_mut().flatten());
                    from.chain(to).for_each(|peer| in_own_namespace(peer, &namespace));
                }
            }
        }
    }
    case
}

fn with_types(spec: &mut NetworkPolicySpec) {
    if spec.policy_types.is_none() && spec.egress.is_some() {
        spec.policy_types = Some(vec!["Ingress".to_owned(), "Egress".to_owned()]);
    }
}

fn in_own_namespace(peer: &mut NetworkPolicyPeer, namespace: &str) {
    let asks = |selector: &LabelSelector| {
        selector.match_expressions.iter().flatten().any(|one| one.operator.ends_with("Exist") || one.operator == "Exists")
    };
    if let (Some(pods), Some(namespaces)) = (&peer.pod_selector, &mut peer.namespace_selector)
        && asks(pods)
    {
        namespaces.match_expressions.get_or_insert_default().push(LabelSelectorRequirement {
            key: "kubernetes.io/metadata.name".to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![namespace.to_owned()]),
        });
    }
}
