//! What outlasts an agent: its pins, its ledger, the batch on its way; and what does not outlast `detach`.

use std::{collections::BTreeMap, fs, net::TcpListener, time::Duration};

use runtimemap_crds::{LossCause, NodeObservationSpec, ObservedContainer, Open};
use runtimemap_recorder::mailbox::{self, Letter};

use crate::rig::{Rig, bpftool, entries, get, recorder, wait_for_metric, wait_until};

#[test]
fn a_container_that_starts_and_ends_while_no_agent_runs_is_seen_from_its_first_instruction() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pod = rig.pod();
    // Somebody is learned, so that everything is attached.
    let mut first = pod.container();
    first.act("cat /etc/hostname > /dev/null");
    rig.cluster.wait_for(&first.id, "/etc/hostname");
    agent.kill();
    let (mut second, mut third) = (pod.container(), rig.pod().container());
    second.act("cat /etc/hosts > /dev/null");
    third.act("cat /etc/group > /dev/null");
    second.end();
    let agent = rig.agent();
    rig.cluster.wait_for(&second.id, "/etc/hosts");
    rig.cluster.wait_for(&third.id, "/etc/group");
    for id in [&first.id, &second.id, &third.id] {
        let observed = rig.cluster.observed(id).unwrap();
        assert_eq!((observed.startup_observed, observed.losses), (true, BTreeMap::new()), "{id}");
    }
    // R4: no one has what another did.
    assert!(
        !rig.cluster.has(&first.id, "/etc/hosts")
            && !rig.cluster.has(&third.id, "/etc/hosts")
            && !rig.cluster.has(&second.id, "/etc/group")
    );
    wait_until("the end of the second", || rig.cluster.observed(&second.id).is_some_and(|observed| observed.closed));
    agent.end();
}

#[test]
fn records_that_go_over_the_end_of_the_buffer_are_whole() {
    let mut rig = Rig::new();
    rig.flags.extend(["--buffer", "64Ki"].map(str::to_owned));
    let agent = rig.agent();
    let mut container = rig.pod().container();
    // Eight of these fill it: again and again one begins before the end, and its path, which follows the arguments, lies behind. Each is
    // another program, since arguments of one are folded.
    for number in 0..24 {
        let program = rig.path(&format!("{}y", char::from(b'a' + number)));
        fs::copy("/bin/true", &program).unwrap();
        container.act(&format!("{} {}", program.display(), "y".repeat(7000)));
        rig.cluster.wait_for(&container.id, &format!("{}\",\"args\":[", program.display()));
    }
    assert_eq!(rig.cluster.observed(&container.id).unwrap().losses, BTreeMap::new());
    agent.end();
}

#[test]
fn a_batch_without_an_answer_is_sent_again_as_the_same_bytes_by_the_next_agent() {
    let rig = Rig::new();
    rig.cluster.set_silent(true);
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    wait_until("a batch", || !rig.cluster.written().is_empty());
    agent.kill();
    let before = rig.cluster.written();
    container.act("cat /etc/group > /dev/null");
    let agent = rig.agent();
    wait_until("another write", || rig.cluster.written().len() > before.len());
    let after = rig.cluster.written();
    assert_eq!(after.last(), before.last());
    // And the next one follows.
    rig.cluster.set_silent(false);
    rig.cluster.wait_for(&container.id, "/etc/group");
    let sequences: Vec<u64> =
        rig.cluster.written().iter().map(|text| serde_json::from_str::<NodeObservationSpec>(text).unwrap().sequence).collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
    agent.end();
}

#[test]
fn a_controller_that_is_away_costs_one_write_and_loses_nothing() {
    let rig = Rig::new();
    rig.cluster.set_silent(true);
    let agent = rig.agent();
    let mut container = rig.pod().container();
    wait_until("a batch", || !rig.cluster.written().is_empty());
    for file in ["/etc/hosts", "/etc/group", "/etc/services"] {
        container.act(&format!("cat {file} > /dev/null"));
    }
    container.end();
    assert_eq!(rig.cluster.written().len(), 1);
    rig.cluster.set_silent(false);
    for file in ["/etc/hosts", "/etc/group", "/etc/services"] {
        rig.cluster.wait_for(&container.id, file);
    }
    agent.end();
}

#[test]
fn refused_writes_are_tried_again_when_the_api_server_says_so() {
    let rig = Rig::new();
    rig.cluster.refuse(2);
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    let attempts = rig.cluster.attempts();
    assert!(attempts.len() > 2);
    // The first two were answered with Retry-After: 1.
    let pauses: Vec<Duration> = attempts.windows(2).take(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(900)), "{pauses:?}");
    agent.end();
}

#[test]
fn without_pins_what_happens_between_two_agents_is_said_to_be_lost() {
    let mut rig = Rig::new();
    rig.flags.push("--no-pins".to_owned());
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    agent.kill();
    let agent = rig.agent();
    container.act("cat /etc/group > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/group");
    wait_until("the loss", || {
        rig.cluster.observed(&container.id).is_some_and(|observed| observed.losses == BTreeMap::from([(LossCause::Unwatched, 1)]))
    });
    assert!(rig.cluster.has(&container.id, "/etc/hosts"));
    agent.end();
}

