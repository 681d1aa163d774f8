//! Network policies as YAML, each under what a reviewer should know.

use anyhow::bail;
use runtimemap_crds::{GeneratedNetworkPolicy, Verdict, yaml};

use super::{
    destination::{self, Destination, Document},
    lacks,
};
use crate::{
    cli::Report,
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
    pub(crate) destination: Destination,
}

/// Carries the plan out.
pub(crate) fn policies(plan: &PolicyExport) -> anyhow::Result<Report> {
    let PolicyExport { input, destination } = plan;
    let Learned { maps, mut remarks, .. } = input.read(Kinds::NETWORK)?;
    let mut documents = Vec::new();
    for map in &maps {
        let Some(policy) = in_force::of_map(map) else { continue };
        documents.push(document(map, &policy)?);
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

fn document(map: &Map, policy: &GeneratedNetworkPolicy) -> anyhow::Result<Document> {
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
    text.push_str(&escape::yaml(&yaml::to_string(&rules::reviewed(policy))?));
    // No namespace has a dot in its name, so no two policies share a file.
    Ok(Document { path: vec![format!("{namespace}.{name}.yaml")], text })
}

/// A comment of one line, whatever is in the text.
fn comment(text: &str) -> String {
    format!("# {}\n", escape::line(text))
}
