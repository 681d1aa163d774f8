//! What the controller wants watched, and what it does not; hooks that are attached for learners only.

use aya::maps::{HashMap, Map, MapData};
use runtimemap_crds::{ContainerDirective, PodDirective, WatchState};
use runtimemap_recorder_ebpf::{Task, origin};

use crate::{
    pod::Container,
    rig::{Rig, entries, wait_for_metric, wait_until},
};

fn order(container: &Container, watch: WatchState) -> ContainerDirective {
    ContainerDirective {
        pod_uid: container.pod_uid.clone(),
        id: container.id.clone(),
        watch,
        workload: "shop/deployment-web".into(),
        revision: "r1".into(),
        ..ContainerDirective::default()
    }
}

/// Names of pinned links.
fn links(rig: &Rig) -> Vec<String> {
    let all = entries(&rig.path("bpf/runtimemap"));
    let links = all.iter().filter(|path| path.parent().unwrap().ends_with("links"));
    links.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_window_that_closes_is_handed_over_whole_and_what_follows_waits() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.order(order(&container, WatchState::Close));
    wait_until("drained", || rig.cluster.observed(&container.id).is_some_and(|observed| observed.drained));
    assert!(rig.cluster.has(&container.id, "/etc/hosts"));
    let observed = rig.cluster.observed(&container.id).unwrap();
    assert_eq!((observed.workload.as_str(), observed.revision.as_str()), ("shop/deployment-web", "r1"));
    // The second makes a call that nothing before it has made.
    container.act("cat /etc/group > /dev/null; nproc > /dev/null");
    // A kill changes nothing of it.
    agent.kill();
    let agent = rig.agent();
    let mut other = rig.pod().container();
    other.act("cat /etc/services > /dev/null");
    rig.cluster.wait_for(&other.id, "/etc/services");
    assert!(!rig.cluster.has(&container.id, "/etc/group") && !rig.cluster.has(&container.id, "sched_getaffinity"));
    rig.cluster.order(order(&container, WatchState::Watch));
    rig.cluster.wait_for(&container.id, "/etc/group");
    rig.cluster.wait_for(&container.id, "sched_getaffinity");
    agent.end();
}

#[test]
fn a_call_is_found_in_a_table_that_was_not_read_while_nothing_was_new() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let (mut container, mut other) = (pod.container(), pod.container());
    container.act(":");
    rig.cluster.wait_for(&container.id, "bash");
    // Each is told after another look at everything, at which no table has anything new but at the first.
    for file in ["/etc/hosts", "/etc/group", "/etc/services", "/etc/passwd", "/etc/hostname"] {
        other.act(&format!(": < {file}"));
        rig.cluster.wait_for(&other.id, file);
    }
    assert!(!rig.cluster.has(&container.id, "kill"));
    // Nothing else of it tells that something is new.
    container.act("kill -0 $$");
    rig.cluster.wait_for(&container.id, "kill");
    agent.end();
}

#[test]
fn a_container_that_has_ended_answers_too_when_its_window_closes() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    container.end();
    wait_until("closed", || rig.cluster.observed(&container.id).is_some_and(|observed| observed.closed));
    agent.kill();
    let agent = rig.agent();
    rig.cluster.order(order(&container, WatchState::Close));
    wait_until("drained", || rig.cluster.observed(&container.id).is_some_and(|observed| observed.drained));
    assert!(rig.cluster.has(&container.id, "/etc/hosts"));
    agent.end();
}

#[test]
fn a_container_that_ended_while_it_was_ignored_is_said_to_have_ended_once() {
    let mut rig = Rig::new();
    let address = rig.listen();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    rig.cluster.order(order(&container, WatchState::Ignore));
    wait_for_metric(&address, "runtimemap_agent_containers{state=\"ignored\"} 1");
    container.end();
    wait_for_metric(&address, "runtimemap_agent_containers{state=\"ignored\"} 0");
    assert!(!rig.cluster.observed(&container.id).unwrap().closed);
    // Its workload is learned anew: that window would wait for its answer.
    rig.cluster.order(order(&container, WatchState::Close));
    wait_until("closed", || rig.cluster.observed(&container.id).is_some_and(|observed| observed.closed && observed.drained));
    let letters = rig.cluster.letters(&container.id);
    let mut other = rig.pod().container();
    other.act("cat /etc/services > /dev/null");
    rig.cluster.wait_for(&other.id, "/etc/services");
    let batches = || rig.cluster.written().iter().filter(|batch| batch.contains(&container.id)).count();
    let before = batches();
    other.act("cat /etc/group > /dev/null");
    rig.cluster.wait_for(&other.id, "/etc/group");
    assert_eq!((batches(), rig.cluster.letters(&container.id)), (before, letters));
    agent.end();
}

#[test]
fn what_is_ignored_is_not_told_of_any_more_also_by_the_next_agent() {
    let mut rig = Rig::new();
    let address = rig.listen();
    let agent = rig.agent();
    let pod = rig.pod();
    let mut container = pod.container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    rig.cluster.order(order(&container, WatchState::Ignore));
    wait_for_metric(&address, "runtimemap_agent_containers{state=\"ignored\"} 1");
    let mut other = rig.pod().container();
    let mut round = |container: &mut Container, name: &str| {
        container.act(&format!("cat /etc/{name} > /dev/null"));
        other.act(&format!("cat /etc/{name} > /dev/null"));
        let path = format!("\"/etc/{name}\"");
        rig.cluster.wait_for(&other.id, &path);
        assert!(!rig.cluster.has(&container.id, &path));
    };
    round(&mut container, "group");
    agent.kill();
    let agent = rig.agent();
    round(&mut container, "services");
    agent.end();
}

