//! The sample application: what it is, and one load for it, the same each time.

use std::{collections::BTreeMap, net::IpAddr, process::Command, time::Duration};

use runtimemap_tests::{
    outside,
    space::{POLICY, SECCOMP, Space, kubectl, node},
};
use serde_json::{Value, json};

/// A workload of the shop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// As kubectl names it.
    pub(crate) resource: &'static str,
    /// What its objects are called.
    pub(crate) object: &'static str,
    /// Its only container.
    pub(crate) container: &'static str,
}

pub(crate) const WORKLOADS: [Workload; 6] = [
    Workload { resource: "deployment/web", object: "deployment-web", container: "nginx" },
    Workload { resource: "deployment/api", object: "deployment-api", container: "python" },
    Workload { resource: "deployment/redis", object: "deployment-redis", container: "redis" },
    Workload { resource: "statefulset/postgres", object: "statefulset-postgres", container: "postgres" },
    Workload { resource: "deployment/metrics", object: "deployment-metrics", container: "python" },
    Workload { resource: "cronjob/report", object: "cronjob-report", container: "python" },
];

/// What web answers itself, and what api does, by all its stores.
const PATHS: [&str; 2] = ["/", "/api"];
const DEADLINE: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Requests of each sort that come in by the door.
const REQUESTS: usize = 10;
/// What somebody does by hand, by a call that the shop itself never makes.
pub(crate) const BY_HAND: [&str; 4] = ["/usr/bin/python3", "-B", "-c", "import os; os.getpgid(0)"];
const PERIOD: &str = "runtimemap.io/learning-period";
const JOB: (&str, &str, &str, &str) = ("batch", "v1", "Job", "jobs");

/// The shop in a namespace of its own.
pub(crate) struct Shop {
    pub(crate) space: Space,
    node: IpAddr,
    door: u16,
}

impl Shop {
    /// One that runs and that all is learned and generated of.
    pub(crate) async fn learned(name: &str) -> Self {
        outside::serve();
        let space = Space::new(name).await;
        // Longer than all takes: the test says when it is over.
        space.kubectl(&["annotate", "namespace", &space.name, &format!("{PERIOD}=1h")], "");
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/enforce/sources");
        space.kubectl(&["create", "configmap", "shop", "--from-file", sources], "");
        space.apply(include_str!("manifests/shop.yaml"));
        let port = space.kubectl(&["get", "service", "door", "-o", "jsonpath={.spec.ports[0].nodePort}"], "");
        let shop = Self { space, node: node(), door: port.parse().unwrap() };
        shop.rolled_out().await;
        shop.load("learning").await;
        // What a program does when it is told to end is learned when it ends.
        shop.restart();
        shop.rolled_out().await;
        shop.end_learning();
        for Workload { object, .. } in WORKLOADS {
            shop.space.learned(object).await;
            for kind in [POLICY, SECCOMP] {
                shop.space.until(kind, object, "is generated", |_| true).await;
            }
        }
        shop
    }

    /// Ends the period of whoever learns.
    pub(crate) fn end_learning(&self) {
        self.space.kubectl(&["annotate", "--overwrite", "namespace", &self.space.name, &format!("{PERIOD}=5s")], "");
    }

    /// Lets whoever is new learn until it is ended.
    pub(crate) fn go_on_learning(&self) {
        self.space.kubectl(&["annotate", "--overwrite", "namespace", &self.space.name, &format!("{PERIOD}=1h")], "");
    }

    /// Waits until every pod that should be is there and ready, and Services and names lead to them.
    pub(crate) async fn rolled_out(&self) {
        for Workload { resource, .. } in WORKLOADS.iter().filter(|one| !one.resource.starts_with("cronjob")) {
            self.space.kubectl(&["rollout", "status", resource, "--timeout=180s"], "");
        }
        self.until("those before them are gone", || self.pods().iter().all(|pod| pod["metadata"]["deletionTimestamp"].is_null())).await;
        self.until("the whole shop answers", || PATHS.iter().all(|path| outside::ask(self.node, self.door, path))).await;
    }

    /// Puts new pods in the place of all that run.
    pub(crate) fn restart(&self) {
        for Workload { resource, .. } in WORKLOADS.iter().filter(|one| !one.resource.starts_with("cronjob")) {
            self.space.kubectl(&["rollout", "restart", resource], "");
        }
    }

    /// Waits until this is so.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let looking = async {
            while !holds() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        assert!(tokio::time::timeout(DEADLINE, looking).await.is_ok(), "waited in vain until {what}");
    }

    /// Changes what a workload's pods are made of: a strategic-merge patch of their template.
    pub(crate) fn patch(&self, Workload { resource, .. }: Workload, template: &Value) {
        let spec = json!({"template": template});
        let patch = if resource.starts_with("cronjob") { json!({"spec": {"jobTemplate": {"spec": spec}}}) } else { json!({"spec": spec}) };
        self.space.kubectl(&["patch", resource, "--type=strategic", "-p", &patch.to_string()], "");
    }

    /// Uses the shop in every way that there is; fails unless all is well. `round` is a name for this time.
    pub(crate) async fn load(&self, round: &str) {
        self.serve(round).await;
        for deployment in ["deployment/api", "deployment/metrics"] {
            self.space.kubectl(&[&["exec", deployment, "--"][..], &BY_HAND].concat(), "");
        }
    }

    /// The same without what is done by hand.
    pub(crate) async fn serve(&self, round: &str) {
        for _ in 0..REQUESTS {
            for path in PATHS {
                assert!(outside::ask(self.node, self.door, path), "{path} of web does not answer while {round}");
            }
        }
        let report = format!("report-{round}");
        self.space.kubectl(&["create", "job", &report, "--from=cronjob/report"], "");
        let ended = |job: &Value| !job["status"]["succeeded"].is_null() || !job["status"]["failed"].is_null();
        let job = self.space.until(JOB, &report, "is done", ended).await;
        assert_eq!(job["status"]["succeeded"], 1, "{}", self.space.kubectl(&["logs", &format!("job/{report}")], ""));
    }

    /// Pods of all workloads that go on running.
    fn pods(&self) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.space.kubectl(&["get", "pods", "-l", "app!=report", "-o", "json"], "")).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Every pod that runs, with when it became ready: what stays the same while all probes succeed.
    pub(crate) fn ready(&self) -> BTreeMap<String, String> {
        let of = |pod: &Value| {
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|one| one["type"] == "Ready").cloned().unwrap_or_default();
            let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
            let state = format!("{} since {}, {restarts} restarts", ready["status"], ready["lastTransitionTime"]);
            (pod["metadata"]["name"].as_str().unwrap().to_owned(), state)
        };
        self.pods().iter().map(of).collect()
    }

    /// The same, once every one of them is ready and none was started again.
    pub(crate) fn assert_ready(&self) -> BTreeMap<String, String> {
        let ready = self.ready();
        for (pod, state) in &ready {
            assert!(state.starts_with("\"True\"") && state.ends_with(", 0 restarts"), "{pod}: {state}");
        }
        ready
    }
}

/// What a shell prints for a line of the manual.
pub(crate) fn typed(line: &str) -> String {
    let output = Command::new("bash").args(["-o", "pipefail", "-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A value out of an object, as kubectl's JSONPath finds it.
pub(crate) fn value(space: &Space, object: &str, path: &str) -> String {
    kubectl(&["-n", &space.name, "get", object, "-o", &format!("jsonpath={path}")], "")
}
