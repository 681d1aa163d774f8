//! Running a command to its end.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Where a program is.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// One of the product's binaries, named by the environment.
pub(crate) fn binary(variable: &str) -> Result<PathBuf> {
    let path = PathBuf::from(env::var_os(variable).with_context(|| format!("{variable} is not set; make sets it"))?);
    path.canonicalize().with_context(|| format!("failed to find {}, which {variable} names; 'make build' makes it", path.display()))
}

/// Runs a command, and fails if it does. Gives its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("failed to run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("failed to run {command:?}, {}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(said)
}