#[test]
fn containers_of_an_ignored_pod_are_ignored_before_they_have_a_cgroup() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let mut before = pod.container();
    rig.cluster.wait_for(&before.id, "bash");
    rig.cluster.order_pod(PodDirective { pod_uid: pod.uid.clone(), watch: WatchState::Ignore });
    let mut other = rig.pod().container();
    other.act("true");
    rig.cluster.wait_for(&other.id, "bash");
    let mut after = pod.container();
    for container in [&mut before, &mut after, &mut other] {
        container.act("cat /etc/hosts > /dev/null");
    }
    rig.cluster.wait_for(&other.id, "/etc/hosts");
    assert!(!rig.cluster.has(&before.id, "/etc/hosts"));
    assert!(rig.cluster.observed(&after.id).is_none());
    agent.end();
}

#[test]
fn everything_is_told_again_when_it_is_asked_for() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let (mut running, mut ended) = (pod.container(), pod.container());
    for container in [&mut running, &mut ended] {
        container.act("cat /etc/hosts > /dev/null");
        rig.cluster.wait_for(&container.id, "/etc/hosts");
    }
    ended.end();
    wait_until("the end", || rig.cluster.observed(&ended.id).is_some_and(|observed| observed.closed));
    rig.cluster.forget();
    for container in [&running, &ended] {
        rig.cluster.order(order(container, WatchState::Repeat));
        rig.cluster.wait_for(&container.id, "/etc/hosts");
    }
    agent.end();
}

#[test]
fn hooks_that_run_often_are_attached_for_learners_only() {
    let mut rig = Rig::new();
    rig.flags.extend(["--idle".to_owned(), "1s".to_owned()]);
    let address = rig.listen();
    let agent = rig.agent();
    let hot = ["sys_enter", "sys_exit", "inet_sock_set_state", "cgroup_skb"];
    let any_hot = |rig: &Rig| links(rig).iter().any(|link| hot.iter().any(|hot| link.starts_with(hot)));
    let pod = rig.pod();
    let mut container = pod.container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    assert!(any_hot(&rig), "{:?}", links(&rig));
    rig.cluster.order(order(&container, WatchState::Ignore));
    wait_until("nothing hot", || !any_hot(&rig));
    assert!(links(&rig).iter().any(|link| link == "cgroup_mkdir"));
    // The next pod finds all of it attached, also under an agent that never attached it.
    agent.kill();
    let agent = rig.agent();
    let pod = rig.pod();
    wait_for_metric(&address, "runtimemap_agent_hooks_hot 1");
    assert!(any_hot(&rig));
    let mut container = pod.container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    assert!(rig.cluster.observed(&container.id).unwrap().startup_observed);
    agent.end();
}

#[test]
fn what_a_runtime_does_while_it_enters_is_not_the_containers() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let mut first = pod.container();
    first.act(":");
    rig.cluster.wait_for(&first.id, "bash");
    let file = rig.path("runtimes-own");
    std::fs::write(&file, "").unwrap();
    // It goes on while it is moved: of 200 such containers one or none was told to have opened this.
    let opens = format!("while :; do : < {}; done", file.display());
    let mut runtime = std::process::Command::new("bash").args(["-c", &opens]).spawn().unwrap();
    let ids: Vec<String> = (0..400).map(|_| pod.enter(runtime.id())).collect();
    runtime.kill().unwrap();
    runtime.wait().unwrap();
    first.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&first.id, "/etc/hosts");
    let wrong = ids.iter().filter(|id| rig.cluster.has(id, "runtimes-own")).count();
    assert_eq!(wrong, 0, "of {}", ids.len());
    agent.end();
}

#[test]
fn a_program_of_whose_start_the_kernel_did_not_tell_is_the_containers_nevertheless() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act(":");
    rig.cluster.wait_for(&container.id, "bash");
    let all = entries(&rig.path("bpf/runtimemap"));
    let tasks = all.iter().find(|path| path.ends_with("maps/TASKS")).unwrap();
    let mut tasks = HashMap::<_, u32, [u32; 6]>::try_from(Map::HashMap(MapData::from_pin(tasks).unwrap())).unwrap();
    // Container, origin, whether it is followed, memory.
    const { assert!(size_of::<Task>() == 24) };
    let [slot, epoch, begun, ..] = tasks.get(&container.pid(), 0).unwrap();
    assert_eq!(begun, origin::ENTRYPOINT);
    // As it is where the kernel has skipped the program that it tells of each start.
    tasks.insert(container.pid(), [slot, epoch, origin::RUNTIME, 0, 1, 0], 0).unwrap();
    container.act(": < /etc/hosts");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    assert_ne!(tasks.get(&container.pid(), 0).unwrap()[2], origin::RUNTIME);
    agent.end();
}
