//! PostgreSQL: making a database cluster, and serving pgbench.

use std::{
    ffi::OsString,
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;

use crate::{
    build,
    deadline::until,
    network::{free_port, signal},
    program::{Prepared, Run},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[("postgres initdb", initdb), ("postgres", pgbench)];

const NOBODY: u32 = 65534;
const LIMIT: Duration = Duration::from_secs(60);

/// The newest version's programs, as Debian puts them.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|folder| folder.join("postgres").is_file() && folder.join("pgbench").is_file())
}

/// As a user without privilege, since PostgreSQL refuses root.
fn unprivileged(command: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(OsString::from).into_iter().chain(command).collect()
}

fn initdb(folder: &Path) -> Result<Prepared> {
    let Some(programs) = programs() else { return Ok(Prepared::Missing("PostgreSQL is not installed".into())) };
    chown(folder, Some(NOBODY), Some(NOBODY))?;
    let mut run = Run::new(unprivileged([
        programs.join("initdb").into(),
        "-D".into(),
        "data".into(),
        "-A".into(),
        "trust".into(),
        "--no-locale".into(),
        "--no-sync".into(),
    ]));
    run.strings = 2048;
    run.limit = Duration::from_secs(240);
    run.prepared()
}

fn pgbench(folder: &Path) -> Result<Prepared> {
    let Some(programs) = programs() else { return Ok(Prepared::Missing("PostgreSQL is not installed".into())) };
    chown(folder, Some(NOBODY), Some(NOBODY))?;
    build::run(
        Command::new(programs.join("initdb"))
            .args(["-D", "data", "-A", "trust", "-U", "bench", "--no-locale", "--no-sync"])
            .current_dir(folder)
            .uid(NOBODY)
            .gid(NOBODY),
    )?;
    let port = free_port()?.to_string();
    let server = [
        programs.join("postgres").into(),
        "-D".into(),
        "data".into(),
        "-p".into(),
        port.clone().into(),
        "-h".into(),
        "127.0.0.1".into(),
        "-k".into(),
        folder.into(),
    ];
    let mut run = Run::new(unprivileged(server)).drive(move |process| {
        let connect = ["-h", "127.0.0.1", "-p", &port, "-U", "bench"];
        until("PostgreSQL to answer", LIMIT, || build::run(Command::new(programs.join("pg_isready")).args(connect)).ok())?;
        build::run(Command::new(programs.join("pgbench")).args(connect).args(["-i", "-s", "1", "-q", "postgres"]))?;
        build::run(Command::new(programs.join("pgbench")).args(connect).args(["-c", "2", "-t", "20", "postgres"]))?;
        build::run(Command::new(programs.join("psql")).args(connect).args(["-c", "checkpoint; ", "postgres"]))?;
        signal("INT", process)
    });
    run.limit = Duration::from_secs(120);
    run.prepared()
}
