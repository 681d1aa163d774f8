//! The rules of a generated policy, each with its evidence and what was decided about it.

mod words;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use runtimemap_crds::{Decision, GeneratedNetworkPolicy, Review, RuleDirection, RuleEvidence, Verdict, review::hash};
use serde::{Deserialize, Serialize};

pub(crate) use words::words;

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// That of its evidence; of its content where there is none.
    pub(crate) id: String,
    pub(crate) direction: RuleDirection,
    pub(crate) content: Content,
    pub(crate) evidence: Option<RuleEvidence>,
}

/// Peers and ports, whatever the direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    /// None of them means anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peers: Vec<NetworkPolicyPeer>,
    /// None of them means any port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ports: Vec<NetworkPolicyPort>,
}

impl Rule {
    /// Changes when the rule does, and only then.
    pub(crate) fn hash(&self) -> String {
        hash(&(self.direction, &self.content))
    }
}

/// The rules of a policy, ingress first, as generators and evidence have them.
pub(crate) fn of(policy: &NetworkPolicy, evidence: &[RuleEvidence]) -> Vec<Rule> {
    let spec = policy.spec.clone().unwrap_or_default();
    let ingress = spec.ingress.into_iter().flatten().map(|NetworkPolicyIngressRule { from, ports }| (RuleDirection::Ingress, from, ports));
    let egress = spec.egress.into_iter().flatten().map(|NetworkPolicyEgressRule { to, ports }| (RuleDirection::Egress, to, ports));
    let mut evidence = evidence.iter();
    let rules = ingress.chain(egress).map(|(direction, peers, ports)| {
        let content = Content { peers: peers.unwrap_or_default(), ports: ports.unwrap_or_default() };
        // One for each rule, in order, as long as there is any.
        let evidence = evidence.next().filter(|evidence| evidence.direction == direction).cloned();
        let mut rule = Rule { id: String::new(), direction, content, evidence };
        rule.id = rule.evidence.as_ref().map_or_else(|| rule.hash(), |evidence| evidence.id.clone());
        rule
    });
    rules.collect()
}

/// The rules of a generated policy.
pub(crate) fn of_generated(policy: &GeneratedNetworkPolicy) -> Vec<Rule> {
    of(&policy.spec, policy.status.as_ref().map_or(&[], |status| &status.rules))
}

/// The same policy with these rules.
pub(crate) fn with(policy: &NetworkPolicy, rules: &[Rule]) -> NetworkPolicy {
    let mut policy = policy.clone();
    let spec = policy.spec.get_or_insert_default();
    let of = |direction| rules.iter().filter(move |rule| rule.direction == direction).map(|rule| rule.content.clone());
    let some = |list: Vec<NetworkPolicyPeer>| (!list.is_empty()).then_some(list);
    let ports = |list: Vec<NetworkPolicyPort>| (!list.is_empty()).then_some(list);
    let ingress: Vec<_> = of(RuleDirection::Ingress)
        .map(|content| NetworkPolicyIngressRule { from: some(content.peers), ports: ports(content.ports) })
        .collect();
    let egress: Vec<_> =
        of(RuleDirection::Egress).map(|content| NetworkPolicyEgressRule { to: some(content.peers), ports: ports(content.ports) }).collect();
    spec.ingress = (!ingress.is_empty()).then_some(ingress);
    spec.egress = (!egress.is_empty()).then_some(egress);
    policy
}

/// What was decided about a rule, if it still is the rule that was decided about.
pub(crate) fn decision<'a>(review: Option<&'a Review>, rule: &Rule) -> Option<&'a Decision> {
    review?.decisions.iter().find(|decision| decision.rule == rule.id && decision.hash == rule.hash())
}

/// What is left of a rule after its decision: several where it was split, none where it was rejected.
pub(crate) fn after(decision: &Decision, rule: &Rule) -> Vec<Rule> {
    match (decision.decision, &decision.replacement) {
        (Verdict::Rejected, _) => Vec::new(),
        (Verdict::Approved, None) => vec![rule.clone()],
        (Verdict::Approved, Some(replacement)) => match serde_json::from_value::<Vec<Content>>(replacement.clone()) {
            Ok(contents) => contents.into_iter().map(|content| Rule { content, ..rule.clone() }).collect(),
            // Written by something else than this plugin: the rule as it was generated was what was approved.
            Err(_) => vec![rule.clone()],
        },
    }
}

/// The rules as they were reviewed: without what was rejected, with what was changed. Rules without a decision are among them.
pub(crate) fn left(policy: &GeneratedNetworkPolicy) -> Vec<Rule> {
    let rules = of_generated(policy).into_iter();
    rules
        .flat_map(|rule| match decision(policy.review.as_ref(), &rule) {
            Some(decision) => after(decision, &rule),
            None => vec![rule],
        })
        .collect()
}

/// The policy as it was reviewed.
pub(crate) fn reviewed(policy: &GeneratedNetworkPolicy) -> NetworkPolicy {
    if policy.review.as_ref().is_none_or(|review| review.decisions.is_empty()) {
        return policy.spec.clone();
    }
    with(&policy.spec, &left(policy))
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Object, yaml};

    use super::*;

    fn policy() -> GeneratedNetworkPolicy {
        let objects = yaml::from_stream(include_str!("../tests/fixtures/nginx.yaml")).unwrap();
        let policy = objects.into_iter().find_map(|object| match object {
            Object::GeneratedNetworkPolicy(policy) => Some(*policy),
            _ => None,
        });
        policy.unwrap()
    }

    fn decided(rule: &Rule, verdict: Verdict, replacement: Option<serde_json::Value>) -> Decision {
        Decision { rule: rule.id.clone(), hash: rule.hash(), decision: verdict, replacement, ..Decision::default() }
    }

    #[test]
    fn a_policy_put_together_from_its_rules_is_the_same() {
        let policy = policy();
        let rules = of_generated(&policy);
        assert!(rules.len() > 1);
        assert_eq!(with(&policy.spec, &rules), policy.spec);
    }

    #[test]
    fn rejected_rules_are_left_out_and_changed_ones_changed() {
        let mut policy = policy();
        let rules = of_generated(&policy);
        let wider = serde_json::json!([{"peers": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"port": 443, "protocol": "TCP"}]}]);
        policy.review = Some(Review {
            decisions: vec![decided(&rules[0], Verdict::Rejected, None), decided(&rules[1], Verdict::Approved, Some(wider))],
        });
        let left = of(&reviewed(&policy), &[]);
        assert_eq!(left.len(), rules.len() - 1);
        assert_eq!(left[0].content.peers[0].ip_block.as_ref().unwrap().cidr, "192.0.2.0/24");
    }

    #[test]
    fn a_decision_about_a_rule_that_changed_since_is_none() {
        let policy = policy();
        let mut rule = of_generated(&policy).remove(0);
        let review = Review { decisions: vec![decided(&rule, Verdict::Rejected, None)] };
        assert!(decision(Some(&review), &rule).is_some());
        rule.content.ports.clear();
        assert!(decision(Some(&review), &rule).is_none());
    }
}
