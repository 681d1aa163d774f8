//! A namespace of a real cluster for one scenario. Whatever a scenario cannot go on without ends it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::{
    io::Write,
    net::IpAddr,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
    core::GroupVersionKind,
    runtime::wait::await_condition,
};
use serde_json::Value;

/// Longer than anything takes that a scenario waits for, learning included, while all run at once.
const DEADLINE: Duration = Duration::from_secs(180);

/// Kinds that scenarios look at: group, version, kind and plural.
pub type Kind = (&'static str, &'static str, &'static str, &'static str);
/// What a workload did.
pub const PROFILE: Kind = ("runtimemap.io", "v1alpha1", "ApplicationProfile", "applicationprofiles");
/// Whom it talked to.
pub const NEIGHBORHOOD: Kind = ("runtimemap.io", "v1alpha1", "NetworkNeighborhood", "networkneighborhoods");
/// The policy made of that.
pub const POLICY: Kind = ("runtimemap.io", "v1alpha1", "GeneratedNetworkPolicy", "generatednetworkpolicies");
/// The filters made of what it did.
pub const SECCOMP: Kind = ("runtimemap.io", "v1alpha1", "SeccompProfile", "seccompprofiles");
/// What all run in.
pub const POD: Kind = ("", "v1", "Pod", "pods");

/// A namespace, gone with its scenario unless that failed.
pub struct Space {
    /// Its name.
    pub name: String,
    /// What asks the API server.
    pub client: Client,
}

impl Space {
    /// A fresh one.
    pub async fn new(scenario: &str) -> Self {
        let name = format!("e2e-{scenario}");
        kubectl(&["delete", "namespace", &name, "--ignore-not-found"], "");
        kubectl(&["create", "namespace", &name], "");
        let space = Self { name, client: Client::try_default().await.unwrap() };
        // A pod made before it is refused.
        space.until(("", "v1", "ServiceAccount", "serviceaccounts"), "default", "is there", |_| true).await;
        space
    }

    /// Lets its workloads be learned for so long only: for scenarios in which nothing takes longer.
    pub fn learns_for(&self, period: &str) {
        kubectl(&["annotate", "namespace", &self.name, &format!("runtimemap.io/learning-period={period}")], "");
    }

    /// Applies manifests; an `IMAGES/` in them is where the suite's images are.
    pub fn apply(&self, manifests: &str) {
        self.kubectl(&["apply", "-f", "-"], &manifests.replace("IMAGES/", "localhost/runtimemap-e2e/"));
    }

    /// What kubectl prints, in this namespace.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> String {
        kubectl(&[&["-n", &self.name], arguments].concat(), input)
    }

    /// An object once it is as asked.
    pub async fn until(&self, kind: Kind, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        Self::wait(self.api(kind), kind, name, what, holds).await
    }

    /// The same of an object that is in no namespace.
    pub async fn until_of_cluster(&self, kind: Kind, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        Self::wait(Api::all_with(self.client.clone(), &resource(kind)), kind, name, what, holds).await
    }

    async fn wait(api: Api<DynamicObject>, kind: Kind, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let holds = |object: Option<&DynamicObject>| object.is_some_and(|object| holds(&serde_json::to_value(object).unwrap()));
        match tokio::time::timeout(DEADLINE, await_condition(api.clone(), name, holds)).await {
            Ok(found) => serde_json::to_value(found.unwrap()).unwrap(),
            Err(_) => {
                let now = api.get_opt(name).await.unwrap().map(|object| serde_json::to_string_pretty(&object).unwrap());
                panic!("{} {name} never {what}: {}", kind.2, now.unwrap_or_default());
            }
        }
    }

    /// An object's end.
    pub async fn until_gone(&self, kind: Kind, name: &str) {
        let gone = await_condition(self.api(kind), name, |object: Option<&DynamicObject>| object.is_none());
        assert!(tokio::time::timeout(DEADLINE, gone).await.is_ok(), "{} {}/{name} stays", kind.2, self.name);
    }

    /// The same of an object that is in no namespace.
    pub async fn until_gone_of_cluster(&self, kind: Kind, name: &str) {
        let gone =
            await_condition(Api::all_with(self.client.clone(), &resource(kind)), name, |object: Option<&DynamicObject>| object.is_none());
        assert!(tokio::time::timeout(DEADLINE, gone).await.is_ok(), "{} {name} stays", kind.2);
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.name, &resource(kind))
    }

    /// Both objects of a workload once its learning is over: nothing of them changes any more.
    pub async fn learned(&self, name: &str) -> [Value; 2] {
        let complete = |object: &Value| object["status"]["phase"] == "Complete";
        let profile = self.until(PROFILE, name, "is complete", complete).await;
        [profile, self.until(NEIGHBORHOOD, name, "is complete", complete).await]
    }
}

/// Looks again and again until there is something; what, it says when there never is.
pub async fn wait_until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn resource((group, version, kind, plural): Kind) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

impl Drop for Space {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            kubectl(&["delete", "namespace", &self.name, "--wait=false", "--ignore-not-found"], "");
        }
    }
}

/// The address of the first node.
pub fn node() -> IpAddr {
    let path = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
    kubectl(&["get", "nodes", "-o", path], "").split(' ').next().unwrap().parse().unwrap()
}

/// What kubectl prints, given this on standard input.
pub fn kubectl(arguments: &[&str], input: &str) -> String {
    let (succeeded, out, errors) = try_kubectl(arguments, input);
    assert!(succeeded, "kubectl {}: {errors}", arguments.join(" "));
    out
}

/// Whether it succeeded, what it printed and what it complained of.
pub fn try_kubectl(arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("kubectl does not run ({error}): 'make setup' fetches it"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}
