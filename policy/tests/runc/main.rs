//! The filters under a real container runtime: what it needs itself, and programs that run with what they were seen to call.
//!
//! Needs root, runc, strace and busybox-static; `RUNTIMEMAP_TEST_WITHOUT=runc` leaves it out.

#![expect(clippy::print_stderr, reason = "says what was left out")]

mod bundle;
mod measure;
mod program;
mod recorded;
mod runtime;
mod strace;

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

use anyhow::{Result, ensure};
use runtimemap_crds::{ContainerProfile, OciSeccomp};
use runtimemap_policy::seccomp::{Options, base, filter};

use bundle::{Case, Way};
use recorded::Recorded;
use runtime::Runtime;

/// Names, by commas, parts that are left out.
const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";

/// Whether to go on: all is there, or the test fails, or it was switched off by name and says so.
fn is_possible() -> bool {
    if env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|name| name == "runc") {
        eprintln!("switched off by {WITHOUT}=runc");
        return false;
    }
    for (program, argument) in [("strace", "-V"), ("busybox", "--help"), ("unshare", "--version")] {
        assert!(Command::new(program).arg(argument).output().is_ok(), "{program} is not on PATH; or leave this out with {WITHOUT}=runc");
    }
    let user = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
    assert!(user == b"0\n", "containers are made by root; run as root, or leave this out with {WITHOUT}=runc");
    true
}

fn architectures() -> Vec<String> {
    vec![Runtime::architecture().to_owned()]
}

fn own(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn s1_a_container_starts_with_the_base_set_alone_in_every_case() -> Result<()> {
    if !is_possible() {
        return Ok(());
    }
    let runtime = Runtime::installed()?;
    for case in measure::cases() {
        let trial = measure::Trial::new(&runtime, case, BTreeSet::new())?;
        for options in [(None, None), (runtime.known(), Some(case.no_new_privileges))] {
            let names = own(base::calls(options.0, options.1));
            ensure!(trial.starts(&names)?, "{case:?}: the program does not start with the base set for {options:?}");
        }
    }
    Ok(())
}

#[test]
fn s1_without_any_one_of_the_calls_measured_it_does_not() -> Result<()> {
    if !is_possible() {
        return Ok(());
    }
    let runtime = Runtime::installed()?;
    let measured = base::MEASURED.iter().find(|measured| {
        Some(measured.runtime) == runtime.known() && measured.version == runtime.version && measured.architecture == Runtime::architecture()
    });
    let Some(measured) = measured else {
        eprintln!("{} {} has not been measured: '{}' does it", runtime.name, runtime.version, measure::COMMAND);
        return Ok(());
    };
    let needed = |case: Case| {
        let title = measure::title(case);
        let lines = measured.calls().filter(|calls| calls.case == title && calls.needed);
        lines.flat_map(|calls| calls.names().collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    for case in measure::cases() {
        let given = if case.way == Way::Exec { needed(Case { way: Way::Run, ..case }) } else { Vec::new() };
        let trial = measure::Trial::new(&runtime, case, own(given))?;
        let needed = own(needed(case));
        ensure!(trial.starts(&needed)?, "{case:?}: the program does not start with {needed:?}");
        for name in &needed {
            let mut lacking = needed.clone();
            lacking.remove(name);
            ensure!(!trial.starts(&lacking)?, "{case:?}: the program starts without {name}, which the file calls needed");
        }
    }
    Ok(())
}

#[test]
fn a_shell_with_a_pipe_runs_with_what_it_was_seen_to_call_and_not_without_its_pipe() -> Result<()> {
    runs("echo sent | $0 cat", "sent\n", &["pipe", "pipe2"])
}

#[test]
fn a_web_server_serves_with_what_it_was_seen_to_call_and_not_without_its_socket() -> Result<()> {
    const SCRIPT: &str = "$0 httpd -f -p 127.0.0.1:8080 -h $1 &
        until $0 wget -q -O - http://127.0.0.1:8080/ 2>/dev/null; do kill -0 $! || exit 1; done
        kill $!";
    runs(SCRIPT, "served\n", &["socket"])
}

/// Records a script, runs it with its own filter in every case, and without one of its calls.
fn runs(script: &str, output: &str, essential: &[&str]) -> Result<()> {
    if !is_possible() {
        return Ok(());
    }
    let runtime = Runtime::installed()?;
    let recorded = Recorded::of(script, output)?;
    let container = ContainerProfile { name: "main".to_owned(), syscalls: recorded.calls.iter().cloned().collect(), ..Default::default() };
    for case in measure::cases().filter(|case| case.way == Way::Run) {
        let exact = Options { runtime: runtime.known(), no_new_privileges: Some(case.no_new_privileges), ..Options::default() };
        let seen_only = Options { siblings: false, ..exact.clone() };
        for options in [Options::default(), exact, seen_only] {
            let filter = filter(&container, &architectures(), &options);
            recorded.replay(&runtime, case, &filter)?;
            let lacking = without(&filter, essential);
            ensure!(lacking != filter, "the filter allows none of {essential:?}, one of which the script needs");
            ensure!(recorded.replay(&runtime, case, &lacking).is_err(), "{case:?}: the script runs without {essential:?}");
        }
        let nothing = ContainerProfile { syscalls: Vec::new(), ..container.clone() };
        let audit = filter(&nothing, &architectures(), &Options { audit: true, ..Options::default() });
        recorded.replay(&runtime, case, &audit)?;
    }
    Ok(())
}

fn without(filter: &OciSeccomp, names: &[&str]) -> OciSeccomp {
    let mut lacking = filter.clone();
    for entry in &mut lacking.syscalls {
        entry.names.retain(|name| !names.contains(&name.as_str()));
    }
    // An entry without names is none; a runtime may refuse the whole filter for it.
    lacking.syscalls.retain(|entry| !entry.names.is_empty());
    lacking
}

/// Measures the installed runtime, or the one that RUNTIMEMAP_RUNTIME names, and writes its file.
#[test]
#[ignore = "writes policy/src/seccomp/base/*.txt, which are committed"]
fn measure() -> Result<()> {
    let runtime = Runtime::installed()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/seccomp/base");
    let file = folder.join(format!("{}-{}-{}.txt", runtime.name, runtime.version, Runtime::architecture()));
    fs::write(&file, measure::measured(&runtime)?)?;
    eprintln!("wrote {}; name it in policy/src/seccomp/base.rs", file.display());
    Ok(())
}
