//! `record -- CMD` from start to end.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::rig::{Rig, send, state};

#[test]
fn the_exit_status_is_the_commands_own() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        let rig = Rig::new();
        assert_eq!(rig.record(&["--", "sh", "-c", script]).code, Some(code), "{script}");
        assert_eq!(rig.phase(), "Complete", "{script}: it ended by itself");
    }
}

#[test]
fn what_the_command_does_is_in_the_map_from_its_first_instruction() {
    let rig = Rig::new();
    let secret = rig.path("odd\nname");
    fs::write(&secret, "x").unwrap();
    let done = rig.record(&["--name", "probe", "--namespace", "shop", "--", "cat", secret.to_str().unwrap()]);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "x", ""));
    let profile = rig.object("ApplicationProfile");
    assert_eq!(profile["metadata"], json!({"name": "command-probe", "namespace": "shop"}));
    assert_eq!(profile["spec"]["workload"], json!({"kind": "Command", "name": "probe"}));
    let container = &profile["spec"]["containers"][0];
    let execs = container["execs"].as_array().unwrap();
    assert_eq!(execs.len(), 1, "only cat, and nothing of the recorder: {execs:?}");
    assert!(execs[0]["path"].as_str().unwrap().ends_with("/cat"));
    assert_eq!(execs[0]["args"], json!(["cat", secret.to_str().unwrap()]));
    assert_eq!(execs[0]["origin"], "entrypoint");
    let opens = container["opens"].as_array().unwrap();
    assert!(
        opens.iter().any(|open| open["path"].as_str().unwrap().ends_with("/odd\nname") || open["path"].as_str().unwrap().contains('⋯')),
        "{opens:?}"
    );
    assert!(opens.iter().any(|open| open["path"].as_str().unwrap().contains("libc.so")));
    assert!(!opens.iter().any(|open| open["path"].as_str().unwrap().contains("cgroup.procs")), "the recorder's own child is no container");
    for call in ["read", "write", "openat", "exit_group"] {
        assert!(container["syscalls"].as_array().unwrap().contains(&json!(call)), "{call}");
    }
    assert_eq!((rig.condition("StartupObserved"), rig.condition("EventsLost")), ("True".into(), "False".into()));
    assert_eq!(rig.facts("exec").len(), 1);
    assert!(rig.facts("open").iter().any(|fact| fact["path"] == secret.to_str().unwrap() && fact["flags"][0] == "O_RDONLY"));
}

#[test]
fn every_object_is_there_in_order_and_the_same_recording_gives_the_same_policies() {
    let script = "cat /etc/hostname; (exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null; true";
    let policies: Vec<_> = (0..2)
        .map(|_| {
            let rig = Rig::new();
            assert_eq!(rig.record(&["--", "bash", "-c", script]).code, Some(0));
            let kinds = ["ApplicationProfile", "NetworkNeighborhood", "GeneratedNetworkPolicy", "SeccompProfile"];
            let text = fs::read_to_string(rig.path("map.yaml")).unwrap();
            let places: Vec<usize> = kinds.iter().map(|kind| text.find(&format!("kind: {kind}\n")).unwrap()).collect();
            assert!(places.is_sorted(), "{places:?}");
            let egress = rig.object("NetworkNeighborhood")["spec"]["containers"][0]["egress"].clone();
            assert_eq!(
                (&egress[0]["peer"]["class"], &egress[0]["outcome"], &egress[0]["ports"][0]["port"]),
                (&json!("Self"), &json!("attempted"), &json!(9))
            );
            (rig.object("GeneratedNetworkPolicy")["spec"].clone(), rig.object("SeccompProfile")["spec"].clone())
        })
        .collect();
    assert_eq!(policies[0], policies[1]);
    assert!(policies[0].1["containers"]["bash"]["syscalls"].is_array(), "{}", policies[0].1);
}

