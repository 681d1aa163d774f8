//! The generated policy against what it was made from.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod addresses;
mod cilium;
mod fit;
mod pitfalls;
mod sample;
mod towns;
mod whole;
