//! An API server of its own, shared by the tests that run at the same time; the last one ends it.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, Weak},
};

use serde_json::{Value, json};
use tempfile::TempDir;

static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());

pub(crate) struct Server {
    state: TempDir,
    kubeconfig: PathBuf,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
            code: output.status.code(),
        }
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is a folder of the workspace").to_owned()
}

fn node(verb: &str, state: &Path) -> Output {
    let script = repository().join("tests/cluster/node.sh");
    Command::new(script).arg(verb).arg(state).stdin(Stdio::null()).output().expect("node.sh runs")
}

impl Server {
    /// The one that runs, or a new one with our kinds.
    pub(crate) fn get() -> Arc<Self> {
        let mut running = RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return server;
        }
        let state = tempfile::tempdir().unwrap();
        let output = node("api", state.path());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "no API server: {said}{}", String::from_utf8_lossy(&output.stderr));
        let kubeconfig = said.lines().find_map(|line| line.strip_prefix("KUBECONFIG=")).expect("it says where its kubeconfig is").into();
        let server = Arc::new(Self { state, kubeconfig });
        let kinds = repository().join("crds");
        for file in ["applicationprofiles", "networkneighborhoods", "generatednetworkpolicies", "seccompprofiles", "nodeobservations"] {
            let file = kinds.join(format!("{file}.yaml"));
            server.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
        }
        server.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        *running = Arc::downgrade(&server);
        server
    }

    /// A program with this cluster as its own, and the plugin first in PATH.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-runtimemap")).parent().expect("a binary is in a folder").to_owned();
        let rest = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(std::iter::once(plugin).chain(env::split_paths(&rest))).expect("PATH is one");
        command.env("PATH", path).env("KUBECONFIG", &self.kubeconfig).env("TERM", "dumb").env_remove("KUBECTL_EXTERNAL_DIFF");
        command.stdin(Stdio::null());
        command
    }

    /// What kubectl says, if it succeeds.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        let outcome = Outcome::from(self.command("kubectl").args(args).output().expect("kubectl runs"));
        assert_eq!(outcome.code, Some(0), "kubectl {args:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// `kubectl runtimemap` with these arguments, split at blanks.
    pub(crate) fn runtimemap(&self, args: &str) -> Outcome {
        self.command("kubectl").arg("runtimemap").args(args.split_whitespace()).output().expect("kubectl runs").into()
    }

    /// Creates objects, and gives those of ours their status.
    pub(crate) fn create(&self, text: &str) {
        let mut child =
            self.command("kubectl").args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("kubectl runs");
        child.stdin.take().expect("it was piped").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{text}");
        let is_ours = |object: &&Value| object["status"].is_object() && object["apiVersion"] == "runtimemap.io/v1alpha1";
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("it is YAML");
        for object in documents.iter().filter(is_ours) {
            let (kind, metadata) = (object["kind"].as_str().unwrap().to_lowercase(), &object["metadata"]);
            let patch = json!({"status": object["status"]}).to_string();
            let (name, namespace) = (metadata["name"].as_str().unwrap(), metadata["namespace"].as_str().unwrap());
            let kind = format!("{kind}.runtimemap.io");
            self.kubectl(&["patch", &kind, name, "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch]);
        }
    }

    /// A namespace of a test's own, with the sample application and what was learned of it.
    pub(crate) fn shop(&self, namespace: &str) {
        self.kubectl(&["create", "namespace", namespace]);
        self.create(&include_str!("fixtures/shop.yaml").replace("NAMESPACE", namespace));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let output = node("down", self.state.path());
        if !output.status.success() {
            eprintln!("the API server was not ended: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
