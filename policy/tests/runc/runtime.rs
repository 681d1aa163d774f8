//! The container runtime under test: runc, or another with its command line.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use runtimemap_policy::seccomp;

/// Names the runtime to use in place of the runc on PATH.
pub(crate) const RUNTIME: &str = "RUNTIMEMAP_RUNTIME";

/// A runtime, and what it says of itself.
pub(crate) struct Runtime {
    pub(crate) program: PathBuf,
    /// For example `runc`.
    pub(crate) name: String,
    /// For example `1.1.5`.
    pub(crate) version: String,
}

impl Runtime {
    pub(crate) fn installed() -> Result<Self> {
        let program = env::var_os(RUNTIME).map_or_else(|| PathBuf::from("runc"), PathBuf::from);
        let output = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
        let output =
            output.with_context(|| format!("failed to run {}; install runc, or name a runtime in {RUNTIME}", program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        // `runc version 1.1.5+ds1`
        let mut words = said.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let version = words.nth(1).unwrap_or_default();
        // What a distribution adds is no version of the runtime's.
        let version = version.split('+').next().unwrap_or_default().to_owned();
        ensure!(!version.is_empty(), "{} --version says no version: {said}", program.display());
        Ok(Self { program, name, version })
    }

    /// The same, where the generator knows it.
    pub(crate) fn known(&self) -> Option<seccomp::Runtime> {
        match self.name.as_str() {
            "runc" => Some(seccomp::Runtime::Runc),
            "crun" => Some(seccomp::Runtime::Crun),
            _ => None,
        }
    }

    /// As GOARCH has it.
    pub(crate) fn architecture() -> &'static str {
        if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
    }
}
