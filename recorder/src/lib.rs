//! runtimemap-recorder: learns what a workload runs, opens, calls and talks to.

pub mod agent;
pub mod capability;
pub mod cgroup;
pub mod check;
pub mod cli;
pub mod controller;
pub mod fact;
pub mod kernel;
pub mod ledger;
pub mod mailbox;
pub mod open_flag;
pub mod profile;
pub mod record;
pub mod snapshot;
pub mod syscall;
pub mod uninstall;
mod web;
