//! What was recorded holds: a program runs again under real runc with the filter that came out, and serves as before; with
//! one call less it does not. The objects are what the definitions and Kubernetes say they are.
//!
//! Needs root, the programs and RUNTIMEMAP_RECORDER and RUNTIMEMAP_PLUGIN; `RUNTIMEMAP_TEST_WITHOUT=replay` leaves it out.

#![expect(clippy::print_stderr, clippy::expect_used, reason = "a test that cannot go on has failed, and says what was left out")]

#[path = "../truth/deadline.rs"]
mod deadline;

mod call;
mod container;
mod place;
mod program;
mod programs;
mod recording;
mod schema;

use std::{env, time::Duration};

use anyhow::{Context, Result, ensure};

use container::Container;
use place::Place;
use program::Program;
use recording::Recording;

/// Switches off, by name, tests of what is not allowed or not installed.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";
/// For a server to be there, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// For a server that cannot be there: long enough that the same server with its whole filter always was.
const NEVER: Duration = Duration::from_secs(15);
/// Bytes that a profile may have.
const LIMIT: usize = 50_000;

/// Whether to go on: all is there, or the test fails, or it was switched off by name and says so.
fn is_possible() -> bool {
    if env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|name| name == "replay") {
        eprintln!("switched off by {WITHOUT}=replay");
        return false;
    }
    let missing: Vec<&str> = ["runc", "ip", "nsenter", "setpriv", "curl", "wrk", "kubernetes-validate"]
        .into_iter()
        .filter(|program| call::found(program).is_none())
        .collect();
    assert!(missing.is_empty(), "not on PATH: {missing:?}; 'make setup' installs them; or leave this out with {WITHOUT}=replay");
    let root = call::run(std::process::Command::new("id").arg("-u")).expect("id runs");
    assert_eq!(root.trim(), "0", "recording and runc need root; run as root, or leave this out with {WITHOUT}=replay");
    true
}

/// Everything that holds for a recorded server.
fn replay(prepare: fn() -> Result<Program>) -> Result<()> {
    if !is_possible() {
        return Ok(());
    }
    let program = prepare()?;
    let place = Place::new(program.name)?;
    let recording = Recording::of(&program, &place)?;
    ensure!(recording.losses().is_none(), "the recording lost something: {:?}", recording.losses());
    let size = recording.object("ApplicationProfile")?.len();
    ensure!(size < LIMIT, "the profile of {} has {size} bytes, and {LIMIT} are too many", program.name);
    schema::accepts(&recording)?;

    let again = Recording::of(&program, &place)?;
    for kind in ["GeneratedNetworkPolicy", "SeccompProfile"] {
        let (first, second) = (recording.spec(kind)?, again.spec(kind)?);
        ensure!(first == second, "{} recorded twice has two {kind}:\n{}", program.name, recording::difference(first, second));
    }

    let filter = recording.filter()?;
    for no_new_privileges in [true, false] {
        let mut container = Container::start(&program, &place, &filter, no_new_privileges)?;
        served(&program, &place, &mut container)
            .with_context(|| format!("with noNewPrivileges {no_new_privileges}: {}", container.said()))?;
    }
    let lacking = container::without(&filter, program.needs)?;
    let mut container = Container::start(&program, &place, &lacking, true)?;
    let outcome = container.serves(|| (program.probe)(&place), NEVER);
    ensure!(outcome.is_err(), "{} serves without {}: the filter filters nothing", program.name, program.needs);
    Ok(())
}

fn served(program: &Program, place: &Place, container: &mut Container) -> Result<()> {
    container.serves(|| (program.probe)(place), START)?;
    (program.load)(place)?;
    for (process, mode) in container.modes()? {
        ensure!(mode == "2", "process {process} of the container runs in seccomp mode {mode}, not under its filter");
    }
    container.stop(program.stop)
}

#[test]
fn nginx_serves_under_its_own_filter_and_not_without_one_of_its_calls() -> Result<()> {
    replay(programs::nginx)
}

#[test]
fn redis_serves_under_its_own_filter_and_not_without_one_of_its_calls() -> Result<()> {
    replay(programs::redis)
}

#[test]
fn postgres_serves_under_its_own_filter_and_not_without_one_of_its_calls() -> Result<()> {
    replay(programs::postgres)
}

#[test]
fn python_serves_under_its_own_filter_and_not_without_one_of_its_calls() -> Result<()> {
    replay(programs::python)
}

#[test]
fn a_running_redis_gives_objects_that_the_definitions_accept() -> Result<()> {
    if !is_possible() {
        return Ok(());
    }
    let program = programs::redis()?;
    let place = Place::new("running")?;
    let recording = Recording::of_running(&program, &place)?;
    ensure!(recording.object("ApplicationProfile")?.contains("origin: snapshot"), "nothing of what redis had done before is in its map");
    schema::accepts(&recording)?;
    schema::refuses_what_is_wrong(&recording)
}
