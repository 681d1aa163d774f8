//! What an apply would cut, of everything that was recorded.

use k8s_openapi::api::networking::v1::NetworkPolicy;
use runtimemap_crds::{NetworkNeighborhood, RuleDirection};
use runtimemap_policy::{
    evaluator::{self, End, Evaluator},
    recorded as flows,
};

use super::review::Subject;
use crate::{
    cluster::{Cluster, NEIGHBORHOODS, Query},
    in_force,
    input::Input,
    map::Map,
    recorded,
    show::{self, count},
};

/// Lines of what would be cut that are shown before the rest is only counted.
const SHOWN: usize = 20;

/// What is in force, and all that was recorded.
pub(super) struct World {
    pub(super) in_force: Vec<NetworkPolicy>,
    neighborhoods: Vec<NetworkNeighborhood>,
    live: evaluator::Cluster,
}

impl World {
    pub(super) fn of(_: &Input, maps: &[Map], cluster: Option<&Cluster>) -> anyhow::Result<Self> {
        let mut neighborhoods = recorded::neighborhoods(maps);
        let (mut in_force, mut live) = Default::default();
        if let Some(cluster) = cluster {
            in_force = in_force::of_cluster(cluster)?;
            live = recorded::live(cluster)?;
            // Others' flows may be cut as well; of those that may not be read nothing can be said.
            match cluster.list::<NetworkNeighborhood>(&NEIGHBORHOODS, Query::default()) {
                Ok(all) => {
                    let key = |one: &NetworkNeighborhood| (one.metadata.namespace.clone(), one.metadata.name.clone());
                    let known: Vec<_> = neighborhoods.iter().map(key).collect();
                    neighborhoods.extend(all.into_iter().filter(|one| !known.contains(&key(one))));
                }
                Err(failure) if failure.is_forbidden() || failure.is_not_found() => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(Self { in_force, neighborhoods, live })
    }

    /// The flows that pass now and would not pass with these policies, each in words. What is cut already is nobody's news.
    pub(super) fn cut(&self, newer: Vec<NetworkPolicy>) -> anyhow::Result<Vec<String>> {
        let recorded = flows::flows(&self.neighborhoods, self.live.clone());
        let before = recorded.judge(&self.in_force)?;
        let after = recorded.judge(&in_force::replaced(self.in_force.clone(), newer))?;
        let mut cut = Vec::new();
        for (flow, (before, after)) in recorded.flows.iter().zip(before.iter().zip(&after)) {
            if before.verdict.is_allowed() && !after.verdict.is_allowed() && recorded::aside(&flow.seen).is_none() {
                let way = if flow.seen.direction == RuleDirection::Ingress { "from" } else { "to" };
                let (whose, peer) = (recorded::whose(flow.seen.neighborhood), show::peer(flow.seen.neighbor));
                cut.push(format!("{whose} {way} {peer} on {:?} {}: {}", flow.port.protocol, flow.port.port, after.reason));
            }
        }
        cut.sort();
        cut.dedup();
        Ok(cut)
    }

    /// Whether no policy in force restricts the subject's pods in a direction.
    pub(super) fn is_free(&self, subject: &Subject<'_>, direction: RuleDirection) -> bool {
        let Some(neighborhood) = subject.map.neighborhood.as_deref() else { return false };
        let own = std::slice::from_ref(neighborhood);
        let recorded = flows::flows(own, self.live.clone());
        let Some(flow) = recorded.flows.first() else { return true };
        let end = if flow.seen.direction == RuleDirection::Ingress { flow.flow.to } else { flow.flow.from };
        match (Evaluator::new(&self.in_force, &recorded.cluster), end) {
            (Ok(evaluator), End::Pod(pod)) => evaluator.restricting(pod, direction).is_empty(),
            _ => false,
        }
    }
}

/// What was decided, and what it would cut.
pub(super) fn summary(subjects: &[Subject<'_>], cut: &[String]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for subject in subjects {
        let [approved, rejected, undecided] = subject.counts();
        let undecided = if undecided == 0 { String::new() } else { format!(", {undecided} undecided and left out") };
        lines.push(format!("{}: {} allowed, {rejected} rejected{undecided}", subject.title(), count(approved, "rule", "rules")));
    }
    if cut.is_empty() {
        lines.push("Of what was recorded nothing would be cut.".to_owned());
    } else {
        lines.push(format!("Warning: {} would be cut:", count(cut.len(), "recorded flow", "recorded flows")));
        lines.extend(cut.iter().take(SHOWN).map(|line| format!("  {line}")));
        if cut.len() > SHOWN {
            lines.push(format!("  … and {} more: kubectl runtimemap policy simulate", cut.len() - SHOWN));
        }
    }
    lines
}
