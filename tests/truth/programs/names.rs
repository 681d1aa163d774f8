//! Many, long and hostile names.

use std::{path::Path, process::Command, time::Duration};

use anyhow::Result;
use runtimemap_tests::{escape::escape, sets, sets::Column};

use crate::{
    build,
    program::{Prepared, Run, need_compiler},
};

use super::Entry;

pub(super) const PROGRAMS: &[Entry] = &[
    ("hostile names", hostile),
    ("deep paths", deep),
    ("128 kB of arguments", arguments),
    ("5,000 processes", processes),
    ("100,000 names", many),
];

fn hostile(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "hostile")?;
    Run::new([program]).prepared()
}

/// Paths of 4,096 bytes and more have no name for strace. The program says itself what it opens.
fn deep(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "deep")?;
    let opened = build::run(Command::new(&program).arg(folder.canonicalize()?).current_dir(folder))?;
    let lines = opened.lines().map(|path| sets::open(&escape(path.as_bytes()), &["O_WRONLY", "O_CREAT"])).collect::<Vec<_>>();
    Run::new([program.into_os_string(), folder.canonicalize()?.into()]).own(Column::Opens, lines).prepared()
}

fn arguments(_: &Path) -> Result<Prepared> {
    let mut run = Run::new(["/bin/true".to_owned(), "x".repeat(65_000), "y".repeat(65_000)]);
    run.strings = 200_000;
    run.loses = true;
    run.except(Column::Execs, |line| line.contains("xxxxxxxx"), "arguments beyond 8 kB are not read, which the profile counts as a loss")
        .prepared()
}

fn processes(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    build::c(folder, "tiny")?;
    let mut run = Run::shell("i=0; while [ $i -lt 5000 ]; do ./tiny $i; i=$((i+1)); done");
    run.limit = Duration::from_secs(240);
    run.prepared()
}

fn many(folder: &Path) -> Result<Prepared> {
    need_compiler!();
    let program = build::c(folder, "many")?;
    let mut run = Run::new([program]);
    run.limit = Duration::from_secs(240);
    run.prepared()
}
