//! What strace sees of a real program on the node, and what its profile says, whatever happens meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use runtimemap_tests::{
    sets::{self, Column, Sets},
    space::{Space, wait_until},
    strace,
    witness::witness,
};
use serde_json::Value;

use crate::bed::process;

/// A real program, watched by strace and by the product.
pub(super) struct Witnessed {
    space: Space,
    pid: u32,
    strace: Held,
    /// What strace writes, and where.
    log: tempfile::TempDir,
}

/// A process that dies with the scenario, whatever comes.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(pid: u32, log: &Path) -> Held {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "--decode-pids=pidns", "-s", "4096", "-o"]).arg(log).args(["-p", &pid.to_string()]);
    let mut strace = Held(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let mut said = BufReader::new(strace.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("attached")), "strace never attached");
    // Whoever writes to a closed pipe is killed.
    std::thread::spawn(move || said.for_each(drop));
    strace
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().map_or(&[][..], Vec::as_slice).iter()
}

impl Witnessed {
    /// Starts one, which does the same again and again.
    pub(super) async fn start() -> Self {
        let space = Space::new("witness").await;
        space.apply(include_str!("../manifests/witnessed.yaml"));
        let pid = wait_until("the pod's process", || process(&space.name, "witnessed").filter(|pid| is_shell(*pid))).await;
        let log = tempfile::tempdir().unwrap();
        let strace = watch(pid, &log.path().join("strace"));
        let witnessed = Self { space, pid, strace, log };
        witnessed.say("go");
        witnessed
    }

    fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }

    fn say(&self, word: &str) {
        fs::write(self.root().join("tmp").join(word), "").unwrap();
    }

    /// Ends it. All that strace saw is in its profile; says how much that was.
    pub(super) async fn end(mut self) -> String {
        self.say("stop");
        let root = self.root();
        wait_until("the program's end", || (!root.exists()).then_some(())).await;
        assert!(self.strace.0.wait().unwrap().success());
        let text = fs::read_to_string(self.log.path().join("strace")).unwrap();
        let seen = witness(&strace::parse(&text).unwrap(), self.pid, Path::new("/")).unwrap().sets;
        let [profile, _] = self.space.learned("pod-witnessed").await;
        compared(&seen, &profile["spec"]["containers"][0])
    }
}

/// Fails if strace saw what is not in the profile of the container; says how much it saw.
fn compared(seen: &Sets, container: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls: BTreeSet<String> = list(container, "syscalls").map(text).collect();
    let opened: BTreeSet<String> = list(container, "opens").map(|open| text(&open["path"])).collect();
    let ran: BTreeSet<String> = list(container, "execs")
        // A program's path may lead through links, which strace does not follow in another root.
        .map(|exec| arguments(&sets::exec("", "", &list(exec, "args").map(text).collect::<Vec<_>>())))
        .collect();
    let missing = |column: Column, known: &BTreeSet<String>| -> Vec<String> {
        // What a path is opened for has a place of its own.
        let line = |line: &String| match column {
            Column::Opens => line.rsplit_once(' ').unwrap().0.to_owned(),
            Column::Execs => arguments(line),
            _ => line.clone(),
        };
        seen.get(column).iter().map(line).filter(|line| !known.contains(line)).collect()
    };
    let figures = [(Column::Syscalls, &calls), (Column::Opens, &opened), (Column::Execs, &ran)].map(|(column, known)| {
        assert_eq!(missing(column, known), [""; 0], "{column}");
        format!("{} {column}", seen.get(column).len())
    });
    assert!(seen.get(Column::Opens).len() > 5 && seen.get(Column::Execs).len() > 1, "{figures:?}");
    figures.join(", ")
}

/// The arguments in the line of a started program.
fn arguments(line: &str) -> String {
    line.split_once(" [").map_or("", |(_, rest)| rest).to_owned()
}

/// Whether the container's own program runs by now.
fn is_shell(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sh")
}
