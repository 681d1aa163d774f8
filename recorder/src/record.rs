//! `record`: one command, process or cgroup, from the kernel to YAML.

mod command;
mod evidence;
mod existing;
mod output;
mod session;
mod signals;
mod status_line;

use std::{ffi::OsString, io, path::PathBuf, process::ExitCode, time::Duration};

use nix::errno::Errno;
use runtimemap_crds::yaml;

use crate::{
    cgroup::{self, Cgroup},
    kernel::{self, Target},
    profile::Ending,
};
pub(crate) use session::{monotonic, options, wall};

use command::{End, Ended, Message};
use output::Output;
use session::Session;
use signals::Signals;
use status_line::StatusLine;

/// How long to wait for facts before looking at everything else. An end is noticed that much later at most.
const TICK: Duration = Duration::from_millis(50);

/// What to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A command to run.
    Command {
        /// Program and arguments; never empty.
        argv: Vec<OsString>,
        /// Whether it waits for SIGCONT before it runs.
        stopped: bool,
    },
    /// A running process with its children.
    Process {
        /// Its id.
        pid: u32,
        /// How long; None for as long as it runs.
        duration: Option<Duration>,
    },
    /// A cgroup with those below it.
    Cgroup {
        /// Directory, or path in its hierarchy.
        path: PathBuf,
        /// How long; None for as long as processes are in it.
        duration: Option<Duration>,
    },
}

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the workload.
    pub name: String,
    /// Namespace of the objects.
    pub namespace: String,
    /// Where the result goes; None is standard output.
    pub output: Option<PathBuf>,
    /// Where the facts go.
    pub facts: Option<PathBuf>,
    /// Whether to say nothing but errors.
    pub quiet: bool,
    /// Whether arguments that look like secrets are masked.
    pub mask: bool,
    /// Hooks not to use.
    pub avoid: Vec<String>,
    /// What to record.
    pub subject: Subject,
}

/// A recording that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user may not do it.
    #[error("recording needs root: run it with sudo, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH")]
    NotRoot,
    /// Control groups.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The kernel side.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The command.
    #[error(transparent)]
    Command(#[from] command::Error),
    /// The result.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// The facts.
    #[error("failed to write {0}: {1}")]
    Facts(PathBuf, io::Error),
    /// The result's text.
    #[error(transparent)]
    Yaml(#[from] yaml::WriteError),
    /// Signals could not be had.
    #[error("failed to take over signals: {0}")]
    Signals(io::Error),
    /// There is nothing to record any more.
    #[error("process {0} has ended")]
    Gone(u32),
}

impl Error {
    /// Exit status that says it, as env(1) and others do.
    pub fn status(&self) -> u8 {
        match self {
            Self::Command(command::Error::Run(_, Errno::ENOENT)) => 127,
            Self::Command(command::Error::Run(..)) => 126,
            _ => 125,
        }
    }
}

/// Carries out a plan. Returns the exit status, which for a command is the command's own.
///
/// # Errors
/// If anything but the command failed.
pub fn run(plan: &Plan) -> Result<ExitCode, Error> {
    // Capabilities without root are root enough; the kernel says so itself when the programs are loaded.
    if !nix::unistd::geteuid().is_root() && !may_load() {
        return Err(Error::NotRoot);
    }
    let output = Output::prepare(plan.output.as_deref())?;
    let signals = Signals::take().map_err(Error::Signals)?;
    let session = Session::open(plan)?;
    match &plan.subject {
        Subject::Command { argv, stopped } => command(plan, argv, *stopped, session, signals, output),
        Subject::Process { pid, duration } => existing::process(plan, *pid, *duration, session, &signals, output),
        Subject::Cgroup { path, duration } => existing::cgroup(plan, path, *duration, session, &signals, output),
    }
}

fn may_load() -> bool {
    /// CAP_BPF, linux/capability.h.
    const BPF: u32 = 39;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).map(str::trim);
    effective.and_then(|set| u64::from_str_radix(set, 16).ok()).is_some_and(|set| set >> BPF & 1 == 1)
}

fn command(
    plan: &Plan,
    argv: &[OsString],
    stopped: bool,
    mut session: Session,
    signals: Signals,
    output: Output,
) -> Result<ExitCode, Error> {
    let group = Cgroup::create(&format!("runtimemap-{}", std::process::id()))?;
    let result = watch(plan, argv, stopped, &mut session, signals, &group);
    // What still runs goes on where it would have been without a recorder.
    let removed = group.release().and_then(|()| group.remove());
    let ended = result?;
    let ending = match ended {
        Ended { left_running: true, .. } | Ended { by_signal: true, .. } => Ending::StoppedBySignal,
        _ => Ending::Complete,
    };
    session.finish(plan, ending, output)?;
    removed?;
    Ok(ExitCode::from(match ended.end {
        End::Exited(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
        End::Killed(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
    }))
}

fn watch(plan: &Plan, argv: &[OsString], stopped: bool, session: &mut Session, signals: Signals, group: &Cgroup) -> Result<Ended, Error> {
    session.track(&Target { cgroups: group.dirs.clone(), fresh: true, ..Target::default() })?;
    let running = command::start(argv, group, signals, stopped, |pid| say(&format!("waiting for SIGCONT: pid {pid}")))?;
    let mut line = StatusLine::new(plan.quiet);
    loop {
        session.drain(TICK);
        match running.poll()? {
            Some(Message::Ended(ended)) => {
                line.clear();
                let ended = ended?;
                session.settle();
                return Ok(ended);
            }
            Some(Message::Leftovers(count)) if !plan.quiet => {
                line.clear();
                say(&format!("the command has ended; waiting for what it left running ({count} processes)"));
            }
            Some(Message::AskedOnce(count)) => {
                line.clear();
                say(&format!("{count} processes are still running; a second signal ends the recording without them"));
            }
            _ => {}
        }
        line.update(session);
    }
}

/// One line for the user.
fn say(text: &str) {
    use io::Write;
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
}
