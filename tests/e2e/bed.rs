//! The suite's own node, as this machine sees it from outside. On somebody else's cluster there is none.

use std::{
    env, fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use runtimemap_tests::space::{kubectl, wait_until};

/// Namespace of the product.
pub(crate) const SYSTEM: &str = "runtimemap";

/// The product's program, as the kernel cuts its name.
const PROGRAM: &str = "runtimemap-reco";

/// The node and its cluster.
pub(crate) struct Bed {
    state: String,
}

impl Bed {
    /// The suite's own, if this is it; else says that the scenario is left out.
    #[expect(clippy::print_stderr, reason = "a scenario that is left out says so")]
    pub(crate) fn own() -> Option<Self> {
        let state = env::var("STATE").ok();
        if state.is_none() {
            eprintln!("LEFT OUT: this is no cluster of the suite's own, whose programs it could end");
        }
        state.map(|state| Self { state })
    }

    /// Ends a program of the cluster.
    pub(crate) fn stop(&self, program: &str) {
        self.node("stop", program);
    }

    /// Runs it again.
    pub(crate) fn start(&self, program: &str) {
        self.node("start", program);
    }

    fn node(&self, verb: &str, program: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/node.sh");
        assert!(Command::new(script).args([verb, &self.state, program]).status().unwrap().success(), "{verb} {program}");
    }

    /// What the API server was asked, one JSON object a line.
    pub(crate) fn audit(&self) -> String {
        fs::read_to_string(Path::new(&self.state).join("log/audit.json")).unwrap()
    }
}

/// Names of the product's pods of one part of it that are not going.
pub(crate) fn parts(component: &str) -> Vec<String> {
    let label = format!("app.kubernetes.io/component={component}");
    let template = r#"{range .items[?(@.status.phase=="Running")]}{.metadata.name} {end}"#;
    let names = kubectl(&["-n", SYSTEM, "get", "pods", "-l", &label, "-o", &format!("jsonpath={template}")], "");
    names.split_whitespace().map(str::to_owned).collect()
}

/// The first process of a pod's first container, by the id that this machine knows it by. None while there is none.
pub(crate) fn process(namespace: &str, pod: &str) -> Option<u32> {
    let path = "jsonpath={.status.containerStatuses[0].containerID}";
    let id = kubectl(&["-n", namespace, "get", "pod", pod, "-o", path], "");
    let id = id.rsplit('/').next().filter(|id| !id.is_empty())?;
    first(|_, groups| groups.contains(id))
}

/// The process that started first of those that are wanted, by id and by their lines of cgroups. Later ones are its children, or have come
/// from outside.
fn first(wanted: impl Fn(u32, &str) -> bool) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| wanted(*pid, &groups)))
        .min_by_key(|pid| started(*pid))
}

/// When a process started, in ticks since boot.
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().nth(19).and_then(|ticks| ticks.parse().ok()).unwrap_or(u64::MAX)
}

/// Sends a signal, by number, to a process of a pod.
pub(crate) fn signal(pid: u32, number: i32) {
    assert!(Command::new("kill").args([format!("-{number}"), pid.to_string()]).status().unwrap().success(), "kill -{number} {pid}");
}

/// A pod of the product, whose process is found without asking an API server.
#[derive(Clone)]
pub(crate) struct Part {
    /// In the names of its cgroups, as either driver writes it.
    uids: [String; 2],
}

impl Part {
    pub(crate) fn named(pod: &str) -> Self {
        let uid = kubectl(&["-n", SYSTEM, "get", "pod", pod, "-o", "jsonpath={.metadata.uid}"], "");
        Self { uids: [uid.replace('-', "_"), uid] }
    }

    fn process(&self) -> Option<u32> {
        first(|pid, groups| {
            // Neither what holds the pod's namespaces nor the runtime before it becomes the program.
            let runs = || fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == PROGRAM);
            self.uids.iter().any(|uid| groups.contains(uid.as_str())) && runs()
        })
    }

    /// Kills its process once it has run for so long, and waits until another has taken its place.
    pub(crate) async fn kill(&self, later: Duration) {
        let before = wait_until("a process", || self.process()).await;
        let seen = Instant::now();
        wait_until("the kill's time", || (seen.elapsed() >= later).then_some(())).await;
        signal(before, 9);
        wait_until("another process", || self.process().filter(|now| *now != before)).await;
    }
}

/// So long a real outage is to be.
pub(crate) const OUTAGE: Duration = Duration::from_secs(120);
