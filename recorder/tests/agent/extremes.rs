//! Nodes that are not well, and containers that do what few do: floods, moments, crowds, numbers that are used again.

use std::{collections::BTreeMap, env, fs, path::Path, thread};

use nix::mount::MsFlags;
use runtimemap_crds::LossCause;

use crate::{
    flood::{self, issued},
    pod::Container,
    rig::{Mount, Rig, get, wait_until},
};

/// New facts a second that one container may have, by default.
const SHARE: u64 = 10_000;

/// How many facts the agent was told of.
fn facts(address: &str) -> u64 {
    let text = get(address, "/metrics").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("runtimemap_agent_facts_total "));
    line.unwrap().trim().parse().unwrap()
}

/// Ends a container, and gives its losses.
fn end(rig: &Rig, container: &mut Container) -> BTreeMap<LossCause, u64> {
    container.end();
    rig.closed(&container.id).losses
}

/// Ten seconds of it; `SECONDS=60` for a minute.
#[test]
fn a_containers_share_of_new_facts_is_taken_whole_and_each_above_it_is_counted() {
    let seconds = env::var("SECONDS").map_or(10, |text| text.parse().unwrap());
    let mut rig = Rig::new();
    let address = rig.listen();
    let agent = rig.agent();
    let pod = rig.pod();
    for (rate, seconds) in [(SHARE, seconds), (flood::UNBOUNDED, 4)] {
        let folder = rig.path(&format!("flood-{rate}"));
        let mut container = pod.container();
        container.act(":");
        rig.cluster.wait_for(&container.id, "bash");
        let before = facts(&address);
        container.act(&flood::for_seconds(&folder, rate, seconds));
        let losses = end(&rig, &mut container);
        let (issued, told, lost) = (issued(&folder), facts(&address) - before, losses.values().sum::<u64>());
        eprintln!("FIGURE {issued} new opens in {seconds} s: {told} facts, lost {losses:?}");
        assert!(told + lost >= issued, "{} are missing, and nobody counted them", issued - told - lost);
        // perl and bash open a few files, too.
        assert!(told + lost < issued + 200, "{told} and {lost} of {issued}");
        if rate == SHARE {
            assert!(losses.is_empty() && issued > rate * seconds * 9 / 10, "{issued}, lost {losses:?}");
        } else {
            assert!(lost > 0 && losses.keys().all(|cause| matches!(cause, LossCause::Throttled | LossCause::RingFull)), "{losses:?}");
        }
    }
    agent.end();
}

#[test]
fn while_its_disk_is_full_an_agent_goes_on_and_says_so() {
    let rig = Rig::new();
    let state = rig.path("state");
    fs::create_dir(&state).unwrap();
    let _mount = Mount::new(&state, MsFlags::empty(), "size=8m");
    let agent = rig.agent();
    let pod = rig.pod();
    let mut container = pod.container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    // What the ledger's file holds already may be written over: it has to grow.
    let full: Vec<_> =
        (0..).map(|number| state.join(format!("full{number}"))).take_while(|path| fs::write(path, [1; 4096]).is_ok()).collect();
    assert!(!full.is_empty());
    let folder = rig.path("grows");
    let mut number = 0;
    wait_until("the words", || {
        number += 1;
        let name = format!("{}/{}", folder.display(), "long".repeat(40));
        container.act(&format!("mkdir -p {name}{number} && : > {name}{number}/file"));
        agent.log().contains("failed to write the ledger")
    });
    container.act("cat /etc/group > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/group");
    full.iter().for_each(|path| fs::remove_file(path).unwrap());
    agent.wait_for_log("the ledger can be written again");
    container.act("cat /etc/fstab > /dev/null");
    agent.kill();
    container.act("cat /etc/passwd > /dev/null");
    let agent = rig.agent();
    assert_eq!(end(&rig, &mut container), BTreeMap::new());
    for path in ["/etc/hosts", "/etc/group", "/etc/fstab", "/etc/passwd"] {
        assert!(rig.cluster.has(&container.id, path), "{path}");
    }
    agent.end();
}

#[test]
fn where_its_disk_is_read_only_an_agent_tells_what_it_sees_and_that_it_keeps_nothing() {
    let rig = Rig::new();
    let state = rig.path("state");
    fs::create_dir(&state).unwrap();
    let _mount = Mount::new(&state, MsFlags::MS_RDONLY, "size=8m");
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    assert_eq!(end(&rig, &mut container), BTreeMap::new());
    assert!(rig.cluster.has(&container.id, "/etc/hosts"));
    let written = rig.cluster.written().pop().unwrap();
    assert!(written.contains("so it lives in memory"), "{written}");
    agent.end();
}

