//! Pods and containers, as a kubelet and a runtime make them: cgroups, and a program in them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use runtimemap_recorder::cgroup::Hierarchies;

use crate::rig::wait_until;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A kubelet's group, with what is made below it. Gone when dropped.
pub(crate) struct Kubelet {
    /// Of the group above.
    pub(crate) name: String,
    roots: Vec<PathBuf>,
}

/// A pod's groups.
pub(crate) struct Pod {
    pub(crate) uid: String,
    directories: Vec<PathBuf>,
}

/// A container's groups, and a shell that does what it is told.
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) pod_uid: String,
    directories: Vec<PathBuf>,
    child: Child,
    lines: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Kubelet {
    pub(crate) fn start() -> Self {
        let hierarchies = Hierarchies::read().unwrap();
        let name = format!("agent-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mounts = hierarchies.taking_part().unwrap().into_iter().map(|part| part.mount.join(&name).join("kubepods"));
        let roots: Vec<PathBuf> = mounts.collect();
        roots.iter().for_each(|root| fs::create_dir_all(root.join("burstable")).unwrap());
        Self { name, roots }
    }

    pub(crate) fn pod(&self) -> Pod {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let uid = format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id());
        let directories: Vec<PathBuf> = self.roots.iter().map(|root| root.join(format!("burstable/pod{uid}"))).collect();
        directories.iter().for_each(|directory| fs::create_dir(directory).unwrap());
        Pod { uid, directories }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        for root in &self.roots {
            let above = root.parent().unwrap();
            wait_until("empty cgroups", || {
                remove(root);
                fs::remove_dir(above).is_ok() || !above.exists()
            });
        }
    }
}

fn remove(directory: &PathBuf) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove(&entry.path());
    }
    // What is not empty yet is tried again.
    let _ = fs::remove_dir(directory);
}

impl Pod {
    /// Starts a container: its groups, then a task in them, then its program, as a runtime does it.
    pub(crate) fn container(&self) -> Container {
        let (id, directories) = self.groups();
        let serve = "while read -r line; do eval \"$line\"; echo done; done";
        let script = format!("{} exec bash -c '{serve}'", enter(&directories));
        let mut child = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Container { id, pod_uid: self.uid.clone(), directories, child, lines, output }
    }

    /// Runs a program in a container that is gone as soon as it has ended. Gives the container's id.
    pub(crate) fn moment(&self, program: &str) -> String {
        let (id, directories) = self.groups();
        let script = format!("{} exec {program}", enter(&directories));
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
        directories.iter().for_each(|directory| wait_until("an empty cgroup", || fs::remove_dir(directory).is_ok()));
        id
    }

    /// Moves a process that runs into the groups of a new container. Gives its id.
    pub(crate) fn enter(&self, pid: u32) -> String {
        let (id, directories) = self.groups();
        directories.iter().for_each(|directory| fs::write(directory.join("cgroup.procs"), pid.to_string()).unwrap());
        id
    }

    /// Makes a container's groups. Gives its id, too.
    fn groups(&self) -> (String, Vec<PathBuf>) {
        let id = format!("{:032x}{:032x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directories: Vec<PathBuf> = self.directories.iter().map(|pod| pod.join(&id)).collect();
        directories.iter().for_each(|directory| fs::create_dir(directory).unwrap());
        (id, directories)
    }
}

/// What lets a shell go there.
fn enter(directories: &[PathBuf]) -> String {
    directories.iter().map(|directory| format!("echo $$ > {}/cgroup.procs; ", directory.display())).collect()
}

impl Container {
    /// Directories of its groups.
    pub(crate) fn groups(&self) -> &[PathBuf] {
        &self.directories
    }

    /// The process id of its shell.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Lets it do something, and waits until it has.
    pub(crate) fn act(&mut self, line: &str) {
        self.begin(line);
        self.finish();
    }

    /// Lets it begin something.
    pub(crate) fn begin(&mut self, line: &str) {
        writeln!(self.lines.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until it has done what it began last.
    pub(crate) fn finish(&mut self) {
        let mut answer = String::new();
        while answer != "done\n" {
            answer.clear();
            assert!(self.output.read_line(&mut answer).unwrap() > 0, "the container has ended");
        }
    }

    /// Ends it, with its groups.
    pub(crate) fn end(&mut self) {
        drop(self.lines.take());
        self.child.wait().unwrap();
        for directory in &self.directories {
            wait_until("an empty cgroup", || fs::remove_dir(directory).is_ok() || !directory.exists());
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
