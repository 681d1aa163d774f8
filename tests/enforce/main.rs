//! What was learned of a sample application is enforced on a real node, and the application runs on: its NetworkPolicies by a small
//! enforcer (`enforcer`, for tests only), its seccomp profiles by the kubelet, its capabilities by the runtime. Each run shows that it
//! would see a denial, by one that is planted.
//!
//! `run.sh` brings up the cluster and runs this. Tests of `packets` filter what the whole node forwards, and run one after another.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod audit;
mod capabilities;
mod differences;
mod enforcer;
mod packets;
mod seccomp;
mod shop;
mod since;