#[test]
fn a_process_id_that_is_used_again_is_anothers() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let (mut first, mut second) = (pod.container(), pod.container());
    let file = rig.path("pid");
    // Its main process stays, so that its cgroup does.
    first.act(&format!("cat /etc/hosts > /dev/null & echo $! > {}; wait", file.display()));
    let pid = fs::read_to_string(&file).unwrap().trim().to_owned();
    let before: u32 = pid.parse::<u32>().unwrap() - 1;
    // Somebody else may take the number first.
    let again = format!("echo {before} > /proc/sys/kernel/ns_last_pid; cat /etc/group > /dev/null & echo $! > {}; wait", file.display());
    wait_until("the number", || {
        second.act(&again);
        fs::read_to_string(&file).unwrap().trim() == pid
    });
    assert_eq!([end(&rig, &mut first), end(&rig, &mut second)], [BTreeMap::new(), BTreeMap::new()]);
    let has = |container: &Container| ["/etc/hosts", "/etc/group"].map(|path| rig.cluster.has(&container.id, path));
    assert_eq!([has(&first), has(&second)], [[true, false], [false, true]]);
    agent.end();
}

#[test]
fn containers_that_live_for_a_moment_are_told_whole() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    let ids: Vec<String> = (0..100).map(|_| pod.moment("/bin/true")).collect();
    for id in &ids {
        let observed = rig.closed(id);
        assert_eq!((observed.startup_observed, observed.losses), (true, BTreeMap::new()));
        assert!(rig.cluster.letters(id).iter().any(|letter| letter.contains("exec") && letter.contains("/true\"")), "{id}");
    }
    agent.end();
}

#[test]
fn of_five_hundred_containers_at_once_each_is_told_and_whoever_was_found_late_is_said_to_be() {
    const AT_ONCE: usize = 25;
    let rig = Rig::new();
    let agent = rig.agent();
    let file = rig.path("first");
    fs::write(&file, "").unwrap();
    let started = || -> Vec<Container> {
        let mut containers: Vec<Container> = (0..500 / AT_ONCE).map(|_| rig.pod().container()).collect();
        containers.iter_mut().for_each(|container| container.act(&format!(": < {}", file.display())));
        containers
    };
    let mut containers: Vec<Container> = thread::scope(|scope| {
        let starters: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(started)).collect();
        starters.into_iter().flat_map(|starter| starter.join().unwrap()).collect()
    });
    wait_until("all of them told", || containers.iter().all(|container| rig.cluster.observed(&container.id).is_some()));
    containers.iter_mut().for_each(|container| container.act("cat /etc/hosts > /dev/null"));
    containers.iter_mut().for_each(Container::end);
    let mut late = 0;
    for container in &containers {
        let observed = rig.closed(&container.id);
        assert_eq!(observed.losses, BTreeMap::new());
        late += usize::from(!observed.startup_observed);
        assert!(rig.cluster.has(&container.id, "/etc/hosts"));
        assert!(!observed.startup_observed || rig.cluster.has(&container.id, "/first"), "what {} did first is missing", container.id);
    }
    eprintln!("FIGURE 500 containers at once: {late} were found late, and are said to be");
    agent.end();
}

#[test]
fn what_a_container_does_in_groups_of_its_own_is_its() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    let groups = container.groups().to_vec();
    let all = |line: &str| groups.iter().map(|group| line.replace('@', group.to_str().unwrap())).collect::<String>();
    container.act(&all("mkdir -p @/a/b; echo $$ > @/a/b/cgroup.procs; "));
    container.act("cat /etc/hosts > /dev/null");
    container.act(&all("echo $$ > @/cgroup.procs; rmdir @/a/b @/a; "));
    assert_eq!(end(&rig, &mut container), BTreeMap::new());
    assert!(rig.cluster.has(&container.id, "/etc/hosts"));
    let others = rig.cluster.ids().into_iter().filter(|id| *id != container.id).count();
    assert_eq!(others, 0, "a container that there is not");
    agent.end();
}

/// Only v1 renames groups at all.
#[test]
fn a_group_that_is_renamed_loses_nothing() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    let renamed = |group: &Path| fs::rename(group, group.with_file_name(format!("{}f", &container.id[1..])));
    let results: Vec<bool> = container.groups().iter().map(|group| renamed(group).is_ok()).collect();
    let unified = |group: &Path| group.join("cgroup.events").exists() || group.with_file_name("cgroup.controllers").exists();
    assert!(container.groups().iter().zip(&results).all(|(group, renamed)| *renamed != unified(group)), "{results:?}");
    container.act("cat /etc/group > /dev/null");
    wait_until("the rest", || rig.cluster.ids().iter().any(|id| rig.cluster.has(id, "/etc/group")));
    for id in rig.cluster.ids() {
        let observed = rig.cluster.observed(&id).unwrap();
        assert_eq!(observed.losses, BTreeMap::new(), "{id}");
    }
    agent.end();
}
