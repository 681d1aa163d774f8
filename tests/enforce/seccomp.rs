//! The sample application under the filters that were generated from it, loaded by the kubelet.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use runtimemap_crds::ApplicationProfile;
use runtimemap_policy::seccomp::{self, Options};
use runtimemap_tests::space::{POD, PROFILE, kubectl, try_kubectl};
use serde_json::{Value, json};

use crate::{
    audit::{Audit, Refused},
    shop::{BY_HAND, Shop, WORKLOADS, Workload, typed},
};

/// Who makes it asks for what the shop never asked for.
const PLANTED: [&str; 4] = ["/usr/bin/python3", "-B", "-c", "import os; os.getsid(0)"];
/// What default profiles of runtimes never allow a container without SYS_ADMIN, and so no filter does, whatever was learned. Who asks for it
/// is answered ENOSYS and goes on by another way: C libraries by `clone`, a newer runc by `open`.
const CLOSED: [&str; 2] = ["clone3", "open_tree"];
/// Without it nothing of metrics works, and it starts all the same.
const REMOVED: &str = "recvfrom";

/// Makes the kernel tell what a filter refuses, which the filter alone does not.
const LOGGED: &str = ".flags = [\"SECCOMP_FILTER_FLAG_LOG\"]";

/// A file that the kubelet finds by this name.
fn file(shop: &Shop, name: &str) -> (PathBuf, String) {
    let name = format!("runtimemap/{}/{name}.json", shop.space.name);
    let path = PathBuf::from(env::var("SECCOMP").expect("SECCOMP is the kubelet's folder; run.sh sets it")).join(&name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    (path, name)
}

/// Takes the generated filter as the manual says, so that it is logged; the name of its file below the kubelet's folder.
fn export(shop: &Shop, Workload { object, container, .. }: Workload) -> String {
    let (path, name) = file(shop, object);
    typed(&format!(
        "kubectl get seccompprofiles.runtimemap.io -n {} {object} -o json | jq '.spec.containers[\"{container}\"] | {LOGGED}' > {}",
        shop.space.name,
        path.display()
    ));
    name
}

/// Puts a filter where the kubelet finds it; its name there.
fn put(shop: &Shop, name: &str, mut filter: Value) -> String {
    filter["flags"] = json!(["SECCOMP_FILTER_FLAG_LOG"]);
    let (path, name) = file(shop, name);
    fs::write(path, filter.to_string()).unwrap();
    name
}

/// Runs a workload anew, under this filter.
fn confine(shop: &Shop, workload: Workload, filter: &str, allow_escalation: bool) {
    let context = json!({
        "seccompProfile": {"type": "Localhost", "localhostProfile": filter},
        "allowPrivilegeEscalation": allow_escalation,
    });
    let pod = json!({"runtimeClassName": "logging", "containers": [{"name": workload.container, "securityContext": context}]});
    shop.patch(workload, &json!({"spec": pod}));
}

/// Waits until a workload learns again, and until it does no more.
async fn learns_anew(shop: &Shop) {
    for Workload { object, .. } in WORKLOADS {
        shop.space.until(PROFILE, object, "learns what it does under its filter", |one| one["status"]["phase"] == "Learning").await;
    }
    shop.end_learning();
    for Workload { object, .. } in WORKLOADS {
        shop.space.learned(object).await;
    }
}

/// What the kernel's audit saw refused since it was asked last.
fn refused(audit: &mut Audit) -> BTreeSet<Refused> {
    audit.refused().into_iter().filter(|(_, call)| !CLOSED.contains(&call.as_str())).collect()
}

/// What the recorder saw refused, by workload.
async fn denied(shop: &Shop) -> BTreeSet<(String, String)> {
    let mut denied = BTreeSet::new();
    for Workload { object, .. } in WORKLOADS {
        let profile = shop.space.until(PROFILE, object, "is there", |_| true).await;
        let calls = profile["spec"]["containers"][0]["syscallsDenied"].as_array().cloned().unwrap_or_default();
        let calls = calls.iter().map(|call| call.as_str().unwrap()).filter(|call| !CLOSED.contains(call));
        denied.extend(calls.map(|call| (object.to_owned(), call.to_owned())));
    }
    denied
}

/// Runs a command in a container; whether it succeeded, and what it said.
fn exec(shop: &Shop, resource: &str, command: &[&str]) -> (bool, String) {
    let (succeeded, out, errors) = try_kubectl(&[&["-n", &shop.space.name, "exec", resource, "--"], command].concat(), "");
    (succeeded, out + &errors)
}

#[tokio::test]
async fn s11_every_container_runs_on_under_its_own_filter_and_a_planted_denial_is_seen_by_two_witnesses() {
    kubectl(&["apply", "-f", "-"], include_str!("manifests/logging.yaml"));
    let shop = Shop::learned("seccomp").await;
    let filters: Vec<(Workload, String)> = WORKLOADS.into_iter().map(|workload| (workload, export(&shop, workload))).collect();
    let mut audit = Audit::from_now();
    for allow_escalation in [false, true] {
        shop.go_on_learning();
        for (workload, filter) in &filters {
            confine(&shop, *workload, filter, allow_escalation);
        }
        shop.rolled_out().await;
        let round = if allow_escalation { "escalating" } else { "confined" };
        shop.load(round).await;
        shop.assert_ready();
        // `kubectl exec` is among the load, and its calls among the filters'.
        let first = refused(&mut audit);
        eprintln!(
            "FIGURE seccomp, allowPrivilegeEscalation: {allow_escalation}: {} containers under load, {} calls refused but {CLOSED:?}",
            filters.len(),
            first.len()
        );
        assert_eq!(first, [].into());
        if allow_escalation {
            let (succeeded, said) = exec(&shop, "deployment/api", &PLANTED);
            assert!(!succeeded && said.contains("Function not implemented"), "{said}");
            assert_eq!(refused(&mut audit), [("python3".to_owned(), "getsid".to_owned())].into());
        }
        learns_anew(&shop).await;
        let second = denied(&shop).await;
        eprintln!("FIGURE seccomp, allowPrivilegeEscalation: {allow_escalation}: {} calls refused, by the recorder", second.len());
        let planted = allow_escalation.then(|| ("deployment-api".to_owned(), "getsid".to_owned()));
        assert_eq!(second, planted.into_iter().collect());
    }
    entered_or_not(&shop, &mut audit).await;
    removed(&shop, &mut audit).await;
}

/// What enters a container from outside works if its calls are in the filter, and else fails as the program itself sees fit.
async fn entered_or_not(shop: &Shop, audit: &mut Audit) {
    let metrics = WORKLOADS[4];
    let (succeeded, said) = exec(shop, metrics.resource, &BY_HAND);
    assert!(succeeded, "{said}");
    let profile = shop.space.until(PROFILE, metrics.object, "is there", |_| true).await;
    let profile: ApplicationProfile = serde_json::from_value(profile).unwrap();
    let options = Options { entered: false, ..Options::default() };
    let made = seccomp::generate(&profile, &options).spec.containers.remove(metrics.container).unwrap();
    confine(shop, metrics, &put(shop, "without-exec", json!(made)), false);
    shop.rolled_out().await;
    let (succeeded, said) = exec(shop, metrics.resource, &BY_HAND);
    assert!(!succeeded && said.contains("Function not implemented"), "{said}");
    assert_eq!(refused(audit), [("python3".to_owned(), "getpgid".to_owned())].into());
    // The container's own command is not touched by that.
    shop.serve("without-exec").await;
}

/// One call less, and the program is refused it.
async fn removed(shop: &Shop, audit: &mut Audit) {
    let metrics = WORKLOADS[4];
    let (path, _) = file(shop, metrics.object);
    let mut filter: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for entry in filter["syscalls"].as_array_mut().unwrap() {
        entry["names"].as_array_mut().unwrap().retain(|name| name != REMOVED);
    }
    refused(audit);
    confine(shop, metrics, &put(shop, "lacking", filter), false);
    let list = shop.space.kubectl(&["get", "pods", "-l", "app=metrics", "--sort-by=.metadata.creationTimestamp", "-o", "name"], "");
    let newest = list.trim().rsplit('/').next().unwrap().to_owned();
    let failed = |pod: &Value| pod["status"]["containerStatuses"][0]["restartCount"].as_u64() > Some(0);
    shop.space.until(POD, &newest, "fails", failed).await;
    assert!(refused(audit).contains(&("python3".to_owned(), REMOVED.to_owned())), "{REMOVED} is not in the filter and was not refused");
}
