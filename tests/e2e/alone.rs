//! What changes something that all share: run one after another.

mod access;
mod soon;
