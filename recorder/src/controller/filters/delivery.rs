//! On how many nodes filters are, and why they are not on others.

use std::collections::{BTreeMap, BTreeSet};

use runtimemap_crds::Delivery;

use super::{Filters, Report, Seen};
use crate::controller::{index::Index, workloads::Key};

/// Most characters of a message.
const MESSAGE: usize = 1000;

impl Filters {
    /// What the status of each SeccompProfile has to say and does not, with the version that was read. `on` is whether filters are
    /// carried to nodes at all.
    pub(in crate::controller) fn deliveries(&mut self, index: &Index, on: bool) -> Vec<(Key, Option<String>, Option<Delivery>)> {
        self.block();
        let mut nodes = BTreeMap::<Key, BTreeSet<&str>>::new();
        if on {
            for placed in index.bound() {
                nodes.entry(placed.workload.key()).or_default().insert(&placed.pod.node);
            }
        }
        let say = |(key, seen): (&Key, &Seen)| {
            let delivery = seen.hash.as_ref().filter(|_| on).map(|hash| self.delivery(key, seen, hash, nodes.get(key)));
            (delivery != seen.delivery).then(|| (key.clone(), seen.version.clone(), delivery))
        };
        self.seen.iter().filter_map(say).collect()
    }

    fn delivery(&self, key: &Key, seen: &Seen, hash: &str, nodes: Option<&BTreeSet<&str>>) -> Delivery {
        let nodes = nodes.into_iter().flatten();
        let report = |node: &str| self.reports.get(node).and_then(Option::as_ref);
        let has_all = |report: &Report| seen.files.keys().all(|id| report.there.contains(id));
        let is_ready = |node: &str| !seen.files.is_empty() && report(node).is_some_and(has_all);
        let (ready, lacking): (Vec<&str>, Vec<&str>) = nodes.copied().partition(|node| is_ready(node));
        let count = |list: &[&str]| u32::try_from(list.len()).unwrap_or(u32::MAX);
        let mut message = if seen.files.is_empty() {
            "the filters are others than those that were approved: see and approve them anew; nodes keep those that pods or templates name"
                .to_owned()
        } else if let Some(why) = self.why_blocked(key) {
            why.to_owned()
        } else {
            let why = |node: &&str| match (self.told.get(*node), self.reports.get(*node)) {
                (Some(told), _) if told.left_out.contains(key) => Some(format!("{node}: more filters are approved than fit for one node")),
                (_, Some(Some(report))) if !report.trouble.is_empty() => Some(format!("{node}: {}", report.trouble)),
                (_, Some(None)) => Some(format!("{node}: its agent has no folder for filters; set nodeAgent.deliverSeccomp in the chart")),
                _ => None,
            };
            lacking.iter().filter_map(why).take(3).collect::<Vec<_>>().join("; ")
        };
        if let Some((place, _)) = message.char_indices().nth(MESSAGE) {
            message.truncate(place);
        }
        Delivery { hash: hash.to_owned(), nodes_wanted: count(&ready) + count(&lacking), nodes_ready: count(&ready), message }
    }
}
