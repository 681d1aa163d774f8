//! What is needed to run a server in both ways.

use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::place::Place;

/// Something done to a server from the clients' side.
type Act = Box<dyn Fn(&Place) -> Result<()>>;

/// A server and its load.
pub(crate) struct Program {
    pub name: &'static str,
    /// Absolute path and arguments; runs in the foreground.
    pub command: Vec<OsString>,
    /// User and group it runs as.
    pub user: u32,
    /// All that it writes.
    pub folder: TempDir,
    /// Asks once whether it serves.
    pub probe: Act,
    /// The same work, every time.
    pub load: Act,
    /// Signal on which it ends in order.
    pub stop: &'static str,
    /// Names in the folder that it makes when they are not there, and does less when they are.
    pub made: &'static [&'static str],
    /// A call that it makes and cannot replace by another.
    pub needs: &'static str,
}

impl Program {
    /// Lets the next run start where the first one did.
    pub(crate) fn forget(&self) -> Result<()> {
        for name in self.made {
            let path = self.folder.path().join(name);
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if let Err(error) = removed
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error).with_context(|| format!("failed to remove {}", path.display()));
            }
        }
        Ok(())
    }
}

/// A folder that servers of any user may look into.
pub(crate) fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("runtimemap-replay.").tempdir().context("failed to make a folder for a program")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Asks for a page.
pub(crate) fn get(place: &Place, url: &str) -> Command {
    let mut command = place.at_client("curl");
    command.args(["--silent", "--show-error", "--fail", "--max-time", "5", "--output", "/dev/null", url]);
    command
}
