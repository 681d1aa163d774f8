//! What a command leaves running.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::json;

use crate::rig::{Rig, send, state, wait_until};

#[test]
fn a_daemon_that_forks_is_recorded_to_its_end() {
    let rig = Rig::new();
    let script = "setsid sh -c 'sh -c \"sleep 0.3; cat /etc/hostname\" & exit 0' & exit 5";
    let done = rig.record(&["--", "sh", "-c", script]);
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    assert!(rig.facts("exec").iter().any(|fact| fact["args"] == json!(["cat", "/etc/hostname"])));
    assert_eq!((rig.phase(), rig.condition("Interrupted")), ("Complete".into(), String::new()));
    assert!(done.stderr.contains("waiting for what it left running"), "{}", done.stderr);
}

#[test]
fn the_first_signal_goes_to_the_leftovers() {
    let rig = Rig::new();
    let mut running = rig.start(&["--", "sh", "-c", "setsid sleep 1000 & exit 0"]);
    running.wait_for_error("waiting for what it left running");
    running.signal(Signal::SIGTERM);
    assert_eq!(running.finish().code, Some(0));
    assert_eq!(rig.phase(), "Complete");
}

#[test]
fn the_second_signal_ends_the_recording_and_kills_nothing() {
    let rig = Rig::new();
    let pid_file = rig.path("pid");
    let script = format!(
        "setsid sh -c 'trap \"\" TERM INT; echo $$ > {}.new; mv {}.new {}; exec sleep 1000 >/dev/null 2>&1' & exit 4",
        pid_file.display(),
        pid_file.display(),
        pid_file.display()
    );
    let mut running = rig.start(&["--", "sh", "-c", &script]);
    running.wait_for_error("waiting for what it left running");
    wait_until("the daemon", || pid_file.exists());
    let daemon: u32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    running.signal(Signal::SIGTERM);
    running.wait_for_error("a second signal ends the recording");
    running.signal(Signal::SIGTERM);
    let done = running.finish();
    let alive = state(daemon);
    let group = fs::read_to_string(format!("/proc/{daemon}/cgroup")).unwrap();
    send(daemon, Signal::SIGKILL);
    assert_eq!(done.code, Some(4), "{}", done.stderr);
    assert_eq!((rig.phase(), rig.condition("Interrupted")), ("Learning".into(), "True".into()));
    assert_eq!(alive, Some('S'));
    assert!(!group.contains("runtimemap-"), "{group}");
    assert_eq!(rig.facts("left").len(), 0, "being let go is no leaving");
}
