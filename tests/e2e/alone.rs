//! What changes something that all share: run one after another.

mod access;
mod kills;
mod second;
mod settings;
mod settled;
mod soon;
mod witness;
