//! Compiles the small programs that the table needs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// Runs a command outside of the recording, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    if !output.status.success() {
        bail!(
            "failed to run {command:?}, {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Compiles C source to `folder/name`, statically.
pub(crate) fn c(folder: &Path, name: &str, source: &str, flags: &[&str]) -> Result<PathBuf> {
    let (from, to) = (folder.join(format!("{name}.c")), folder.join(name));
    fs::write(&from, source)?;
    run(Command::new("gcc").args(["-O1", "-static", "-pthread", "-Wall", "-Werror", "-o"]).arg(&to).arg(&from).args(flags))?;
    Ok(to)
}
