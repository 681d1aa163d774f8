//! What changes something that all share: run one after another.

mod access;
mod delivery;
mod kills;
mod second;
pub(crate) mod settings;
mod settled;
mod soon;
mod witness;
