//! The agent as a node runs it: the real kernel side and ledger, cgroups as the kubelet makes them, and a simulated API server with a
//! controller behind it. Needs root, a kernel with BTF, and mounts a BPF file system: without them these tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says what the agent said"
)]

mod cluster;
mod conservation;
mod extremes;
mod filters;
mod flood;
mod http;
mod kills;
mod lasting;
mod pod;
mod privilege;
mod rig;
mod upgrade;
mod windows;
