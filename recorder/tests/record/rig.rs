//! Runs the recorder and reads what it wrote.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

/// Longest that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest that one recording may take.
const LONGEST: Duration = Duration::from_secs(240);

/// A folder for what one test writes, and the recorder's path.
pub(crate) struct Rig {
    folder: TempDir,
}

/// What a recording came to.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A recorder that runs.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// Dropped when the test is done with it.
    _alive: mpsc::Sender<()>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        // With no signal ignored, as from a terminal: nohup(1) around these tests would change what is tested.
        let mut command = Command::new("env");
        command.args(["--default-signal", env!("CARGO_BIN_EXE_runtimemap-recorder")]);
        command.arg("record").arg("--output").arg(self.path("map.yaml")).arg("--facts").arg(self.path("facts")).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Records to the end.
    pub(crate) fn record(&self, args: &[&str]) -> Done {
        self.start(args).finish()
    }

    /// Begins to record.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (alive, ended) = mpsc::channel::<()>();
        let pid = child.id();
        thread::spawn(move || {
            // What hangs ends, and its test fails.
            if ended.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
                send(pid, Signal::SIGKILL);
            }
        });
        Running { child, stdout, stderr, _alive: alive }
    }

    /// The object of a kind from the map.
    pub(crate) fn object(&self, kind: &str) -> Value {
        let text = fs::read_to_string(self.path("map.yaml")).unwrap();
        let found =
            text.split("\n---\n").map(|document| serde_saphyr::from_str::<Value>(document).unwrap()).find(|object| object["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {text}"))
    }

    /// Facts of a kind, as JSON.
    pub(crate) fn facts(&self, kind: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("facts")).unwrap();
        // While the recorder writes, the last line may be half there.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).filter(|fact| fact["kind"] == kind).collect()
    }

    /// How many opens of files below a folder are among the facts. There may be too many to hold.
    pub(crate) fn opened_below(&self, folder: &Path) -> u64 {
        let path = format!("\"path\":\"{}/", folder.display());
        let lines = BufReader::new(fs::File::open(self.path("facts")).unwrap()).lines();
        let found = lines.map(Result::unwrap).filter(|line| line.contains("\"kind\":\"open\"") && line.contains(&path)).count();
        found.try_into().unwrap()
    }

    /// Status of a condition of the profile; empty if it is not there.
    pub(crate) fn condition(&self, kind: &str) -> String {
        let profile = self.object("ApplicationProfile");
        let conditions = profile["status"]["conditions"].as_array().unwrap().clone();
        conditions
            .iter()
            .find(|condition| condition["type"] == kind)
            .map_or(String::new(), |condition| condition["status"].as_str().unwrap().to_owned())
    }

    pub(crate) fn phase(&self) -> String {
        self.object("ApplicationProfile")["status"]["phase"].as_str().unwrap().to_owned()
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Reads the command's output up to a line with this text, and gives the line.
    pub(crate) fn wait_for_output(&mut self, text: &str) -> String {
        line_with(&mut self.stdout, text)
    }

    /// The same for standard error.
    pub(crate) fn wait_for_error(&mut self, text: &str) -> String {
        line_with(&mut self.stderr, text)
    }

    /// Waits for its end and for the removal of its cgroup.
    pub(crate) fn finish(mut self) -> Done {
        let pid = self.child.id();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let status: ExitStatus = self.child.wait().unwrap();
        assert_eq!(cgroups_of(pid), Vec::<PathBuf>::new(), "something is left behind; {stderr}");
        Done { code: status.code(), stdout, stderr }
    }
}

fn line_with(from: &mut impl BufRead, text: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(from.read_line(&mut line).unwrap() > 0, "no line with {text:?}");
        if line.contains(text) {
            return line;
        }
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// Directories of the group that a recorder of that id makes, wherever it is.
fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    search(Path::new("/sys/fs/cgroup"), &format!("runtimemap-{pid}"), 6, &mut found);
    found
}

fn search(folder: &Path, name: &str, depth: u32, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name() == name {
            found.push(entry.path());
        } else if depth > 0 {
            search(&entry.path(), name, depth - 1, found);
        }
    }
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        thread::sleep(Duration::from_millis(10));
    }
}

/// State letter of a process; None if it is gone.
pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}
