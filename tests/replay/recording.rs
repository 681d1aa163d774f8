//! What the recorder makes of a program.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    START,
    call::{binary, run},
    deadline::{ended, until},
    place::Place,
    program::Program,
};

/// For the last page to be read back and the objects to be written.
const END: Duration = Duration::from_secs(60);

/// The objects of one recording, as they were written.
pub(crate) struct Recording {
    folder: TempDir,
    objects: Vec<String>,
}

/// A process that ends with the test, whatever comes.
struct Held(Child);

impl Held {
    fn start(command: &mut Command, said: &Path) -> Result<Self> {
        let log = File::create(said)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        Ok(Self(child.with_context(|| format!("failed to start {command:?}"))?))
    }

    fn signal(&self, name: &str) -> Result<()> {
        run(Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string())).map(drop)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            // The recorder passes this on; killed, it would leave its command behind.
            let _ = self.signal("TERM");
            if ended("a process that failed its test", &mut self.0, Duration::from_secs(5)).is_err() {
                let _ = self.0.kill();
                let _ = self.0.wait();
            }
        }
    }
}

/// The command, as its user.
fn as_user(program: &Program, command: &mut Command) {
    if program.user != 0 {
        let user = program.user;
        command.arg("setpriv").arg(format!("--reuid={user}")).arg(format!("--regid={user}")).arg("--clear-groups");
    }
    command.args(&program.command);
}

impl Recording {
    /// Runs the program under its load, recorded from its first instruction.
    pub(crate) fn of(program: &Program, place: &Place) -> Result<Self> {
        program.forget()?;
        let folder = tempfile::tempdir()?;
        let said = folder.path().join("said");
        let mut command = place.at_server();
        command.arg(binary("RUNTIMEMAP_RECORDER")?).args(["record", "--quiet", "--name", program.name, "--output"]);
        command.arg(folder.path().join("map.yaml")).arg("--");
        as_user(program, &mut command);
        let mut recorder = Held::start(&mut command, &said)?;
        let outcome = until(program.name, START, || (program.probe)(place).ok()).and_then(|()| (program.load)(place));
        outcome.with_context(|| format!("while {} was recorded; it said: {}", program.name, last(&said)))?;
        recorder.signal(program.stop)?;
        let status = ended("the recording", &mut recorder.0, END)?;
        ensure!(status.success(), "the recording of {} ended with {status}: {}", program.name, last(&said));
        Self::read(folder)
    }

    /// Records a program that already serves.
    pub(crate) fn of_running(program: &Program, place: &Place) -> Result<Self> {
        program.forget()?;
        let folder = tempfile::tempdir()?;
        let said = folder.path().join("said");
        let mut command = place.at_server();
        as_user(program, &mut command);
        let mut server = Held::start(&mut command, &said)?;
        until(program.name, START, || (program.probe)(place).ok())?;
        let mut command = place.at_server();
        command.arg(binary("RUNTIMEMAP_RECORDER")?).args(["record", "--quiet", "--name", program.name, "--output"]);
        command.arg(folder.path().join("map.yaml")).arg("--pid").arg(server.0.id().to_string());
        let mut recorder = Held::start(&mut command, &folder.path().join("recorder"))?;
        until("the recorder's programs", START, || watches(recorder.0.id()).then_some(()))?;
        (program.load)(place)?;
        server.signal(program.stop)?;
        ended(program.name, &mut server.0, END)?;
        let status = ended("the recording", &mut recorder.0, END)?;
        ensure!(
            status.success(),
            "the recording of a running {} ended with {status}: {}",
            program.name,
            last(&folder.path().join("recorder"))
        );
        Self::read(folder)
    }

    fn read(folder: TempDir) -> Result<Self> {
        let text = fs::read_to_string(folder.path().join("map.yaml")).context("failed to read the map")?;
        Ok(Self { folder, objects: text.split("\n---\n").map(|object| format!("{object}\n")).collect() })
    }

    /// The file with all objects.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("map.yaml")
    }

    pub(crate) fn objects(&self) -> &[String] {
        &self.objects
    }

    /// The object of this kind, as written.
    pub(crate) fn object(&self, kind: &str) -> Result<&str> {
        let line = format!("kind: {kind}");
        let object = self.objects.iter().find(|object| object.lines().any(|other| other == line));
        object.map(String::as_str).with_context(|| format!("no {kind} in the map"))
    }

    /// Its specification, byte by byte.
    pub(crate) fn spec(&self, kind: &str) -> Result<&str> {
        let (_, rest) = self.object(kind)?.split_once("\nspec:\n").with_context(|| format!("the {kind} has no spec"))?;
        Ok(rest.split("\nstatus:\n").next().unwrap_or(rest))
    }

    /// What was lost, if anything.
    pub(crate) fn losses(&self) -> Option<&str> {
        self.objects.iter().find_map(|object| object.split_once("\n  losses:\n").map(|(_, losses)| losses))
    }

    /// The filter as the plugin exports it.
    pub(crate) fn filter(&self) -> Result<Value> {
        let text = run(Command::new(binary("RUNTIMEMAP_PLUGIN")?).args(["seccomp", "export", "-f"]).arg(self.file()))?;
        serde_json::from_str(&text).context("the exported filter is not JSON")
    }

    /// The NetworkPolicy as the plugin exports it, in a file.
    pub(crate) fn network_policy(&self) -> Result<PathBuf> {
        let text = run(Command::new(binary("RUNTIMEMAP_PLUGIN")?).args(["policy", "export", "-f"]).arg(self.file()))?;
        if !text.contains("kind: NetworkPolicy") {
            bail!("the exported policy is none: {text}");
        }
        let file = self.folder.path().join("policy.yaml");
        fs::write(&file, text)?;
        Ok(file)
    }
}

/// Whether a recorder has taken its snapshot: it says nothing then, but holds its programs and waits in a poll.
fn watches(recorder: u32) -> bool {
    const POLLS: &[&str] = if cfg!(target_arch = "x86_64") { &["7 ", "232 ", "271 ", "281 ", "441 "] } else { &["22 ", "73 ", "441 "] };
    let files = fs::read_dir(format!("/proc/{recorder}/fd")).into_iter().flatten().flatten();
    let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    let call = fs::read_to_string(format!("/proc/{recorder}/syscall")).unwrap_or_default();
    targets.any(|target| target.to_string_lossy().contains("bpf-prog")) && POLLS.iter().any(|poll| call.starts_with(poll))
}

/// The lines that only one of two texts has.
pub(crate) fn difference(first: &str, second: &str) -> String {
    let only = |sign: char, one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|same| same == *line)).map(|line| format!("{sign}{line}\n"));
        lines.collect::<String>()
    };
    only('-', first, second) + &only('+', second, first)
}

fn last(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().rev().take(5).collect::<Vec<_>>().join("; ")
}
