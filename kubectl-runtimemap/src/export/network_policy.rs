//! Network policies as YAML, each under what a reviewer should know.

use anyhow::bail;
use runtimemap_crds::{GeneratedNetworkPolicy, Verdict, yaml};
use runtimemap_policy::network;

use super::{
    Exported,
    destination::{self, Destination, Document},
    lacks, read,
};
use crate::{escape, map::Map, selection::Selection, show::warnings, source::Source};

/// What to export, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PolicyExport {
    pub(crate) sources: Vec<Source>,
    pub(crate) selection: Selection,
    pub(crate) destination: Destination,
}

/// Carries the plan out.
pub(crate) fn policies(plan: &PolicyExport) -> anyhow::Result<Exported> {
    let PolicyExport { sources, selection, destination } = plan;
    let maps = read(sources, selection)?;
    let mut documents = Vec::new();
    let mut remarks = Vec::new();
    for map in &maps {
        let made = || map.neighborhood.as_ref().map(|neighborhood| Box::new(network::object(neighborhood, &network::Options::default())));
        let Some(policy) = map.policy.clone().or_else(made) else { continue };
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
    Ok(Exported { text, remarks })
}

fn document(map: &Map, policy: &GeneratedNetworkPolicy) -> anyhow::Result<Document> {
    let rejected =
        policy.review.iter().flat_map(|review| &review.decisions).filter(|decision| decision.decision == Verdict::Rejected).count();
    if rejected > 0 {
        bail!("{} has rules that were rejected, and leaving them out is not possible yet; remove its review to export all rules", map.name);
    }
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
    text.push_str(&escape::yaml(&yaml::to_string(&policy.spec)?));
    // No namespace has a dot in its name, so no two policies share a file.
    Ok(Document { path: vec![format!("{namespace}.{name}.yaml")], text })
}

/// A comment of one line, whatever is in the text.
fn comment(text: &str) -> String {
    format!("# {}\n", escape::line(text))
}
