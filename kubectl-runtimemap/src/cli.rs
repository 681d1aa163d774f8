//! The command line: flags as they are given, then a checked plan, then the act.

mod flags;
mod plan;

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use crate::{
    apply, approve, cluster::Failure, completion, diff, escape, export, graph, page::Screen, patch, relearn, show, simulate, status,
    version,
};
use flags::Cli;
use plan::Plan;

pub(crate) use flags::{DryRun, GraphFormat, Part, PolicyFormat};

/// What a gate found to be different, cut or not well.
const FOUND: u8 = 1;
/// What a gate exits with when it could not look.
const FAILED_TO_LOOK: u8 = 2;

/// What is said: on standard output, on standard error, and by the exit code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// For standard output.
    pub(crate) text: String,
    /// For standard error: what a person must know, each with what it is in front.
    pub(crate) remarks: Vec<String>,
    /// Whether a gate found something: exit code 1.
    pub(crate) found: bool,
}

impl From<String> for Report {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Does what the arguments say, the program's name first. Exit codes are kubectl's: 0, or 1 for whatever went wrong; of diff, simulate
/// and status 1 is what they found, and 2 that they could not look.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let gate = is_gate(&args);
    let outcome = match Cli::try_parse_from(&args) {
        Ok(cli) => Plan::check(cli).and_then(|plan| act(&plan)),
        Err(error) => return usage(&error, gate),
    };
    match outcome {
        Ok(found) => ExitCode::from(if found { FOUND } else { 0 }),
        Err(error) if closed_early(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing in it that a file's content could have planted. A closed standard error leaves nobody to tell.
            let text = format!("{error:#}");
            let prefix = if error.downcast_ref::<Failure>().is_some() || text.starts_with("Error from server") { "" } else { "error: " };
            let _ = writeln!(io::stderr(), "{prefix}{}", escape::line(&text));
            ExitCode::from(if gate { FAILED_TO_LOOK } else { 1 })
        }
    }
}

/// Whether the verb is one whose exit code 1 is an answer.
fn is_gate(args: &[OsString]) -> bool {
    let words: Vec<&str> = args.iter().skip(1).filter_map(|arg| arg.to_str()).filter(|arg| !arg.starts_with('-')).take(2).collect();
    matches!(words.as_slice(), ["diff" | "status", ..] | ["policy", "simulate"])
}

/// Carries a plan out and says what came of it. Whether a gate found something.
fn act(plan: &Plan) -> anyhow::Result<bool> {
    let report = carry_out(plan, Screen::of_stdout(), &mut write)?;
    for remark in &report.remarks {
        let _ = writeln!(io::stderr(), "{}", escape::line(remark));
    }
    write(&report.text)?;
    Ok(report.found)
}

/// Carries a plan out. What comes page by page goes to `write`; the rest is in the report.
fn carry_out(plan: &Plan, screen: Screen, write: &mut dyn FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Report> {
    Ok(match plan {
        Plan::Show(plan) => show::show(plan, screen, write)?,
        Plan::Diff(plan) => diff::diff(plan, screen)?,
        Plan::PolicyApply(plan) => apply::apply(plan)?,
        Plan::PolicyUndo(plan) => apply::undo(plan)?,
        Plan::PolicyExport(plan) => export::policies(plan)?,
        Plan::PolicySimulate(plan) => simulate::simulate(plan, screen)?,
        Plan::SeccompApprove(plan) => approve::approve(plan)?,
        Plan::SeccompExport(plan) => export::filters(plan)?,
        Plan::SeccompPatch(plan) => patch::patch(plan)?,
        Plan::Graph(plan) => graph::graph(plan)?,
        Plan::Status(plan) => status::status(plan, screen)?,
        Plan::Relearn(plan) => relearn::relearn(plan)?,
        Plan::Completion(plan) => completion::completion(plan)?,
        Plan::Complete(words) => completion::complete(&mut Cli::command(), words).into(),
        Plan::Options => options().into(),
        Plan::Version(plan) => version::version(plan)?,
    })
}

fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Whether the reader of our output had seen enough (`| head`).
fn closed_early(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The flags that every verb takes.
fn options() -> String {
    let flags = Cli::command().mut_args(|arg| if arg.is_global_set() { arg.hide(false) } else { arg.hide(true) });
    let help = flags.disable_help_flag(true).disable_version_flag(true).help_template("{options}").render_help().to_string();
    format!("The following options can be passed to any command:\n\n{}\n", help.trim_end())
}

/// Help, version, or what is wrong with the arguments.
fn usage(error: &clap::Error, gate: bool) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // As kubectl does without a verb: help is no failure.
        let _ = write(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    let _ = error.print();
    match (error.use_stderr(), gate) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(FAILED_TO_LOOK),
    }
}

#[cfg(test)]
mod fuzz;
