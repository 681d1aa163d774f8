//! `agent`: records every container of a node, and hands over what is new.
//!
//! It knows containers, not workloads: pods and containers by their cgroups' paths. What they are called in the cluster is the controller's business.

mod addresses;
mod batch;
mod bundle;
pub(crate) mod client;
mod container;
mod node;
mod place;
mod post;
mod watch;

use std::{
    io::{self, Write},
    os::fd::AsFd,
    path::PathBuf,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

use crate::{
    cgroup::{self, Hierarchies},
    kernel::{self, Kernel, Options},
    mailbox, record,
};
use node::Node;

/// How long to sleep at most before the cgroups are looked at, whether or not the kernel told of a change.
const LOOK: Duration = Duration::from_secs(1);
/// How often the kubelet's own groups are looked for.
const ROOTS: Duration = Duration::from_secs(5);
/// Least time between two batches.
const PACE: Duration = Duration::from_millis(500);
/// How long an agent that has to end waits for an answer.
const FAREWELL: Duration = Duration::from_secs(5);

/// A checked command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the node, as the cluster has it.
    pub node: String,
    /// File that says where the API server is; None for the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// Most containers at once, and one more for each pod.
    pub slots: u32,
    /// Whether arguments that look like secrets are masked.
    pub mask: bool,
    /// Hooks not to use.
    pub avoid: Vec<String>,
}

/// An agent that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Control groups.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The kernel side.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The API server.
    #[error(transparent)]
    Cluster(#[from] client::Error),
    /// A batch could not be written down.
    #[error(transparent)]
    Mailbox(#[from] mailbox::Error),
    /// Nothing can be waited for.
    #[error("failed to wait for cgroups and signals: {0}")]
    Wait(#[source] nix::Error),
    /// The carrier of batches has ended.
    #[error("failed to hand over a batch: the part that talks to the API server has ended")]
    Carrier,
    /// No second thread, or no runtime for it.
    #[error("failed to start the part that talks to the API server: {0}")]
    Thread(#[source] io::Error),
}

/// Records until SIGTERM or SIGINT.
///
/// # Errors
/// If the kernel side cannot be loaded or fails, or there is no API server to talk to.
pub fn run(plan: &Plan) -> Result<(), Error> {
    // Before any thread, so that all of them leave these signals to this one.
    let ends: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    ends.thread_block().map_err(Error::Wait)?;
    let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(Error::Wait)?;

    let hierarchies = Hierarchies::read()?;
    let options = Options { slots: plan.slots, rate: 10_000, burst: 20_000, buffer: 16 << 20, ..record::options(&plan.avoid)? };
    let kernel = Kernel::load(options)?;
    let mut node = Node::new(kernel, &hierarchies, ledger_name(), plan.mask)?;
    node.find_roots();
    node.look()?;
    say(&format!("recording the containers of node {}", plan.node));

    let (batches, to_carry) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let (name, kubeconfig) = (plan.node.clone(), plan.kubeconfig.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
    let client = runtime.block_on(client::connect(kubeconfig.as_deref()))?;
    let carrier = thread::Builder::new()
        .name("post".to_owned())
        .spawn(move || runtime.block_on(post::carry(client, name, to_carry, answer)))
        .map_err(Error::Thread)?;

    let (mut looked, mut rooted, mut told) = (Instant::now(), Instant::now(), None::<Instant>);
    let mut farewell = None;
    loop {
        let changed = node.wait(signals.as_fd(), PACE)?;
        if signals.read_signal().map_err(Error::Wait)?.is_some() && farewell.is_none() {
            farewell = Some(Instant::now() + FAREWELL);
        }
        if rooted.elapsed() >= ROOTS {
            node.find_roots();
            rooted = Instant::now();
        }
        if changed || looked.elapsed() >= LOOK {
            node.look()?;
            looked = Instant::now();
        }
        node.call_by_name();
        while let Ok(answer) = answers.try_recv() {
            node.answered(&answer);
        }
        if told.is_none_or(|told| told.elapsed() >= PACE) || farewell.is_some() {
            if let Some(batch) = node.next_batch()? {
                batches.send(batch.spec.clone()).map_err(|_| Error::Carrier)?;
            }
            told = Some(Instant::now());
        }
        // What is not acknowledged by then stays in the mailbox, where the next agent leaves it until it is.
        if farewell.is_some_and(|end| Instant::now() >= end || !node.waits()) {
            drop(batches);
            if !node.waits() {
                // It has nothing left to do and ends at once.
                let _ = carrier.join();
            }
            return Ok(());
        }
    }
}

/// A name that no other ledger has.
fn ledger_name() -> String {
    use std::hash::{BuildHasher, RandomState};
    let now = k8s_openapi::jiff::Timestamp::now().as_nanosecond();
    format!("{:016x}{:016x}", RandomState::new().hash_one(now), RandomState::new().hash_one(std::process::id()))
}

/// One line for whoever reads the agent's log.
fn say(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "runtimemap-recorder: {text}");
}
