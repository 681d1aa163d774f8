//! `agent`: records every container of a node, and hands over what is new.
//!
//! It knows containers, not workloads: pods and containers by their cgroups' paths. What they are called in the cluster is the controller's business.

mod addresses;
mod batch;
mod bundle;
pub(crate) mod client;
mod container;
mod filters;
mod metrics;
mod node;
mod place;
mod post;
mod privilege;
mod redirect;
mod store;
mod watch;

use std::{
    io::{self, Write},
    net::SocketAddr,
    os::fd::AsFd,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

use crate::{
    cgroup::{self, Hierarchies},
    kernel::{self, Kernel, Options, Pins},
    mailbox, record, web,
};
use filters::Filters;
use metrics::Metrics;
use node::{Node, Settings};
use post::Heard;
use store::Store;

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
    /// Bytes of the buffer between kernel and agent, a power of two.
    pub buffer: u32,
    /// Most new facts of one container a second; twice as many at once.
    pub rate: u64,
    /// Whether arguments that look like secrets are masked.
    pub mask: bool,
    /// Hooks not to use.
    pub avoid: Vec<String>,
    /// Folder of the ledger.
    pub state: PathBuf,
    /// Folder of pins, in a BPF file system; None to pin nothing.
    pub pins: Option<PathBuf>,
    /// Cgroup below which pods are looked for, as a path in its hierarchy.
    pub below: PathBuf,
    /// Where to answer over HTTP; None for nowhere.
    pub listen: Option<SocketAddr>,
    /// How long the hooks that run often stay after the last container that is learned.
    pub idle: Duration,
    /// Folder that approved seccomp filters go into; None for none.
    pub seccomp: Option<PathBuf>,
    /// How long a filter stays there that nobody names any more.
    pub seccomp_stay: Duration,
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
    /// The ledger.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Capabilities could not be given up.
    #[error("failed to give up the capabilities that are not needed: {0}")]
    Privilege(#[from] caps::errors::CapsError),
    /// The address is taken, or none of this machine.
    #[error("failed to listen on {0}: {1}; give another address to --listen")]
    Listen(SocketAddr, #[source] io::Error),
    /// Pins stay.
    #[error("failed to remove the pins in {}: {error}", path.display())]
    Unpin {
        /// Their folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
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
/// If another agent runs, if the kernel side cannot be loaded or fails, or there is no API server to talk to.
pub fn run(plan: &Plan) -> Result<(), Error> {
    // Before any thread, so that all of them leave these signals to this one.
    let ends: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    ends.thread_block().map_err(Error::Wait)?;
    let signals = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(Error::Wait)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
    let listener = match plan.listen {
        Some(address) => Some(runtime.block_on(web::listen(address)).map_err(|error| Error::Listen(address, error))?),
        None => None,
    };
    let metrics = Arc::new(Metrics::new());
    let mut node = open(plan, metrics.clone())?;
    // Loading may take more than what follows: the kernel's symbols, and on old kernels locked memory.
    privilege::drop_rest()?;
    node.find_roots();
    node.look()?;
    node.sweep()?;
    say(&format!("recording the containers of node {}", plan.node));

    let (batches, to_carry) = tokio::sync::mpsc::unbounded_channel();
    let (telling, told) = mpsc::channel();
    let (name, kubeconfig) = (plan.node.clone(), plan.kubeconfig.clone());
    let client = runtime.block_on(client::connect(kubeconfig.as_deref()))?;
    let shown = metrics.clone();
    let carrier = thread::Builder::new()
        .name("post".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                if let Some(listener) = listener {
                    tokio::spawn(web::serve(listener, Metrics::pages(shown)));
                }
                post::carry(client, name, to_carry, telling).await;
            });
        })
        .map_err(Error::Thread)?;

    let (mut looked, mut rooted, mut batched) = (Instant::now(), Instant::now(), None::<Instant>);
    let mut farewell = None;
    loop {
        let changed = node.wait(signals.as_fd(), PACE)?;
        metrics.tick();
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
        while let Ok(heard) = told.try_recv() {
            metrics.reach();
            // The batch of before is what the mailbox has to hold, whatever became of it meanwhile.
            let begins = matches!(heard, Heard::Mailbox(_));
            node.heard(heard)?;
            if let (true, Some(batch)) = (begins, node.waiting()) {
                batches.send(batch).map_err(|_| Error::Carrier)?;
            }
        }
        node.tick()?;
        if batched.is_none_or(|batched| batched.elapsed() >= PACE) || farewell.is_some() {
            if let Some(batch) = node.next_batch()? {
                batches.send(batch).map_err(|_| Error::Carrier)?;
            }
            batched = Some(Instant::now());
        }
        // What is not acknowledged by then stays in the mailbox and in the ledger, for the next agent.
        if farewell.is_some_and(|end| Instant::now() >= end || !node.waits()) {
            node.settle()?;
            drop(batches);
            if !node.waits() {
                // It has nothing left to do and ends at once.
                let _ = carrier.join();
            }
            return Ok(());
        }
    }
}

/// The ledger first, for the pins bear its name; then the kernel's side.
fn open(plan: &Plan, metrics: Arc<Metrics>) -> Result<Node, Error> {
    let mut store = Store::open(&plan.state)?;
    if let Some(trouble) = store.trouble() {
        say(trouble);
    }
    let ledger = store.node("ledger").and_then(|name| String::from_utf8(name).ok()).unwrap_or_else(ledger_name);
    store.changes().node.insert("ledger", ledger.clone().into_bytes());
    if !store.write() {
        say(store.trouble().unwrap_or_default());
    }
    let hierarchies = Hierarchies::read()?;
    let pins = plan.pins.clone().map(|root| Pins { root, ledger: ledger.clone() });
    let options =
        Options { slots: plan.slots, rate: plan.rate, burst: 2 * plan.rate, buffer: plan.buffer, pins, ..record::options(&plan.avoid)? };
    let kernel = Kernel::load(options)?;
    if let Some(why) = kernel.unadopted() {
        say(&format!(
            "what the agent before this one left in the kernel cannot be taken over, and what happened since counts as a loss: {why}"
        ));
    }
    if let Some(why) = kernel.unpinned() {
        say(&format!("what happens while no agent runs will not be seen: {why}"));
    }
    let record = store.node(node::SECCOMP);
    let filters = plan.seccomp.clone().map(|folder| Filters::new(folder, plan.seccomp_stay, record.as_deref()));
    let settings = Settings { mask: plan.mask, idle: plan.idle, below: plan.below.clone(), filters };
    Node::new(kernel, store, &hierarchies, ledger, settings, metrics)
}

/// Ends what an agent has left in the kernel: every link, program, map and pin.
///
/// # Errors
/// If an agent still runs, or something stays.
pub fn detach(pins: &Path, state: &Path) -> Result<(), Error> {
    store::unlocked(state)?;
    kernel::remove_all(pins).map_err(|error| Error::Unpin { path: pins.to_owned(), error })
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
