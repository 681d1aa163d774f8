//! A verdict in words.

use runtimemap_crds::RuleDirection;

use super::{
    compiled::Evaluator,
    verdict::{End, Flow, RulePlace, Ruling, Verdict},
};
use crate::notes::listed;

impl Evaluator<'_> {
    /// Why a flow passes or not: of its two ends the one that decided, and by which rule.
    pub fn reason(&self, flow: &Flow, verdict: &Verdict) -> String {
        let Verdict { egress, ingress } = verdict;
        let (from, to) = (self.end(flow.from), self.end(flow.to));
        let denied = |end: End, name: &str, direction| {
            let policies: Vec<String> = match end {
                End::Pod(pod) => self.restricting(pod, direction).iter().filter_map(|place| self.policy(*place)).collect(),
                End::Address(_) => Vec::new(),
            };
            let (word, other) = if direction == RuleDirection::Ingress { ("ingress from", &from) } else { ("egress to", &to) };
            let by = listed(&policies);
            format!("{name} is restricted by {by}, and no rule allows {word} {other} on {:?} {}", flow.protocol, flow.port)
        };
        match (egress, ingress) {
            (Ruling::Denied, Ruling::Denied) => {
                let both = [denied(flow.from, &from, RuleDirection::Egress), denied(flow.to, &to, RuleDirection::Ingress)];
                both.join("; and ")
            }
            (Ruling::Denied, _) => denied(flow.from, &from, RuleDirection::Egress),
            (_, Ruling::Denied) => denied(flow.to, &to, RuleDirection::Ingress),
            (Ruling::SamePod, _) => format!("{from} talks to itself, to which no policy applies"),
            (egress, ingress) => {
                let sides = [(egress, "egress", &from), (ingress, "ingress", &to)];
                let words: Vec<String> = sides.into_iter().filter_map(|(ruling, word, name)| self.allowed(*ruling, word, name)).collect();
                if words.is_empty() { "no policy applies to either end".to_owned() } else { words.join("; ") }
            }
        }
    }

    /// An end as a person names it: `NAMESPACE/POD`, or the address.
    pub fn end(&self, end: End) -> String {
        match end {
            End::Address(address) => address.to_string(),
            End::Pod(pod) => match self.cluster.pods.get(pod.0) {
                Some(pod) => format!("{}/{}", pod.namespace, pod.name),
                None => "a pod that is not there".to_owned(),
            },
        }
    }

    /// A policy as a person names it: `networkpolicy NAMESPACE/NAME`.
    pub fn policy(&self, place: usize) -> Option<String> {
        self.names.get(place).map(|name| format!("networkpolicy {name}"))
    }

    fn allowed(&self, ruling: Ruling, word: &str, name: &str) -> Option<String> {
        match ruling {
            Ruling::Outside | Ruling::Denied | Ruling::SamePod => None,
            Ruling::Open => Some(format!("no policy restricts {word} of {name}")),
            Ruling::OwnNode => Some(format!("{name} and its own node always reach each other")),
            Ruling::Allowed(RulePlace { policy, rule }) => {
                Some(format!("{} allows it by spec.{word}[{rule}]", self.policy(policy).unwrap_or_default()))
            }
        }
    }
}