#[test]
fn where_no_bpf_file_system_is_that_is_said() {
    let rig = Rig::new();
    let mut command = rig.command(&[]);
    // The last of two flags would be an error, so the folder of pins itself goes.
    let args: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().replace("/bpf/runtimemap", "/pins")).collect();
    let log = rig.path("other");
    command = std::process::Command::new(recorder());
    let mut child = command.args(args).stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    wait_until("the words", || fs::read_to_string(&log).unwrap().contains("is no BPF file system; mount one with"));
    wait_until("its beginning", || fs::read_to_string(&log).unwrap().contains("recording the containers"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_ledger_that_is_lost_gives_up_no_batch_of_its_mailbox() {
    let rig = Rig::new();
    let open = Letter::Open(Open { path: "/only/in/the/mailbox".into(), ..Open::default() });
    let observed = ObservedContainer {
        pod_uid: "p".repeat(20),
        id: "e".repeat(64),
        name: "web".into(),
        type_: "container".into(),
        ..ObservedContainer::default()
    };
    rig.cluster.leave(NodeObservationSpec {
        ledger: "another".into(),
        sequence: 7,
        containers: vec![observed.clone()],
        payload: mailbox::encode(&[vec![open]]).unwrap().unwrap(),
        ..NodeObservationSpec::default()
    });
    let agent = rig.agent();
    rig.cluster.wait_for(&observed.id, "/only/in/the/mailbox");
    let told = rig.cluster.observed(&observed.id).unwrap();
    assert_eq!((told.name.as_str(), told.closed, told.losses), ("web", true, BTreeMap::from([(LossCause::Unwatched, 1)])));
    let log = agent.end();
    assert!(log.contains("took over batch 7 of a ledger that is lost"), "{log}");
}

#[test]
fn there_is_one_agent_on_a_node() {
    let rig = Rig::new();
    let agent = rig.agent();
    let output = rig.command(&[]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(125));
    assert!(text.contains(&format!("another agent (process {}) runs on this node", agent.pid())), "{text}");
    let refused = rig.detach();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("another agent"));
    agent.end();
}

#[test]
fn detach_leaves_no_link_program_map_or_pin() {
    let rig = Rig::new();
    let agent = rig.agent();
    let pins = rig.path("bpf/runtimemap");
    let of = |kind: &str| {
        let pinned = entries(&pins).into_iter().filter(|path| path.parent().unwrap().ends_with(kind)).count();
        (kind.to_owned(), pinned > 0)
    };
    let kinds = ["links", "programs", "maps"];
    assert_eq!(kinds.map(of), kinds.map(|kind| (kind.to_owned(), true)));
    let ids = |what: &str| -> Vec<String> {
        bpftool(&["-f", what, "show"]).lines().filter(|line| line.contains(pins.to_str().unwrap())).map(str::to_owned).collect()
    };
    agent.kill();
    assert!(["link", "prog", "map"].iter().all(|what| !ids(what).is_empty()), "pinned, they outlast the agent");
    let named: Vec<String> =
        entries(&pins).into_iter().filter(|path| path.parent().unwrap().ends_with("programs")).map(|path| id(&path)).collect();
    let output = rig.detach();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!pins.exists());
    // The kernel frees them a moment later.
    wait_until("the end of every program", || {
        let programs = bpftool(&["prog", "show"]);
        named.iter().all(|id| !programs.lines().any(|line| line.starts_with(&format!("{id}:"))))
    });
    assert!(rig.detach().status.success(), "nothing to remove is no failure");
}

fn id(pin: &std::path::Path) -> String {
    let text = bpftool(&["prog", "show", "pinned", pin.to_str().unwrap()]);
    text.split(':').next().unwrap().to_owned()
}

#[test]
fn it_says_how_it_is_over_http() {
    let mut rig = Rig::new();
    let address = rig.listen();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    for path in ["/healthz", "/readyz"] {
        wait_until(path, || get(&address, path).is_some_and(|text| text.starts_with("HTTP/1.1 200")));
    }
    for line in [
        "runtimemap_agent_facts_total ",
        "runtimemap_agent_batches_total ",
        "runtimemap_agent_store_bytes ",
        "runtimemap_agent_hooks_hot 1",
    ] {
        wait_for_metric(&address, line);
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut other = Rig::new();
    other.flags.extend(["--listen".to_owned(), taken.local_addr().unwrap().to_string()]);
    let text = other.begin(&[]).ended();
    assert!(text.contains("failed to listen on 127.0.0.1:") && text.contains("give another address to --listen"), "{text}");
    agent.end();
}

#[test]
fn of_containers_that_start_while_others_do_each_is_seen_from_its_first_instruction() {
    let rig = Rig::new();
    let agent = rig.agent();
    // More than slots lie ready at a time.
    let containers: Vec<_> = (0..150).map(|_| rig.pod().container()).collect();
    let observed = |id: &str| rig.cluster.observed(id).map(|observed| observed.startup_observed);
    wait_until("all of them told", || containers.iter().all(|container| observed(&container.id).is_some()));
    let late = containers.iter().filter(|container| observed(&container.id) == Some(false)).count();
    assert_eq!(late, 0);
    agent.end();
}

/// Where v1 tells containers apart sockets know another group than tasks.
#[test]
fn a_containers_first_datagram_is_seen() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut containers: Vec<_> = (0..30).map(|_| rig.pod().container()).collect();
    for container in &mut containers {
        container.act("echo x > /dev/udp/192.0.2.1/40001");
    }
    for container in &containers {
        rig.cluster.wait_for(&container.id, "40001");
    }
    agent.end();
}

#[test]
fn slots_that_lie_ready_leave_room_for_containers_that_already_run() {
    let mut rig = Rig::new();
    rig.flags.push("--slots=128".into());
    let running: Vec<_> = (0..80).map(|_| rig.pod().container()).collect();
    let agent = rig.agent();
    wait_until("all of them told", || running.iter().all(|container| rig.cluster.observed(&container.id).is_some()));
    agent.end();
}
