//! How long `show -A` takes on 10,000 profiles of a real API server, and how much memory: `cargo bench -p kubectl-runtimemap --bench cluster`.
//!
//! The profiles are those of nginx in `tests/fixtures`. Needs curl and python3 beside kubectl and the programs of `tests/cluster`.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench that cannot go on has failed, and prints what it measured")]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs of which the fastest counts.
const RUNS: usize = 5;
/// How many profiles there are when it is measured. More of them are to take no more memory.
const PROFILES: [usize; 2] = [2000, 10_000];
/// Says the most memory that a command had at a time, in KiB, on standard error.
const MEMORY: &str = "import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

/// An API server of its own.
struct Server {
    state: TempDir,
    kubeconfig: PathBuf,
}

fn node(verb: &str, state: &Path) -> String {
    let script = repository().join("tests/cluster/node.sh");
    let output = Command::new(script).arg(verb).arg(state).stdin(Stdio::null()).output().expect("node.sh runs");
    assert!(output.status.success(), "node.sh {verb}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace").to_owned()
}

impl Server {
    fn start() -> Self {
        let state = tempfile::tempdir().expect("a folder can be made");
        let said = node("api", state.path());
        let kubeconfig = said.lines().find_map(|line| line.strip_prefix("KUBECONFIG=")).expect("it says where its kubeconfig is").into();
        let server = Self { state, kubeconfig };
        let kinds = repository().join("crds/applicationprofiles.yaml");
        server.kubectl(&["apply", "--server-side", "-f", kinds.to_str().expect("a path is text")]);
        server.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        server
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let output = Command::new("kubectl").args(args).env("KUBECONFIG", &self.kubeconfig).output().expect("kubectl runs");
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Creates profiles, many at a time: kubectl makes one after the other.
    fn fill(&self, names: std::ops::Range<usize>) {
        let url = self.kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"]);
        let pki = self.state.path().join("pki");
        let profile = profile();
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut requests = String::new();
        for name in names {
            let mut profile = profile.clone();
            profile["metadata"]["name"] = json!(format!("deployment-w{name}"));
            profile["spec"]["workload"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("w{name}")});
            let body = folder.path().join(format!("{name}.json"));
            fs::write(&body, profile.to_string()).expect("a file can be written");
            let next = if requests.is_empty() { "" } else { "next\n" };
            // Writing to a String cannot fail.
            let _ = writeln!(
                requests,
                "{next}url = \"{url}/apis/runtimemap.io/v1alpha1/namespaces/default/applicationprofiles\"\ncacert = \"{pki}/ca.crt\"\n\
                 cert = \"{pki}/admin.crt\"\nkey = \"{pki}/admin.key\"\nheader = \"Content-Type: application/json\"\n\
                 data = \"@{}\"\noutput = \"/dev/null\"\nsilent\nfail",
                body.display(),
                pki = pki.display()
            );
        }
        let config = folder.path().join("requests");
        fs::write(&config, requests).expect("a file can be written");
        let status = Command::new("curl")
            .args(["--parallel", "--parallel-max", "32", "--no-progress-meter", "--config"])
            .arg(&config)
            .status()
            .expect("curl runs");
        assert!(status.success(), "profiles were not created: {status}");
    }

    fn plugin(&self, program: &[&str]) -> Command {
        let mut words = program.iter().copied().chain([env!("CARGO_BIN_EXE_kubectl-runtimemap"), "show", "-A"]);
        let mut command = Command::new(words.next().expect("there is a program"));
        command.args(words).env("KUBECONFIG", &self.kubeconfig);
        command
    }

    fn fastest(&self) -> Duration {
        let run = |_| {
            let start = Instant::now();
            assert!(self.plugin(&[]).stdout(Stdio::null()).status().expect("the plugin runs").success(), "show succeeds");
            start.elapsed()
        };
        (0..RUNS).map(run).min().unwrap_or_default()
    }

    /// The most memory of a run, in MiB.
    fn memory(&self) -> f64 {
        let output = self.plugin(&["python3", "-c", MEMORY]).output().expect("python3 runs");
        assert!(output.status.success(), "show succeeds");
        let kibibytes: f64 = String::from_utf8_lossy(&output.stderr).trim().parse().expect("it says a number");
        kibibytes / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        node("down", self.state.path());
    }
}

/// As a recording has it.
fn profile() -> Value {
    let text = include_str!("../tests/fixtures/nginx.yaml");
    let objects: Vec<Value> = serde_saphyr::from_multiple(text).expect("it is YAML");
    let mut profile = objects.into_iter().find(|object| object["kind"] == "ApplicationProfile").expect("it has a profile");
    profile["metadata"] = json!({"namespace": "default"});
    profile
}

fn main() {
    let server = Server::start();
    let mut there = 0;
    for profiles in PROFILES {
        server.fill(there..profiles);
        there = profiles;
        let listed = server.plugin(&[]).output().expect("the plugin runs").stdout;
        let lines = String::from_utf8_lossy(&listed).lines().count();
        assert_eq!(lines, profiles + 1, "a line for each, and the headings");
        println!(
            "show -A, {profiles} stored profiles of {} bytes: {:.0} ms, at most {:.1} MiB",
            profile().to_string().len(),
            server.fastest().as_secs_f64() * 1000.0,
            server.memory()
        );
    }
}
