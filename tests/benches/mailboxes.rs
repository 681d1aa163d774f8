//! What 5,000 nodes cost an API server while the controller is away, and how long it takes to catch up: `cargo bench -p runtimemap-tests`.
//!
//! The API server, etcd and the controller are real, the nodes are simulated: each writes one full mailbox, as its agent would, and waits.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has failed, and prints what it measured"
)]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, Config,
    api::PostParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use runtimemap_crds::{NodeDirective, NodeObservation, NodeObservationSpec, Open};
use runtimemap_recorder::mailbox::{self, Letter};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const NODES: usize = 5000;
/// Workloads that the nodes' pods are of.
const WORKLOADS: usize = 100;
/// Requests at the same time.
const TOGETHER: usize = 64;
/// What etcd may grow to.
const LIMIT: f64 = 512.0;
const DEADLINE: Duration = Duration::from_secs(1800);

/// The API server, ended with the measurement.
struct Server(tempfile::TempDir);

impl Server {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        assert!(Command::new(script("cluster/node.sh")).arg("api").arg(state.path()).stdout(Stdio::null()).status().unwrap().success());
        Self(state)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.0.path().join("pki/admin.kubeconfig")
    }

    /// That of a service account of the chart's: nobody else may write what is learned.
    fn kubeconfig_of(&self, account: &str) -> PathBuf {
        let kubectl = |arguments: &[&str]| {
            let output = Command::new("kubectl").arg("--kubeconfig").arg(self.kubeconfig()).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let mut config: Value = serde_json::from_str(&kubectl(&["config", "view", "--raw", "--minify", "-o", "json"])).unwrap();
        let token = kubectl(&["-n", "runtimemap", "create", "token", account, "--duration=2h"]);
        config["users"][0]["user"] = json!({"token": token.trim()});
        let file = self.0.path().join(account);
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(script("cluster/node.sh")).arg("down").arg(self.0.path()).status();
    }
}

struct Controller(Child);

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// As the administrator, or as the agent on a node: by impersonation, with what its bound token says.
async fn client(kubeconfig: &Path, node: Option<&str>) -> Client {
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig).unwrap(), &options).await.unwrap();
    let Some(node) = node else { return config.try_into().unwrap() };
    let mut config = config;
    let header = |name: &str, value: &str| (name.parse().unwrap(), value.parse().unwrap());
    config.headers.push(header("impersonate-user", "system:serviceaccount:runtimemap:runtimemap-agent"));
    config.headers.push(header("impersonate-group", "system:serviceaccounts"));
    config.headers.push(header("impersonate-extra-authentication.kubernetes.io%2fnode-name", node));
    config.try_into().unwrap()
}

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Names that no compression makes smaller.
fn letters(node: usize, count: usize) -> Vec<Letter> {
    let mut state = node as u64 + 1;
    let mut random = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..count).map(|_| Letter::Open(Open { path: format!("/srv/{:016x}{:016x}", random(), random()), ..Open::default() })).collect()
}

/// As many of them, by the hundred, as a mailbox holds with some room left.
fn most() -> usize {
    let fits = |count: &usize| mailbox::encode(&[letters(0, count + 50)]).unwrap().is_some();
    (100..).step_by(100).take_while(fits).last().unwrap()
}

/// A full mailbox.
fn batch(node: usize, uid: &str, count: usize) -> NodeObservationSpec {
    let container = json!({"podUID": uid, "id": format!("{node:064x}"), "name": "app", "type": "container", "startupObserved": true});
    let payload = mailbox::encode(&[letters(node, count)]).unwrap().unwrap();
    object(
        json!({"ledger": format!("ledger{node}"), "sequence": 1, "architecture": "amd64", "containers": [container], "payload": payload}),
    )
}

/// A figure of the API server's own metrics: the sum over all series of a name that have a text in their labels.
async fn metric(client: &Client, name: &str, label: &str) -> f64 {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = client.request_text(request).await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    // The sum of nothing is no negative zero.
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).fold(0.0, |sum, value| sum + value)
}

