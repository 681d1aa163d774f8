//! NetworkPolicies in force on the test's node, as nftables rules that follow its pods: for tests only.
//!
//! It decides as the strictest network plugins do: where packets are forwarded and where they enter the node, so that a pod is also kept
//! from the node itself; what the node sends (the kubelet's probes) reaches every pod, as Kubernetes wants it. A pod that it has not
//! heard of yet is kept waiting: its packets are dropped, not counted, and sent again.

mod chain;
mod denied;
mod labels;
mod pods;
mod ruleset;

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::{
    core::v1::{Namespace, Node, Pod},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt, watcher},
};
use tokio::sync::{mpsc, oneshot};

pub(crate) use denied::{Counts, Denied};

/// What rules are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) pods: Vec<Pod>,
    pub(crate) namespaces: Vec<Namespace>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) policies: Vec<NetworkPolicy>,
}

/// More changes than come while the rules are made.
const MANY: usize = 10_000;

/// Whoever waits until the rules are those of all that is there.
type Waiting = oneshot::Sender<usize>;

/// An enforcer at work. What it did is undone when it is dropped.
pub(crate) struct Enforcer {
    requests: Option<mpsc::UnboundedSender<Waiting>>,
    works: Option<JoinHandle<()>>,
}

impl Enforcer {
    /// Enforces the policies of this cluster from now on.
    pub(crate) fn start() -> Self {
        prepare();
        let (requests, mut received) = mpsc::unbounded_channel::<Waiting>();
        let works = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work(&mut received));
        });
        Self { requests: Some(requests), works: Some(works) }
    }

    /// Waits until every policy and pod of now is in force; the number of rules.
    pub(crate) async fn caught_up(&self) -> usize {
        let (answer, answered) = oneshot::channel();
        self.requests.as_ref().unwrap().send(answer).expect("the enforcer works");
        answered.await.expect("the enforcer works")
    }

    /// What was let through and what was not, so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts::read()
    }
}

impl Drop for Enforcer {
    fn drop(&mut self) {
        self.requests = None;
        // What it died of, it has said.
        let _ = self.works.take().unwrap().join();
        nft(&format!("delete table inet {}\n", ruleset::TABLE));
    }
}

/// Follows the cluster until nobody asks any more.
async fn work(requests: &mut mpsc::UnboundedReceiver<Waiting>) {
    let client = Client::try_default().await.unwrap();
    let pods = watcher(Api::<Pod>::all(client.clone()), watcher::Config::default()).touched_objects().map(drop_object).boxed();
    let policies =
        watcher(Api::<NetworkPolicy>::all(client.clone()), watcher::Config::default()).touched_objects().map(drop_object).boxed();
    let namespaces = watcher(Api::<Namespace>::all(client.clone()), watcher::Config::default()).touched_objects().map(drop_object).boxed();
    // Many at once are one reason to look.
    let mut changes = stream::select_all([pods, policies, namespaces]).ready_chunks(MANY);
    let mut loaded = String::new();
    loop {
        let waiting = tokio::select! {
            request = requests.recv() => match request {
                Some(waiting) => Some(waiting),
                None => return,
            },
            _ = changes.next() => None,
        };
        let text = ruleset::of(&View::of(&client).await);
        if text != loaded {
            nft(&text);
            loaded = text;
        }
        if let Some(waiting) = waiting {
            // Whoever does not wait any more has failed.
            let _ = waiting.send(ruleset::rules(&loaded));
        }
    }
}

/// That something changed is all there is to know: what there is is read anew.
fn drop_object<K>(_: watcher::Result<K>) {}

impl View {
    pub(crate) async fn of(client: &Client) -> Self {
        let all = kube::api::ListParams::default();
        Self {
            pods: Api::all(client.clone()).list(&all).await.unwrap().items,
            namespaces: Api::all(client.clone()).list(&all).await.unwrap().items,
            nodes: Api::all(client.clone()).list(&all).await.unwrap().items,
            policies: Api::all(client.clone()).list(&all).await.unwrap().items,
        }
    }
}

/// A command in the node's network.
fn on_node(program: &str) -> Command {
    let network = env::var("NETWORK").expect("NETWORK is the node's network namespace; run.sh sets it");
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={network}")).arg(program);
    command
}

/// Each refusal is told at once, however many there are: whoever asked never has to wait for a silence.
fn prepare() {
    for setting in ["ipv4/icmp_ratelimit", "ipv6/icmp/ratelimit"] {
        let status = on_node("sh").args(["-c", &format!("echo 0 >/proc/sys/net/{setting}")]).status().unwrap();
        assert!(status.success(), "failed to set {setting} of the node");
    }
}

/// Loads rules, all or none.
fn nft(text: &str) {
    let mut child = on_node("nft").args(["-f", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "nft: {}\n{text}", String::from_utf8_lossy(&output.stderr));
}
