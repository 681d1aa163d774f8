//! How soon an agent is there, and what it needs, on nodes of several sizes.

use std::{
    fmt::Write,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    agent::{memory, processor_time, share},
    bundles::container,
    figures::Spread,
    pod::{Container, Pod},
    rig::{Rig, entries, get, wait_for_metric, wait_until},
};

/// Containers on the node when an agent starts, and how often one does.
const CROWDS: [usize; 3] = [10, 100, 1000];
const STARTS: usize = 5;
/// Places for containers. Of the default, 1,024, a quarter lies ready for those to come, and 768 are left for those that are there.
const SLOTS: &str = "2048";
/// Containers of a pod.
const TOGETHER: usize = 2;
/// How long an agent without anything new is watched.
const STILL: Duration = Duration::from_secs(5);

/// Starts agents on nodes of several sizes, and gives the table.
pub(crate) fn table() -> String {
    let mut text = "| containers | first hook | system calls | recording | resident | its own | processor, nothing new |\n".to_owned();
    text += "|---|---|---|---|---|---|---|\n";
    for crowd in CROWDS {
        let starts = crowded(crowd);
        let middle = |figure: fn(&Start) -> f64| Spread::of(starts.iter().map(figure)).expect("some starts").middle;
        let _ = writeln!(
            text,
            "| {crowd} | {:.0} ms | {:.0} ms | {:.0} ms | {:.1} MiB | {:.1} MiB | {:.4} |",
            middle(|start| start.first),
            middle(|start| start.hot),
            middle(|start| start.recording),
            middle(|start| start.resident),
            middle(|start| start.own),
            middle(|start| start.share),
        );
        eprintln!("{crowd} containers are measured");
    }
    text
}

/// One start of an agent, in milliseconds since it was begun, its memory, in MiB, and its part of a processor from then on.
struct Start {
    first: f64,
    hot: f64,
    recording: f64,
    resident: f64,
    own: f64,
    share: f64,
}

/// Starts agents on a node with so many containers.
fn crowded(count: usize) -> Vec<Start> {
    let node = Rig::new();
    let mut pods: Vec<(Pod, Vec<Container>)> = Vec::new();
    for _ in 0..count / TOGETHER {
        let pod = node.pod();
        let containers = (0..TOGETHER).map(|_| container(&pod)).collect();
        pods.push((pod, containers));
    }
    let starts = (0..STARTS).map(|_| start(&node, count)).collect();
    for container in pods.iter_mut().flat_map(|(_, containers)| containers) {
        container.end();
    }
    starts
}

/// Starts one with nothing to go by: no pins, no ledger.
fn start(node: &Rig, count: usize) -> Start {
    let mut rig = Rig::new();
    rig.flags.clone_from(&node.flags);
    rig.flags.extend(["--slots".to_owned(), SLOTS.to_owned()]);
    let address = rig.listen();
    let pins = rig.path("bpf/runtimemap");
    let began = Instant::now();
    let agent = rig.begin(&[]);
    let since = |what: &str, holds: &dyn Fn() -> bool| {
        eventually(what, holds);
        began.elapsed().as_secs_f64() * 1e3
    };
    let first = since("a hook", &|| !links(&pins).is_empty());
    let hot = since("the hook for system calls", &|| links(&pins).iter().any(|link| link.starts_with("sys_enter")));
    let recording = since("its beginning", &|| agent.log().contains("recording the containers"));
    wait_for_metric(&address, &format!("runtimemap_agent_containers{{state=\"learning\"}} {count}"));
    all_told(&address);
    let (began, before) = (Instant::now(), processor_time(agent.pid()));
    thread::sleep(STILL);
    let share = share(agent.pid(), began, before);
    let (resident, own) = memory(agent.pid());
    agent.end();
    assert!(rig.detach().status.success());
    Start { first, hot, recording, resident, own, share }
}

/// Waits until no batch was made for longer than one follows the other, so that all is told.
fn all_told(address: &str) {
    let batches = || get(address, "/metrics")?.lines().find(|line| line.starts_with("runtimemap_agent_batches_total")).map(str::to_owned);
    let (mut since, mut last) = (Instant::now(), batches());
    wait_until("an end of batches", || {
        let now = batches();
        if now != last {
            (since, last) = (Instant::now(), now);
        }
        since.elapsed() > Duration::from_secs(2)
    });
}

/// Names of pinned links.
fn links(pins: &Path) -> Vec<String> {
    let links = entries(pins).into_iter().filter(|path| path.parent().is_some_and(|parent| parent.ends_with("links")));
    links.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect()
}

/// Looks more often than a test does.
fn eventually(what: &str, holds: &dyn Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        thread::sleep(Duration::from_micros(500));
    }
}
