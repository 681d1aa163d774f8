//! `kubectl runtimemap`: shows, and turns into policies, what runtimemap learned.

mod apply;
mod approve;
mod cli;
mod cluster;
mod completion;
mod diff;
mod escape;
mod export;
#[cfg(test)]
mod fuzz;
mod graph;
mod in_force;
mod input;
mod manifests;
mod map;
mod page;
mod patch;
mod recorded;
mod relearn;
mod rules;
mod selection;
mod show;
mod simulate;
mod source;
mod status;
mod template;
mod version;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
