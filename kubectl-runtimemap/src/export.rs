//! `policy export` and `seccomp export`: what was learned, as files for others.

mod destination;
mod filter;
mod network_policy;

use crate::{
    map::{Map, assemble},
    selection::Selection,
    show::warnings,
    source::Source,
};

pub(crate) use destination::Destination;
pub(crate) use filter::{Filter, SeccompExport, filters};
pub(crate) use network_policy::{PolicyExport, policies};

/// What an export has to say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// For standard output.
    pub(crate) text: String,
    /// For standard error: what a reviewer must know, each with what it is in front.
    pub(crate) remarks: Vec<String>,
}

fn read(sources: &[Source], selection: &Selection) -> anyhow::Result<Vec<Map>> {
    let mut objects = Vec::new();
    for source in sources {
        objects.extend(source.read()?);
    }
    selection.of(assemble(objects))
}

/// What a recording lacks, as remarks.
fn lacks(map: &Map) -> impl Iterator<Item = String> {
    let title = map.title();
    warnings(map).into_iter().map(move |warning| format!("Warning: {title}: {warning}"))
}