#[test]
fn a_datagram_socket_listens_only_on_a_port_that_it_chose() {
    let rig = Rig::new();
    let script = r#"
import socket
for port in 0, 7553:
    for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM:
        with socket.socket(type=kind) as s:
            s.bind(("127.0.0.1", port))
"#;
    assert_eq!(rig.record(&["--", "python3", "-c", script]).code, Some(0));
    let listens: Vec<_> = rig.facts("listen").iter().map(|fact| (fact["protocol"].clone(), fact["address"].clone())).collect();
    assert_eq!(listens, [(json!("UDP"), json!("127.0.0.1:7553"))]);
}

#[test]
fn signals_reach_the_command() {
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1] {
        let name = &signal.as_str()[3..];
        let rig = Rig::new();
        let mut running =
            rig.start(&["--", "sh", "-c", &format!("trap 'echo got {name}; exit 3' {name}; echo ready; while :; do sleep 0.05; done")]);
        running.wait_for_output("ready");
        running.signal(signal);
        let done = running.finish();
        assert_eq!((done.code, done.stdout.as_str()), (Some(3), format!("got {name}\n").as_str()));
        assert_eq!(rig.phase(), "Complete", "the command chose to end");
    }
}

#[test]
fn a_command_that_a_passed_signal_kills_was_interrupted_and_its_map_is_written() {
    let rig = Rig::new();
    let mut running = rig.start(&["--", "perl", "-e", "$| = 1; print qq(ready\n); sleep 1000"]);
    running.wait_for_output("ready");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code, Some(143));
    assert_eq!((rig.phase(), rig.condition("Interrupted")), ("Learning".into(), "True".into()));
    assert_eq!(rig.facts("exec").len(), 1);
}

#[test]
fn a_stopped_command_waits_in_its_cgroup_before_its_first_instruction() {
    let rig = Rig::new();
    let mut running = rig.start(&["--stopped", "--", "cat", "/etc/hostname"]);
    let line = running.wait_for_error("waiting for SIGCONT: pid ");
    let pid: u32 = line.rsplit(' ').next().unwrap().trim().parse().unwrap();
    assert_eq!(state(pid), Some('T'));
    assert!(fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap().contains(&format!("/runtimemap-{}", running.pid())));
    assert!(fs::read_link(format!("/proc/{pid}/exe")).unwrap().ends_with("runtimemap-recorder"), "it has not become the command");
    send(pid, Signal::SIGCONT);
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(rig.facts("exec").len(), 1);
}

#[test]
fn a_command_may_make_cgroups_of_its_own_and_is_recorded_in_them() {
    let rig = Rig::new();
    let script = "own=/sys/fs/cgroup/pids$(sed -n 's/^[0-9]*:pids://p' /proc/self/cgroup); [ -d \"$own\" ] || own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup); \
        mkdir \"$own/below\" && sh -c \"echo 0 > '$own/below/cgroup.procs'; exec cat /etc/hostname\"";
    assert_eq!(rig.record(&["--", "sh", "-c", script]).code, Some(0));
    assert!(rig.facts("exec").iter().any(|fact| fact["args"] == json!(["cat", "/etc/hostname"])));
    assert_eq!(rig.condition("ProcessesLeft"), "");
}

#[test]
fn a_process_that_moves_away_is_told() {
    let rig = Rig::new();
    let script = "root=/sys/fs/cgroup/pids; [ -d $root ] || root=/sys/fs/cgroup; mkdir -p $root/runtimemap-test-elsewhere; \
        sh -c \"echo 0 > $root/runtimemap-test-elsewhere/cgroup.procs; sleep 0.1\"; rmdir $root/runtimemap-test-elsewhere";
    assert_eq!(rig.record(&["--", "sh", "-c", script]).code, Some(0));
    assert_eq!((rig.facts("left").len(), rig.condition("ProcessesLeft")), (1, "True".into()));
}

#[test]
fn a_fork_storm_is_waited_for() {
    let rig = Rig::new();
    let done = rig.record(&["--", "sh", "-c", "i=0; while [ $i -lt 200 ]; do /bin/true & i=$((i+1)); done"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let execs = rig.facts("exec");
    assert!(execs.iter().any(|fact| fact["path"].as_str().unwrap().ends_with("/true")), "{execs:?}");
}
