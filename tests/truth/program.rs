//! What a program of the table is.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use runtimemap_tests::{
    compare::Exception,
    sets::{Column, Sets},
};
use tempfile::TempDir;

use crate::run::Done;

/// A row of the table.
pub(crate) struct Program {
    /// Its name there.
    pub name: &'static str,
    /// Makes its inputs in an empty folder, which is also where it runs.
    pub prepare: fn(&Path) -> Result<Prepared>,
}

/// Whether it can run here.
pub(crate) enum Prepared {
    /// So.
    Run(Run),
    /// It ran in its own way, and this came out.
    Done(Box<Done>),
    /// Not on this machine, for this reason: `make setup` should have seen to it.
    Missing(String),
    /// Not on this machine, for this reason, and it need not be.
    NotHere(String),
}

/// Drives a running program from outside, given its process, until it ends.
pub(crate) type Drive = Box<dyn FnOnce(u32) -> Result<()>>;

/// One run.
pub(crate) struct Run {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Longest string that strace prints, in bytes. One that is longer fails the run where it matters.
    pub strings: usize,
    /// Load from outside.
    pub drive: Option<Drive>,
    /// Known differences.
    pub exceptions: Vec<Exception>,
    /// What strace cannot see and the program itself, or who wrote it, knows.
    pub own: Sets,
    /// What is compared.
    pub columns: Vec<Column>,
    /// What it exits with. A program that fails does not do what it is here for.
    pub status: i32,
    /// Whether something is lost, and the profile has to say so.
    pub loses: bool,
    /// How long it may take.
    pub limit: Duration,
}

impl Run {
    /// A program that needs nothing more.
    pub(crate) fn new<S: Into<OsString>>(command: impl IntoIterator<Item = S>) -> Self {
        let columns = Column::ALL.into_iter().filter(|column| !matches!(column, Column::Capabilities | Column::Names)).collect();
        Self {
            command: command.into_iter().map(Into::into).collect(),
            strings: 512,
            drive: None,
            exceptions: Vec::new(),
            own: Sets::default(),
            columns,
            status: 0,
            loses: false,
            limit: Duration::from_secs(120),
        }
    }

    /// A line of the shell.
    pub(crate) fn shell(line: &str) -> Self {
        Self::new(["/bin/sh", "-c", line])
    }

    pub(crate) fn drive(mut self, drive: impl FnOnce(u32) -> Result<()> + 'static) -> Self {
        self.drive = Some(Box::new(drive));
        self
    }

    pub(crate) fn except(mut self, column: Column, covers: fn(&str) -> bool, cause: &'static str) -> Self {
        self.exceptions.push(Exception { column, covers, cause });
        self
    }

    pub(crate) fn own(mut self, column: Column, lines: impl IntoIterator<Item = String>) -> Self {
        for line in lines {
            self.own.insert(column, line);
        }
        self
    }

    /// Compares capabilities too, which have no witness but who wrote the program.
    pub(crate) fn capabilities(mut self, lines: &[&str]) -> Self {
        self.columns.push(Column::Capabilities);
        self.own(Column::Capabilities, lines.iter().map(|line| (*line).to_owned()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "what every preparation ends in")]
    pub(crate) fn prepared(self) -> Result<Prepared> {
        Ok(Prepared::Run(self))
    }
}

/// A folder that every user may enter.
pub(crate) fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("truth").tempdir().context("failed to make a folder")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Where a program is, by PATH and a few more folders.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/go/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// `find`, or `return` from the caller what is missing.
macro_rules! need {
    ($name:expr) => {
        match $crate::program::find($name) {
            Some(path) => path,
            None => return Ok($crate::program::Prepared::Missing(format!("{} is not installed", $name))),
        }
    };
}
pub(crate) use need;

/// The same for what compiles the table's own programs, unless that was done before.
macro_rules! need_compiler {
    () => {
        if std::env::var_os($crate::build::BUILT).is_none() {
            $crate::program::need!("gcc");
        }
    };
}
pub(crate) use need_compiler;

/// The same for what is recorded where somebody installed it.
macro_rules! where_installed {
    ($name:expr) => {
        match $crate::program::find($name) {
            Some(path) => path,
            None => return Ok($crate::program::Prepared::NotHere(format!("{} is not installed", $name))),
        }
    };
}
pub(crate) use where_installed;
