//! Pure generators: a NetworkPolicy from a neighborhood, seccomp filters from the system calls of a profile. And the evaluator, which
//! says what NetworkPolicies allow.
//!
//! Functions of their arguments: generators cannot fail, they return the policy and what a reviewer should know of it.

pub mod evaluator;
pub mod network;
mod notes;
pub mod recorded;
pub mod seccomp;
pub mod security_context;
