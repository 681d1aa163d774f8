//! One run: the recorder starts the program stopped, strace takes hold of it, and only then does it go.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use runtimemap_tests::{
    compare::Exception,
    facts,
    profile::Profile,
    sets::{Column, Sets},
    strace,
    witness::{Witness, witness},
};

use crate::{deadline::ended, network::signal, program::Run};

/// Emulated kernels take their time to verify programs.
const START: Duration = Duration::from_secs(120);

/// Both sides of a run.
pub(crate) struct Done {
    pub witness: Witness,
    pub recorded: Sets,
    pub exceptions: Vec<Exception>,
    pub columns: Vec<Column>,
    pub notes: Vec<String>,
    /// What is wrong with the profile, collapsed.
    pub problems: Vec<String>,
    /// The kernel skipped programs of the recorder, and says so: there is nothing to compare with. Kernels that interrupt a program for another
    /// process do that, when that process comes to the same program on the same processor.
    pub skipped: bool,
}

/// A process that dies with the run, whatever comes.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs, watched by both.
pub(crate) fn record(name: &str, mut run: Run, folder: &Path, recorder: &Path) -> Result<Done> {
    let files = crate::program::folder()?;
    let (log, facts_file, output) = (files.path().join("strace"), files.path().join("facts"), files.path().join("profile"));
    let mut recorded = Held(start(&run, folder, recorder, &facts_file, &output)?);
    let said = lines(recorded.0.stderr.take().context("no stderr")?);
    let process = stopped(&said)?;
    let mut watcher = Held(watch(process, run.strings, &log)?);
    let watched = lines(watcher.0.stderr.take().context("no stderr")?);
    wait_for(&watched, "strace to attach", |line| line.contains("attached").then_some(()))?;
    signal("CONT", process)?;
    if let Some(drive) = run.drive.take()
        && let Err(error) = drive(process)
    {
        let _ = signal("KILL", process);
        return Err(error.context(format!("the recorder said: {}", rest(&said))));
    }
    let status = ended("the recording", &mut recorded.0, run.limit).inspect_err(|_| drop(signal("KILL", process)))?;
    ended("strace", &mut watcher.0, START)?;
    let complaints = rest(&said);
    if status.code() == Some(125) {
        bail!("the recorder failed: {complaints}");
    }
    if status.code() != Some(run.status) {
        bail!("failed to run the program to its end, {status}: {complaints}");
    }
    let notes = if complaints.is_empty() {
        Vec::new()
    } else {
        vec![format!("recorder or program said: {}", complaints.chars().take(300).collect::<String>())]
    };
    let log = fs::read(&log).context("failed to read strace's log")?;
    let log = String::from_utf8(log).context("strace's log is not plain text")?;
    keep(name, &log, &facts_file, &output)?;
    let mut witness = witness(&strace::parse(&log)?, process, &folder.canonicalize()?)?;
    witness.add(&run.own)?;
    let facts = fs::read_to_string(&facts_file).context("failed to read the facts")?;
    let recorded = facts::read(&facts)?;
    let profile = Profile::read(&fs::read_to_string(&output).context("failed to read the profile")?)?;
    let mut problems = profile.problems(&facts)?;
    if profile.losses.is_empty() == run.loses {
        problems.push(format!("lost: {:?}", profile.losses));
    }
    let skipped = !profile.losses.is_empty() && profile.losses.iter().all(|loss| loss.ends_with("Missed"));
    Ok(Done { witness, recorded, exceptions: run.exceptions, columns: run.columns, notes, problems, skipped })
}

fn start(run: &Run, folder: &Path, recorder: &Path, facts: &Path, output: &Path) -> Result<Child> {
    let options: [&std::ffi::OsStr; 10] = [
        "record".as_ref(),
        "--quiet".as_ref(),
        "--stopped".as_ref(),
        "--no-mask".as_ref(),
        "--name".as_ref(),
        "truth".as_ref(),
        "--facts".as_ref(),
        facts.as_ref(),
        "--output".as_ref(),
        output.as_ref(),
    ];
    Command::new(recorder)
        .args(options)
        .args(avoided().iter().flat_map(|hook| ["--avoid", hook]))
        .arg("--")
        .args(&run.command)
        .current_dir(folder)
        .env_clear()
        .envs([("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C"), ("HOME", "/root")])
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {}", recorder.display()))
}

/// Hooks that the recorder is to do without, by TRUTH_AVOID.
fn avoided() -> Vec<String> {
    let names = std::env::var("TRUTH_AVOID").unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

fn watch(process: u32, strings: usize, log: &Path) -> Result<Child> {
    let arguments: [OsString; 9] = [
        "-f".into(),
        "-y".into(),
        "--decode-pids=pidns".into(),
        "-s".into(),
        strings.to_string().into(),
        "-o".into(),
        log.into(),
        "-p".into(),
        process.to_string().into(),
    ];
    Command::new("strace").args(arguments).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("failed to start strace")
}

/// Reads lines beside everything else, so that no writer waits.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn wait_for<T>(lines: &Receiver<String>, what: &str, look: impl Fn(&str) -> Option<T>) -> Result<T> {
    let mut seen = Vec::new();
    loop {
        match lines.recv_timeout(START) {
            Ok(line) => match look(&line) {
                Some(found) => return Ok(found),
                None => seen.push(line),
            },
            Err(RecvTimeoutError::Timeout) => bail!("failed to wait for {what} within {START:?}: {}", seen.join("; ")),
            Err(RecvTimeoutError::Disconnected) => bail!("failed to wait for {what}: {}", seen.join("; ")),
        }
    }
}

fn stopped(said: &Receiver<String>) -> Result<u32> {
    wait_for(said, "the recorder to start the program", |line| line.split("waiting for SIGCONT: pid ").nth(1)?.trim().parse().ok())
}

fn rest(lines: &Receiver<String>) -> String {
    lines.try_iter().collect::<Vec<_>>().join("; ")
}

/// Keeps what both sides said, for who wants to know why they differ: a folder named by TRUTH_KEEP.
fn keep(name: &str, log: &str, facts: &Path, output: &Path) -> Result<()> {
    let Some(folder) = std::env::var_os("TRUTH_KEEP") else { return Ok(()) };
    let folder = Path::new(&folder).join(name.replace(' ', "-"));
    fs::create_dir_all(&folder)?;
    std::io::Write::write_all(&mut File::create(folder.join("strace"))?, log.as_bytes())?;
    for (from, to) in [(facts, "facts"), (output, "profile")] {
        if from.exists() {
            fs::copy(from, folder.join(to))?;
        }
    }
    Ok(())
}
