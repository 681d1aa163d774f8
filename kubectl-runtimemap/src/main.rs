//! `kubectl runtimemap`: shows, and turns into policies, what runtimemap learned.

mod cli;
mod escape;
mod export;
mod map;
mod page;
mod selection;
mod show;
mod source;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
