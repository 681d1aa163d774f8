//! Which calls a runtime needs, and which it makes, between loading a filter and starting the program.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use anyhow::{Context, Result, ensure};
use runtimemap_crds::OciSeccomp;
use runtimemap_policy::seccomp::base;

use crate::{
    bundle::{Bundle, Case, Outcome, Way, allowing},
    program::{self, STATUS},
    runtime::Runtime,
    strace,
};

/// What measures a runtime.
pub(crate) const COMMAND: &str = "make measure";
/// Runs under strace: a call of chance shows in one of them, or is among those that are always allowed.
const TRACED: usize = 10;
/// Times that a container has to start without a call before it counts as not needed.
const TIMES: usize = 3;

/// Every case that a base set is measured for.
pub(crate) fn cases() -> impl Iterator<Item = Case> {
    let ways = [Way::Run, Way::Exec].into_iter();
    ways.flat_map(|way| {
        [true, false]
            .into_iter()
            .flat_map(move |no_new_privileges| [0, 1000].into_iter().map(move |user| Case { way, no_new_privileges, user }))
    })
}

/// One case, ready to run.
pub(crate) struct Trial<'a> {
    pub(crate) bundle: Bundle,
    pub(crate) runtime: &'a Runtime,
    pub(crate) case: Case,
    /// Allowed beside the rest: what it took to start the container that an exec goes into.
    pub(crate) given: BTreeSet<String>,
}

impl<'a> Trial<'a> {
    pub(crate) fn new(runtime: &'a Runtime, case: Case, given: BTreeSet<String>) -> Result<Self> {
        Ok(Self { bundle: Bundle::new(&[("ends", &program::ends()), ("waits", &program::waits())])?, runtime, case, given })
    }

    fn run(&self, filter: &OciSeccomp, tracer: &[&str]) -> Result<Outcome> {
        self.bundle.run(self.runtime, self.case, &["/ends"], filter, tracer)
    }

    /// Whether the program starts when only these calls, and those that are always allowed, are there.
    pub(crate) fn starts(&self, allowed: &BTreeSet<String>) -> Result<bool> {
        let always = base::ALWAYS.iter().chain(base::CHANCE).copied().chain(program::WAITING);
        let filter = allowing(allowed.iter().chain(&self.given).map(String::as_str).chain(always))?;
        Ok(self.run(&filter, &[])?.code == Some(STATUS))
    }

    /// Calls that the runtime makes under a filter that refuses none.
    fn makes(&self) -> Result<BTreeSet<String>> {
        let mut filter = allowing(["read"])?;
        "SCMP_ACT_LOG".clone_into(&mut filter.default_action);
        filter.default_errno_ret = None;
        let file = self.bundle.path().join("trace");
        let shown = file.display().to_string();
        let mut names = BTreeSet::new();
        for _ in 0..TRACED {
            let outcome = self.run(&filter, &["strace", "-f", "--decode-pids=pidns", "-o", &shown])?;
            ensure!(outcome.code == Some(STATUS), "{:?}: the container does not start under strace: {outcome:?}", self.case);
            names.extend(strace::under_filter(&fs::read_to_string(&file)?));
        }
        ensure!(names.contains("execve"), "{:?}: strace saw no filter, or no program after it", self.case);
        Ok(names)
    }

    /// The least of `made` with which the program starts: whole halves are left out first, then smaller parts, then single calls.
    fn needs(&self, made: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let mut left: Vec<String> = made.difference(&self.given).filter(|name| !is_always_allowed(name)).cloned().collect();
        ensure!(self.starts_each_time(&left)?, "{:?}: the program does not start with the calls that strace saw: {left:?}", self.case);
        let mut size = left.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < left.len() {
                let mut without = left.clone();
                without.drain(at..(at + size).min(left.len()));
                if self.starts_each_time(&without)? {
                    left = without;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        Ok(left.into_iter().collect())
    }

    fn starts_each_time(&self, allowed: &[String]) -> Result<bool> {
        let allowed = allowed.iter().cloned().collect();
        for _ in 0..TIMES {
            if !self.starts(&allowed)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_always_allowed(name: &str) -> bool {
    base::ALWAYS.iter().chain(base::CHANCE).any(|always| *always == name)
}

/// The file of a runtime's base sets.
pub(crate) fn measured(runtime: &Runtime) -> Result<String> {
    let mut text = format!(
        "# What {} {} calls between loading a container's seccomp filter and starting its program, on {}.\n\
         # needs: without it the program does not start (exec: beside what run needs). makes: seen under strace, and not needed.\n\
         # Written by: RUNTIMEMAP_RUNTIME={} {COMMAND}\n",
        runtime.name,
        runtime.version,
        Runtime::architecture(),
        runtime.name,
    );
    let mut started: Vec<(Case, BTreeSet<String>)> = Vec::new();
    for case in cases() {
        let same = |other: &Case| other.no_new_privileges == case.no_new_privileges && other.user == case.user;
        let given = started.iter().find(|(other, _)| same(other)).map(|(_, needs)| needs.clone()).unwrap_or_default();
        let trial = Trial::new(runtime, case, given)?;
        let made = trial.makes()?;
        let needs = trial.needs(&made).context("failed to find what the runtime needs")?;
        started.push((case, needs.clone()));
        let known = |name: &&String| trial.given.contains(*name) || is_always_allowed(name);
        let makes = made.difference(&needs).filter(|name| !known(name)).cloned().collect();
        for (word, names) in [("needs", needs), ("makes", makes)] {
            writeln!(text, "{} {word}: {}", title(case), names.iter().map(String::as_str).collect::<Vec<_>>().join(" "))?;
        }
    }
    Ok(text)
}

/// A case as the files have it.
pub(crate) fn title(case: Case) -> String {
    let way = if case.way == Way::Run { "run" } else { "exec" };
    let privileges = if case.no_new_privileges { "no-new-privileges" } else { "new-privileges" };
    let user = if case.user == 0 { "root" } else { "user" };
    format!("{way} {privileges} {user}")
}
