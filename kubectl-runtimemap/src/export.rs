//! `policy export` and `seccomp export`: what was learned, as files for others.

mod destination;
mod filter;
mod network_policy;
mod operator;

use crate::{map::Map, show::warnings};

pub(crate) use destination::Destination;
pub(crate) use filter::{Filter, SeccompExport, filters};
pub(crate) use network_policy::{PolicyExport, policies};

/// What a recording lacks, as remarks.
pub(crate) fn lacks(map: &Map) -> impl Iterator<Item = String> {
    let title = map.title();
    warnings(map).into_iter().map(move |warning| format!("Warning: {title}: {warning}"))
}
