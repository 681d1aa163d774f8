//! What each capability is for: without it, that fails.

use std::fs;

use runtimemap_crds::LossCause;

use crate::rig::{Rig, entries};

/// Linux/capability.h.
const NEEDED: [(&str, u32); 5] = [("bpf", 39), ("perfmon", 38), ("net_admin", 12), ("sys_ptrace", 19), ("dac_read_search", 2)];

#[test]
fn it_keeps_no_capability_but_those_that_it_needs() {
    let rig = Rig::new();
    let agent = rig.agent();
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let set = |name: &str| u64::from_str_radix(status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim(), 16).unwrap();
    let needed = NEEDED.iter().fold(0, |all, (_, number)| all | 1u64 << number);
    assert_eq!((set("CapPrm:"), set("CapEff:"), set("CapInh:")), (needed, needed, 0));
    agent.end();
}

#[test]
fn without_bpf_or_perfmon_it_ends_and_says_which_it_needs() {
    for capability in ["bpf", "perfmon"] {
        let rig = Rig::new();
        let log = without(&rig, capability).ended();
        assert!(log.contains("not permitted") && log.contains("CAP_BPF, CAP_PERFMON"), "{capability}: {log}");
    }
}

#[test]
fn without_net_admin_it_says_that_packets_are_not_seen() {
    let rig = Rig::new();
    let agent = without(&rig, "net_admin");
    agent.wait_for_log("recording the containers");
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    let gaps = rig.cluster.written().concat();
    assert!(gaps.contains("not seen: UDP and SCTP peers and the DNS names of all peers"), "{gaps}");
    agent.end();
}

#[test]
fn with_that_and_no_more_it_takes_over_what_the_agent_before_it_left() {
    let rig = Rig::new();
    let agent = without(&rig, "anything else");
    agent.wait_for_log("recording the containers");
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    agent.kill();
    // Now only what is pinned sees it.
    container.act("cat /etc/hostname > /dev/null");
    let agent = without(&rig, "anything else");
    rig.cluster.wait_for(&container.id, "/etc/hostname");
    let observed = rig.cluster.observed(&container.id).unwrap();
    assert!(observed.startup_observed && observed.losses.is_empty(), "{observed:?}");
    agent.end();
}

#[test]
fn what_cannot_be_taken_over_is_said_and_counted() {
    let rig = Rig::new();
    let agent = rig.agent();
    let mut container = rig.pod().container();
    container.act("cat /etc/hosts > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    agent.kill();
    // No map, and no program either.
    let folder = entries(&rig.path("bpf/runtimemap")).pop().unwrap();
    fs::create_dir(folder.join("maps/stray")).unwrap();
    let agent = rig.agent();
    assert!(agent.log().contains("cannot be taken over, and what happened since counts as a loss"), "{}", agent.log());
    container.act("cat /etc/hostname > /dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hostname");
    let losses = rig.cluster.observed(&container.id).unwrap().losses;
    assert!(losses.contains_key(&LossCause::Unwatched), "{losses:?}");
    agent.end();
}

/// What is known of a container that ran before the agent, with a program of another user in it that holds a file open.
fn snapshot_without(capability: Option<&str>) -> (bool, bool) {
    let rig = Rig::new();
    let mut container = rig.pod().container();
    container.act("setpriv --reuid 1 --clear-groups sleep 1000 7</etc/hostname >/dev/null &");
    container.act("until grep -q sleep /proc/$!/comm; do :; done");
    let agent = capability.map_or_else(|| rig.begin(&[]), |capability| without(&rig, capability));
    agent.wait_for_log("recording the containers");
    container.act("cat /etc/hosts > /dev/null; exec 7</dev/null");
    rig.cluster.wait_for(&container.id, "/etc/hosts");
    container.act("kill $!");
    agent.end();
    let program = rig.cluster.letters(&container.id).iter().any(|letter| letter.starts_with("{\"exec\"") && letter.contains("bin/sleep\""));
    (program, rig.cluster.has(&container.id, "/etc/hostname"))
}

#[test]
fn without_sys_ptrace_programs_that_already_run_stay_unknown() {
    assert_eq!(snapshot_without(None), (true, true));
    assert!(!snapshot_without(Some("sys_ptrace")).0);
}

#[test]
fn without_dac_read_search_files_that_other_users_hold_open_stay_unknown() {
    let (program, file) = snapshot_without(Some("dac_read_search"));
    assert!(program && !file);
}

#[test]
fn without_syslog_it_says_that_idle_checks_count_where_callers_are_told_by_address() {
    // As where neither fexit nor a kprobe is to be had.
    let mut rig = Rig::new();
    rig.flags.extend(["fexit", "kprobe"].map(|rung| format!("--avoid={rung}")));
    let gap = "capabilities that the kernel only wonders about count as asked for";
    let told = |agent: crate::rig::Agent| {
        agent.wait_for_log("recording the containers");
        let mut container = rig.pod().container();
        container.act("cat /etc/hosts > /dev/null");
        rig.cluster.wait_for(&container.id, "/etc/hosts");
        agent.end();
        rig.cluster.written().concat().contains(gap)
    };
    assert!(!told(rig.agent()));
    // Or the next one takes over what this one loaded.
    assert!(rig.detach().status.success());
    assert!(told(without(&rig, "syslog")));
}

/// An agent that has what it needs but for one: nothing else may stand in for it, as CAP_SYS_ADMIN would.
fn without(rig: &Rig, capability: &str) -> crate::rig::Agent {
    let others = NEEDED.iter().filter(|(name, _)| *name != capability);
    let set = others.fold("-all".to_owned(), |set, (name, _)| format!("{set},+{name}"));
    rig.begin(&["setpriv", "--bounding-set", &set])
}
