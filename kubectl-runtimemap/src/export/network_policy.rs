//! Network policies as YAML, each under what a reviewer should know.

use anyhow::bail;
use runtimemap_crds::{GeneratedNetworkPolicy, PeerClass, RuleEvidence, Verdict, yaml};
use runtimemap_policy::network::{Dialect, cilium};

use super::{
    destination::{self, Destination, Document},
    lacks,
};
use crate::{
    cli::{PolicyFormat, Report},
    cluster::Kinds,
    escape, in_force,
    input::{Input, Learned},
    map::Map,
    rules,
    show::{count, warnings},
};

/// What to export, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PolicyExport {
    pub(crate) input: Input,
    pub(crate) format: PolicyFormat,
    pub(crate) destination: Destination,
}

/// Carries the plan out.
pub(crate) fn policies(plan: &PolicyExport) -> anyhow::Result<Report> {
    let PolicyExport { input, format, destination } = plan;
    let Learned { maps, mut remarks, .. } = input.read(Kinds::NETWORK)?;
    let mut documents = Vec::new();
    for map in &maps {
        let Some(policy) = in_force::of_map(map) else { continue };
        documents.push(document(map, &policy, *format)?);
        remarks.extend(lacks(map));
    }
    if documents.is_empty() {
        bail!(
            "there is no GeneratedNetworkPolicy and no NetworkNeighborhood to make one from; give the file that `runtimemap-recorder record` wrote"
        );
    }
    let text = match destination {
        Destination::Stdout => documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>().join("---\n"),
        Destination::Directory(directory) => destination::write(directory, &documents)?,
    };
    Ok(Report { text, remarks, found: false })
}

fn document(map: &Map, policy: &GeneratedNetworkPolicy, format: PolicyFormat) -> anyhow::Result<Document> {
    let metadata = &policy.spec.metadata;
    let namespace = metadata.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or("default");
    let name = metadata.name.as_deref().unwrap_or_default();
    let mut text = comment(&format!("What {} was seen to need, and nothing else. Review it before you apply it.", map.title()));
    for warning in warnings(map) {
        text.push_str(&comment(&format!("Warning: {warning}")));
    }
    for note in policy.status.iter().flat_map(|status| &status.notes) {
        text.push_str(&comment(&format!("Note: {note}")));
    }
    let rules = rules::of_generated(policy);
    let decided = rules.iter().filter_map(|rule| rules::decision(policy.review.as_ref(), rule));
    let rejected = decided.filter(|decision| decision.decision == Verdict::Rejected).count();
    if rejected > 0 {
        text.push_str(&comment(&format!("Note: {} left out, as the review rejected them", count(rejected, "rule is", "rules are"))));
    }
    let reviewed = rules::reviewed(policy);
    let written = match format {
        PolicyFormat::Kubernetes => yaml::to_string(&reviewed)?,
        PolicyFormat::Cilium => {
            let Dialect { policy, notes } = cilium(&reviewed, &evidence(policy));
            for note in notes {
                text.push_str(&comment(&format!("Note: {note}")));
            }
            yaml::to_string(&policy)?
        }
    };
    text.push_str(&escape::yaml(&written));
    // No namespace has a dot in its name, so no two policies share a file.
    Ok(Document { path: vec![format!("{namespace}.{name}.yaml")], text })
}

/// The evidence of each rule that the review left. Of one that a reviewer changed nothing is said but what it is now: the addresses that
/// somebody chose stand for no name.
fn evidence(policy: &GeneratedNetworkPolicy) -> Vec<RuleEvidence> {
    let generated = rules::of_generated(policy);
    let is_changed = |rule: &rules::Rule| !generated.iter().any(|known| known.id == rule.id && known.content == rule.content);
    let of = |rule: rules::Rule| match rule.evidence.clone() {
        Some(evidence) if is_changed(&rule) => Some(RuleEvidence { class: PeerClass::World, dns_names: Vec::new(), ..evidence }),
        evidence => evidence,
    };
    rules::left(policy).into_iter().filter_map(of).collect()
}

/// A comment of one line, whatever is in the text.
fn comment(text: &str) -> String {
    format!("# {}\n", escape::line(text))
}

#[cfg(test)]
mod tests {
    use runtimemap_crds::{Decision, Neighbor, NetworkNeighborhood, NetworkNeighborhoodSpec, Review};
    use runtimemap_policy::network;

    use super::*;

    /// With one peer outside, which has a name.
    fn policy() -> GeneratedNetworkPolicy {
        let neighbor = serde_json::json!({
            "identifier": "a", "type": "external", "peer": {"class": "World"}, "ipAddresses": ["203.0.113.7"],
            "dnsNames": ["api.example.com"], "ports": [{"name": "TCP-443", "protocol": "TCP", "port": 443}],
        });
        let neighbor: Neighbor = serde_json::from_value(neighbor).unwrap();
        let container = runtimemap_crds::ContainerNeighborhood { name: "a".into(), egress: vec![neighbor], ..Default::default() };
        let spec = NetworkNeighborhoodSpec { containers: vec![container], ..NetworkNeighborhoodSpec::default() };
        network::object(&NetworkNeighborhood::new("deployment-a", spec), &network::Options::default())
    }

    #[test]
    fn addresses_that_a_reviewer_chose_do_not_become_names() {
        let mut policy = policy();
        let said = |policy: &GeneratedNetworkPolicy| document(&Map::default(), policy, PolicyFormat::Cilium).unwrap().text;
        assert!(said(&policy).contains("matchName: api.example.com"), "{}", said(&policy));
        let rule = rules::of_generated(&policy).remove(0);
        let wider = serde_json::json!([{"peers": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}]);
        let decision = Decision { rule: rule.id.clone(), hash: rule.hash(), replacement: Some(wider), ..Decision::default() };
        policy.review = Some(Review { decisions: vec![decision] });
        assert!(said(&policy).contains("cidr: 203.0.113.0/24") && !said(&policy).contains("matchName"), "{}", said(&policy));
    }
}
