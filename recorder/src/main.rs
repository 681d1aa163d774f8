//! runtimemap-recorder: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtimemap_recorder::cli::run(std::env::args_os())
}
