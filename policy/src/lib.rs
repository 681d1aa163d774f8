//! Pure generators: a NetworkPolicy from a neighborhood, seccomp filters from the system calls of a profile.
//!
//! Functions of their arguments: they cannot fail, they return the policy and what a reviewer should know of it.

pub mod network;
mod notes;
pub mod seccomp;