async fn stored(client: &Client) -> f64 {
    metric(client, "apiserver_storage_size_bytes", "").await / f64::from(1 << 20)
}

async fn place(admin: &Client, number: usize) -> (usize, String) {
    let name = format!("n{number}");
    let node: Node = object(json!({"metadata": {"name": name}}));
    Api::all(admin.clone()).create(&PostParams::default(), &node).await.unwrap();
    let workload = format!("app-{}", number % WORKLOADS);
    let pod: Pod = object(json!({
        "metadata": {"generateName": "run-", "annotations": {"runtimemap.io/workload": workload}},
        "spec": {"nodeName": name, "automountServiceAccountToken": false, "containers": [{"name": "app", "image": "app:1"}]},
    }));
    let pod = Api::namespaced(admin.clone(), "default").create(&PostParams::default(), &pod).await.unwrap();
    (number, pod.metadata.uid.unwrap())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    let recorder = env::var("RUNTIMEMAP_RECORDER").expect("RUNTIMEMAP_RECORDER names the recorder; make bench sets it");
    let server = Server::start();
    let kubeconfig = server.kubeconfig();
    let admin = client(&kubeconfig, None).await;
    let install = ["upgrade", "--install", "runtimemap", "../deploy/chart", "--namespace", "runtimemap", "--create-namespace"];
    let mut helm = Command::new("helm");
    helm.args(install).current_dir(env!("CARGO_MANIFEST_DIR")).env("KUBECONFIG", &kubeconfig).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(helm.status().unwrap().success(), "helm installs the chart");

    let placed: Vec<(usize, String)> =
        stream::iter(0..NODES).map(|number| place(&admin, number)).buffer_unordered(TOGETHER).collect().await;
    let before = stored(&admin).await;
    println!("{NODES} nodes, {NODES} pods of {WORKLOADS} workloads: etcd holds {before:.0} MiB");

    let count = most();
    let began = Instant::now();
    let write = async |(number, uid): (usize, String)| {
        let name = format!("n{number}");
        let mailbox = NodeObservation::new(&name, batch(number, &uid, count));
        let api: Api<NodeObservation> = Api::all(client(&kubeconfig, Some(&name)).await);
        api.create(&PostParams::default(), &mailbox).await.unwrap();
        mailbox.spec.payload.len()
    };
    let sizes: Vec<usize> = stream::iter(placed).map(write).buffer_unordered(TOGETHER).collect().await;
    let full = stored(&admin).await;
    let mean = sizes.iter().sum::<usize>() / sizes.len() / 1024;
    println!("{NODES} mailboxes of {mean} KiB, while no controller ran: {:.0} s, etcd holds {full:.0} MiB", began.elapsed().as_secs_f64());

    let began = Instant::now();
    let mut command = Command::new(recorder);
    command.args(["controller", "--namespace", "runtimemap", "--kubeconfig"]).arg(server.kubeconfig_of("runtimemap-controller"));
    let controller = Controller(command.stderr(Stdio::null()).spawn().unwrap());
    let directives: Api<NodeDirective> = Api::all(admin.clone());
    let mut most = full;
    loop {
        let answered = directives.list(&Default::default()).await.unwrap().items.iter().filter(|one| one.spec.ack.sequence == 1).count();
        most = most.max(stored(&admin).await);
        if answered == NODES {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "only {answered} of {NODES} mailboxes are emptied");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let asked = metric(&admin, "apiserver_flowcontrol_dispatched_requests_total", "runtimemap-").await;
    let refused = metric(&admin, "apiserver_flowcontrol_rejected_requests_total", "runtimemap-").await;
    println!("all of them emptied {:.0} s after a controller came; etcd held {most:.0} MiB at most", began.elapsed().as_secs_f64());
    println!(
        "of {asked:.0} requests in the chart's flow schemas the server's flow control refused {refused:.0}; memory of the controller: {} MiB",
        resident(controller.0.id())
    );
    assert!(most < LIMIT, "more than {LIMIT} MiB");
    assert!(asked > 0.0 && refused < 1.0);
}

/// Most memory that a process had, in MiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
