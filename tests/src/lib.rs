//! Ground truth: what strace saw of a run, what the recorder says of the same run, and how the two differ. And what suites on a real
//! cluster share: `space` and `outside`.

pub mod compare;
pub mod escape;
pub mod facts;
pub mod outside;
pub mod profile;
pub mod sets;
pub mod space;
pub mod strace;
pub mod table;
pub mod witness;
