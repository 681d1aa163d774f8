//! NetworkPolicies in force.

mod matrix;
mod policies;
