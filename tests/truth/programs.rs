//! The programs of the table.

mod calls;
mod commands;
mod languages;
mod names;
mod postgres;
mod privilege;
mod python;
mod servers;
mod thousand;

use crate::program::Program;

/// All of them, quick ones first.
pub(crate) fn all() -> Vec<Program> {
    [
        commands::PROGRAMS,
        privilege::PROGRAMS,
        calls::PROGRAMS,
        python::PROGRAMS,
        languages::PROGRAMS,
        servers::PROGRAMS,
        postgres::PROGRAMS,
        names::PROGRAMS,
        thousand::PROGRAMS,
    ]
    .into_iter()
    .flatten()
    .map(|(name, prepare)| Program { name, prepare: *prepare })
    .collect()
}

/// Name and preparation.
type Entry = (&'static str, fn(&std::path::Path) -> anyhow::Result<crate::program::Prepared>);
