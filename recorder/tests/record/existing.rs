//! What already runs.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::rig::{Rig, Running, send, wait_until};

/// A shell that says `ready` and then does one line of its input after the other.
pub(crate) struct Server {
    pub(crate) child: Child,
    lines: ChildStdin,
    output: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let script = "exec 7</etc/hostname; echo ready; while read line; do eval \"$line\"; echo done; done";
        let mut child = Command::new("bash").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut String::new()).unwrap();
        Self { child, lines, output }
    }

    fn run(&mut self, line: &str) {
        writeln!(self.lines, "{line}").unwrap();
        let mut answer = String::new();
        while answer != "done\n" {
            answer.clear();
            assert!(self.output.read_line(&mut answer).unwrap() > 0);
        }
    }

    pub(crate) fn end(mut self) {
        drop(self.lines);
        self.child.wait().unwrap();
    }
}

/// Cgroups of one name in every hierarchy; gone when dropped.
pub(crate) struct Groups(Vec<PathBuf>);

impl Groups {
    pub(crate) fn create(name: &str) -> Self {
        let roots = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(PathBuf::from);
        let dirs: Vec<PathBuf> = roots.iter().filter(|root| root.join("cgroup.procs").exists()).map(|root| root.join(name)).collect();
        dirs.iter().for_each(|dir| fs::create_dir(dir).unwrap());
        Self(dirs)
    }

    pub(crate) fn put(&self, pid: u32) {
        self.0.iter().for_each(|dir| fs::write(dir.join("cgroup.procs"), pid.to_string()).unwrap());
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // A runtime makes the cgroup above its own in the other hierarchies too, and leaves it.
        let name = self.0.first().and_then(|dir| dir.file_name()).unwrap();
        let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path().join(name));
        let all: Vec<PathBuf> = hierarchies.chain(self.0.iter().cloned()).collect();
        wait_until("an empty cgroup", || all.iter().all(|dir| fs::remove_dir(dir).is_ok() || !dir.exists()));
    }
}

/// Begins to record and waits until the snapshot is taken.
pub(crate) fn record(rig: &Rig, args: &[&str]) -> Running {
    let mut running = rig.start(args);
    running.wait_for_error("recording ");
    running
}

#[test]
fn a_running_process_is_followed_by_itself_with_its_children_and_its_past() {
    let rig = Rig::new();
    let mut server = Server::start();
    let pid = server.child.id().to_string();
    let running = record(&rig, &["--pid", &pid]);
    server.run("cat /etc/hosts > /dev/null");
    wait_until("its open in the facts, while it runs", || rig.facts("open").iter().any(|fact| fact["path"] == "/etc/hosts"));
    server.end();
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!((rig.condition("StartupObserved"), rig.phase()), ("False".into(), "Complete".into()));
    let execs = rig.facts("exec");
    assert!(execs.iter().any(|fact| fact["origin"] == "snapshot" && fact["path"].as_str().unwrap().ends_with("/bash")), "{execs:?}");
    assert!(execs.iter().any(|fact| fact["args"] == json!(["cat", "/etc/hosts"])), "{execs:?}");
    let opens = rig.facts("open");
    for (path, origin) in [("/etc/hostname", "snapshot"), ("/etc/hosts", "entrypoint")] {
        assert!(opens.iter().any(|fact| fact["path"] == path && fact["origin"] == origin), "{path} {opens:?}");
    }
    assert!(rig.facts("syscall").iter().any(|fact| fact["name"] == "read" && fact["origin"] == "snapshot"));
}

#[test]
fn a_cgroup_is_recorded_until_the_time_is_over() {
    let rig = Rig::new();
    let name = format!("runtimemap-test-existing-{}", std::process::id());
    let groups = Groups::create(&name);
    let mut server = Server::start();
    groups.put(server.child.id());
    let running = record(&rig, &["--cgroup", &format!("/{name}"), "--duration", "2s", "--name", "web"]);
    server.run("cat /etc/hosts > /dev/null");
    let done = running.finish();
    server.end();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!((rig.condition("Interrupted"), rig.phase()), ("True".into(), "Complete".into()));
    assert!(rig.facts("exec").iter().any(|fact| fact["args"] == json!(["cat", "/etc/hosts"])));
    assert_eq!(rig.object("ApplicationProfile")["status"]["learning"]["period"], "2s");
}

#[test]
fn ctrl_c_ends_it_and_leaves_the_process_alone() {
    let rig = Rig::new();
    let mut server = Server::start();
    let running = record(&rig, &["--pid", &server.child.id().to_string()]);
    send(running.pid(), Signal::SIGINT);
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(rig.phase(), "Learning");
    server.run(":");
    server.end();
}

#[test]
fn r9_connections_to_a_socket_that_listened_before_are_seen() {
    // In the cgroup of this very test, which nobody tracks.
    let script = "import socket,sys\ns = socket.create_server((\"127.0.0.1\", 0))\nprint(s.getsockname()[1], flush=True)\n\
        while True:\n  c, _ = s.accept()\n  c.close()";
    let mut server = Command::new("python3").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port: u16 = line.trim().parse().unwrap();
    let rig = Rig::new();
    let running = record(&rig, &["--pid", &server.id().to_string()]);
    let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let came = |fact: &serde_json::Value| fact["direction"] == "ingress" && fact["local"] == format!("127.0.0.1:{port}");
    wait_until("the connection among the facts", || rig.facts("flow").iter().any(came));
    drop(client);
    send(server.id(), Signal::SIGTERM);
    server.wait().unwrap();
    let done = running.finish();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    // The client is another process of the same cgroup, and none of its acts are here.
    assert!(rig.facts("flow").iter().all(came), "{:?}", rig.facts("flow"));
}
