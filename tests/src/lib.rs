//! Ground truth: what strace saw of a run, what the recorder says of the same run, and how the two differ.

pub mod compare;
pub mod escape;
pub mod facts;
pub mod profile;
pub mod sets;
pub mod strace;
pub mod table;
pub mod witness;
