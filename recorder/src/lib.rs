//! runtimemap-recorder: learns what a workload runs, opens, calls and talks to.

pub mod fact;
pub mod kernel;
