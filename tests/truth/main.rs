//! `make truth`: records real programs while strace watches the same run from outside, and compares.
//!
//! Needs root, strace, and the recorder (`RUNTIMEMAP_RECORDER` names it). Arguments choose programs by a
//! part of their name; none means all. `--build FOLDER` compiles the table's own programs for a machine that has no compiler, with gcc or what TRUTH_COMPILER names; there TRUTH_BUILT names
//! that folder. TRUTH_AVOID names hooks to do without, TRUTH_TRIES how often a program may run that the kernel spoilt. A program that
//! `make setup` installs and that is not there has failed, unless RUNTIMEMAP_TEST_WITHOUT names `lacking`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is this program's purpose, and it is run by hand or by make")]

mod build;
mod deadline;
mod network;
mod program;
mod programs;
mod run;

use std::{env, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context, Result, bail};
use runtimemap_tests::{
    compare::{Score, score},
    sets::Column,
    table,
};

use program::{Prepared, Program};

/// Problems of one profile that are printed.
const PROBLEMS: usize = 12;
/// How often a program may run whose recording cannot be compared, since the kernel skipped programs of the recorder: once, unless this says more.
const TRIES: &str = "TRUTH_TRIES";
/// Names, by commas, what tests are to do without.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";
/// Programs that this machine has not, in [`WITHOUT`].
const LACKING: &str = "lacking";

fn main() -> ExitCode {
    match truth() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn truth() -> Result<bool> {
    let chosen: Vec<String> = env::args().skip(1).collect();
    if let [flag, folder] = &chosen[..]
        && flag == "--build"
    {
        return build::all(folder.as_ref()).map(|()| true);
    }
    let recorder = recorder()?;
    witness_can_see()?;
    let programs =
        programs::all().into_iter().filter(|program| chosen.is_empty() || chosen.iter().any(|part| program.name.contains(part.as_str())));
    let may_lack = env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|name| name == LACKING);
    println!("{}", table::heading());
    let (mut passed, mut failed, mut left_out, mut scores) = (0, Vec::new(), Vec::new(), Vec::new());
    for program in programs {
        match one(&program, &recorder, may_lack, &mut scores) {
            Ok(None) => passed += 1,
            Ok(Some(reason)) if may_lack => left_out.push(format!("{}: {reason}", program.name)),
            Ok(Some(reason)) => {
                println!(
                    "{:<22} FAILED: {reason}; 'make setup' installs it, and {WITHOUT}={LACKING} leaves such programs out",
                    program.name
                );
                failed.push(program.name);
            }
            Err(error) => {
                println!("{:<22} FAILED: {error:#}", program.name);
                failed.push(program.name);
            }
        }
    }
    for column in Column::ALL {
        let of_column: Vec<Score> = scores.extract_if(.., |score: &mut Score| score.column == column).collect();
        if !of_column.is_empty() {
            println!("{}", table::total(column, &of_column));
        }
    }
    for reason in &left_out {
        println!("left out, neither passed nor failed: {reason}");
    }
    if failed.is_empty() {
        println!("recall and precision are 100 % for everything that is not named above as an exception");
    } else {
        println!("not as it should be: {}", failed.join(", "));
    }
    println!("{passed} passed, {} failed", failed.len());
    Ok(failed.is_empty())
}

/// Prepares, runs and compares one program. Gives the reason if it was left out.
fn one(program: &Program, recorder: &std::path::Path, may_lack: bool, scores: &mut Vec<Score>) -> Result<Option<String>> {
    let began = Instant::now();
    let mut tries = env::var(TRIES).map_or(Ok(1), |tries| tries.parse::<usize>()).context("TRUTH_TRIES is no number")?;
    let done = loop {
        let folder = program::folder()?;
        let done = match (program.prepare)(folder.path())? {
            Prepared::Run(run) => run::record(program.name, run, folder.path(), recorder)?,
            Prepared::Done(done) => *done,
            Prepared::NotHere(reason) => return Ok(Some(reason)),
            Prepared::Missing(reason) if may_lack => return Ok(Some(reason)),
            Prepared::Missing(reason) => bail!("{reason}: 'make setup' sees to it, and {WITHOUT}={LACKING} leaves such programs out"),
        };
        tries = tries.saturating_sub(1);
        if !done.skipped || tries == 0 {
            break done;
        }
        println!("    {}: once more", done.problems.join("; "));
    };
    let mut perfect = true;
    for column in &done.columns {
        let score = score(*column, &done.witness, &done.recorded, &done.exceptions);
        perfect &= score.perfect();
        if score.truth + score.recorded > 0 || !score.excepted.is_empty() {
            println!("{}", table::row(program.name, &score));
        }
        scores.push(score);
    }
    for note in &done.notes {
        println!("    {note}");
    }
    for problem in done.problems.iter().take(PROBLEMS) {
        println!("    profile: {}", problem.chars().take(300).collect::<String>());
    }
    println!("    {:.1} s", began.elapsed().as_secs_f32());
    if !done.problems.is_empty() {
        bail!("{} problems with the profile", done.problems.len());
    }
    if !perfect {
        bail!("the recorder and the witness differ");
    }
    Ok(None)
}

fn recorder() -> Result<PathBuf> {
    let path = PathBuf::from(env::var_os("RUNTIMEMAP_RECORDER").context("RUNTIMEMAP_RECORDER names the recorder: make truth sets it")?);
    if !path.is_file() {
        bail!("failed to find the recorder at {}: run 'make build'", path.display());
    }
    Ok(path.canonicalize()?)
}

/// Where a filter refuses calls before the kernel enters them, strace shows calls that never were.
fn witness_can_see() -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("failed to read /proc/self/status")?;
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap_or_default();
    if field("Seccomp:") != "0" {
        bail!("failed to start: this process is under a seccomp filter, where strace is no witness; run it outside of a container");
    }
    if !field("Uid:").starts_with('0') {
        bail!("failed to start: recording needs root");
    }
    Ok(())
}
