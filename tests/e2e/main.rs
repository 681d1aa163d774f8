//! What a real cluster's workloads leave in their objects, whole. `run.sh` brings up the cluster and runs this; each scenario has a
//! namespace of its own, so that many run at once. Those of `alone` change what all share, and run one after another;
//! `last` takes the product off.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod acts;
mod alone;
mod bed;
mod containers;
mod controllers;
mod deposed;
mod last;
mod lifecycle;
mod manual;
mod network;
mod normal;
mod refused;
mod short;
mod snapshot;
mod tenants;
