//! What NetworkPolicies mean: each clause of the API's words, and verdicts with their reasons.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::needless_pass_by_value, reason = "policies are written where they are used, without a sign before each")]

mod invalid;
mod objects;
mod recorded;
mod rules;
mod sides;
mod town;
