//! What the recorder costs whom it observes, beside others who observe, and what it needs itself. `make bench`, or
//! `cargo bench -p runtimemap-recorder --bench cost -- getppid nginx` for some of the loads; `agent` is the recorder's own need.
//! ROUNDS=n instead of 10; OBSERVERS="bare, empty program, strace -f" for some of them; AVOID=tp_btf for an agent that does without a hook. docs/performance.md says what is measured and how to read it.
//!
//! Needs root, BTF, gcc, bpftool, bpftrace, strace, and nginx, redis and PostgreSQL with their clients. It sees to it that nobody else
//! observes system calls while nothing should, but not that the machine has nothing else to do.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot go on has failed, and prints what it measured"
)]

mod agent;
mod bundles;
#[expect(dead_code, reason = "a test's cluster can do more")]
#[path = "../../tests/agent/cluster.rs"]
mod cluster;
mod condition;
mod figures;
#[path = "../../tests/agent/http.rs"]
mod http;
mod learner;
mod loads;
#[expect(dead_code, reason = "a test moves processes into containers, too")]
#[path = "../../tests/agent/pod.rs"]
mod pod;
#[expect(dead_code, reason = "a test ends agents in other ways, too")]
#[path = "../../tests/agent/rig.rs"]
mod rig;
mod rounds;
mod servers;
mod stage;
mod starts;
mod watcher;
mod witness;

use std::{env, process::Command};

/// How often each load is run under each condition.
const ROUNDS: usize = 10;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if words.iter().any(|word| word == "--test") {
        return;
    }
    let wanted: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let unknown = wanted.iter().find(|word| !loads::NAMES.contains(word) && **word != agent::NAME);
    assert!(unknown.is_none(), "{unknown:?} is no load; there are {:?} and {:?}", loads::NAMES, agent::NAME);
    let rounds = env::var("ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("ROUNDS is a number"));
    let observers = env::var("OBSERVERS").ok();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.contains(&name);

    let kernel = Command::new("uname").args(["-sr"]).output().unwrap().stdout;
    let processors = std::thread::available_parallelism().unwrap();
    println!("{}, {processors} processors, {rounds} rounds\n", String::from_utf8_lossy(&kernel).trim());
    let _bundles = bundles::Bundles::new();
    let names: Vec<&str> = loads::NAMES.into_iter().filter(|name| is_wanted(name)).collect();
    if !names.is_empty() {
        println!("{}", rounds::table(&names, observers.as_deref(), rounds));
    }
    if is_wanted(agent::NAME) {
        println!("{}", agent::standard());
        println!("{}", starts::table());
    }
}
