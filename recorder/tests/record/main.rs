//! The binary as a user meets it. Needs root and a kernel with BTF: without them these tests fail and do not pass in silence.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod command;
mod existing;
mod flood;
mod leftovers;
mod refusals;
mod rig;
mod runtime;
mod terminal;
