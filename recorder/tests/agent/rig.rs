//! Runs agents, one after the other, with one ledger and one folder of pins.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runtimemap_crds::ObservedContainer;
use tempfile::TempDir;

use crate::{
    cluster::Cluster,
    pod::{Kubelet, Pod},
};

/// Longest that anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A folder for ledger and pins, a kubelet's groups, a cluster to talk to.
pub(crate) struct Rig {
    folder: TempDir,
    kubelet: Kubelet,
    pub(crate) cluster: Cluster,
    /// Flags of every agent.
    pub(crate) flags: Vec<String>,
    /// The program of the next agents.
    pub(crate) recorder: OsString,
}

/// A file system of its own, as long as the test.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(place: &Path, flags: MsFlags, options: &str) -> Self {
        mount(Some("tmpfs"), place, Some("tmpfs"), flags, Some(options)).unwrap();
        Self(place.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// An agent that runs.
pub(crate) struct Agent {
    child: Child,
    log: PathBuf,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bpf = folder.path().join("bpf");
        fs::create_dir(&bpf).unwrap();
        mount(Some("bpf"), &bpf, Some("bpf"), MsFlags::empty(), None::<&str>).unwrap();
        let (cluster, kubeconfig) = Cluster::start();
        fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
        let kubelet = Kubelet::start();
        // Not what other tests do at the same time.
        let flags = vec!["--below".to_owned(), kubelet.name.clone()];
        Self { folder, kubelet, cluster, flags, recorder: recorder() }
    }

    pub(crate) fn pod(&self) -> Pod {
        self.kubelet.pod()
    }

    /// Lets agents answer over HTTP, and gives where.
    pub(crate) fn listen(&mut self) -> String {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        self.flags.extend(["--listen".to_owned(), address.clone()]);
        address
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The agent's command line, behind another one that sets the stage for it.
    pub(crate) fn command(&self, before: &[&str]) -> Command {
        let mut words = before.iter().map(OsStr::new).chain([self.recorder.as_os_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["agent", "--node", "node1"]).arg("--kubeconfig").arg(self.path("kubeconfig"));
        command.arg("--state").arg(self.path("state")).arg("--pins").arg(self.path("bpf/runtimemap")).args(&self.flags);
        command.stdin(Stdio::null());
        command
    }

    /// Starts one, and waits until it records.
    pub(crate) fn agent(&self) -> Agent {
        let agent = self.begin(&[]);
        agent.wait_for_log("recording the containers");
        agent
    }

    /// Starts one.
    pub(crate) fn begin(&self, before: &[&str]) -> Agent {
        let log = self.path("log");
        let child = self.command(before).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Agent { child, log }
    }

    /// What is known of a container that has ended, once all of it is told.
    pub(crate) fn closed(&self, id: &str) -> ObservedContainer {
        wait_until(&format!("the end of {id}"), || self.cluster.observed(id).is_some_and(|observed| observed.closed));
        self.cluster.observed(id).unwrap()
    }

    pub(crate) fn detach(&self) -> std::process::Output {
        let mut command = Command::new(recorder());
        command.arg("detach").arg("--state").arg(self.path("state")).arg("--pins").arg(self.path("bpf/runtimemap"));
        command.output().unwrap()
    }
}

/// The recorder under test: the one built with these tests, or, on a machine that they were not built on, what RECORDER_UNDER_TEST names.
pub(crate) fn recorder() -> OsString {
    env::var_os("RECORDER_UNDER_TEST").unwrap_or_else(|| env!("CARGO_BIN_EXE_runtimemap-recorder").into())
}

impl Drop for Rig {
    fn drop(&mut self) {
        // With the last reference to a pin its program goes.
        let _ = umount2(&self.path("bpf"), MntFlags::MNT_DETACH);
    }
}

impl Agent {
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(&format!("{text} in the log {}", self.log()), || self.log().contains(text));
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as the kubelet does, and gives its log.
    pub(crate) fn end(mut self) -> String {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }

    /// Waits until it has ended by itself, and gives its log.
    pub(crate) fn ended(mut self) -> String {
        wait_until("the agent's end", || self.child.try_wait().unwrap().is_some());
        self.log()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// What the agent shows at a path, with its status line.
pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Waits until a line of the metrics begins so.
pub(crate) fn wait_for_metric(address: &str, line: &str) {
    let has = || get(address, "/metrics").is_some_and(|text| text.lines().any(|found| found.starts_with(line)));
    wait_until(&format!("{line} in the metrics"), has);
}

/// What bpftool says.
pub(crate) fn bpftool(args: &[&str]) -> String {
    let output = Command::new("bpftool").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Entries below a folder, as often as there are levels.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    found.flat_map(|path| entries(&path).into_iter().chain([path])).collect()
}

/// Waits until a condition holds.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        thread::sleep(Duration::from_millis(10));
    }
}
