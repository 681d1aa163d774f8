//! What happens to a map when its workload, its namespace or its room changes.

use std::env;

use serde_json::{Value, json};

use runtimemap_tests::space::{NEIGHBORHOOD, PROFILE, Space, kubectl};

const DEPLOYMENT: (&str, &str, &str, &str) = ("apps", "v1", "Deployment", "deployments");

fn opens(profile: &Value, path: &str) -> bool {
    let opens = profile["spec"]["containers"][0]["opens"].as_array();
    opens.is_some_and(|opens| opens.iter().any(|open| open["path"] == path))
}

#[tokio::test]
async fn o2_a_rollout_goes_on_in_the_same_object() {
    let space = Space::new("rollout").await;
    space.apply(include_str!("manifests/rollout.yaml"));
    space.until(PROFILE, "deployment-web", "has the first revision", |profile| opens(profile, "/act/40")).await;
    // The same program as another image: what it then does is added.
    let change = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "acts", "command": ["/bin/sh", "-c", "cat /etc/group; kill -STOP $$"], "image": "localhost/runtimemap-e2e/client:1"}]}}}});
    space.kubectl(&["patch", "deployment", "web", "-p", &change.to_string()], "");
    let profile = space.until(PROFILE, "deployment-web", "has both revisions", |profile| opens(profile, "/etc/group")).await;
    assert!(opens(&profile, "/act/40"), "{profile}");
    assert_eq!(profile["spec"]["containers"].as_array().unwrap().len(), 1);
    let list = space.kubectl(&["get", "applicationprofiles", "-o", "name"], "");
    assert_eq!(list.lines().collect::<Vec<_>>(), ["applicationprofile.runtimemap.io/deployment-web"]);
}

#[tokio::test]
async fn two_revisions_live_at_once_are_learned_each_and_one_that_comes_back_is_known() {
    let space = Space::new("revisions").await;
    // Four of them, one after the other.
    space.learns_for("5s");
    space.apply(include_str!("manifests/rollout.yaml"));
    let revisions = |profile: &Value| profile["status"]["revisions"].as_array().map_or(0, Vec::len);
    let complete = |profile: &Value, count: usize| profile["status"]["phase"] == "Complete" && revisions(profile) == count;
    let roll = |pause: &str| {
        // The new one is never ready enough for the old one to go.
        let change = json!({"spec": {"minReadySeconds": 3600, "progressDeadlineSeconds": 7200, "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"spec": {"containers": [{"name": "acts", "command": ["/acts", pause, "192.0.2.1", "stay"]}]}}}});
        space.kubectl(&["patch", "deployment", "web", "-p", &change.to_string()], "");
    };
    let first = space.until(PROFILE, "deployment-web", "has the first", |profile| complete(profile, 1)).await;
    let first = first["status"]["revisions"][0]["id"].clone();
    roll("6");
    let both = |profile: &Value| complete(profile, 2) && ran(profile, "5") && ran(profile, "6");
    space.until(PROFILE, "deployment-web", "has both", both).await;
    let pods = space.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].status.phase}"], "");
    assert_eq!(pods, "Running Running", "both are live");
    for (count, pause) in [(3, "7"), (4, "8")] {
        roll(pause);
        let next = |profile: &Value| complete(profile, count) && ran(profile, pause);
        space.until(PROFILE, "deployment-web", "has the next", next).await;
    }
    // Back by three: it is what it was, and there is nothing to learn.
    let change = json!({"spec": {"minReadySeconds": 0}});
    space.kubectl(&["patch", "deployment", "web", "-p", &change.to_string()], "");
    space.kubectl(&["rollout", "undo", "deployment/web", "--to-revision=1"], "");
    space.kubectl(&["rollout", "status", "deployment/web", "--timeout=120s"], "");
    let known = |profile: &Value| {
        let revisions = profile["status"]["revisions"].as_array().cloned().unwrap_or_default();
        revisions.iter().any(|revision| revision["id"] == first && revision["phase"] == "Complete")
    };
    let profile = space.until(PROFILE, "deployment-web", "knows the first", known).await;
    assert!(profile["status"]["phase"] == "Complete" && ran(&profile, "5"), "{profile}");
}

/// Whether the known workload ran with this pause.
fn ran(profile: &Value, pause: &str) -> bool {
    let execs = profile["spec"]["containers"][0]["execs"].as_array();
    execs.is_some_and(|execs| execs.iter().any(|exec| exec["args"][0] == "/acts" && exec["args"][1] == pause))
}

#[tokio::test]
async fn pods_and_jobs_with_generated_names_are_runs_of_one_workload() {
    let space = Space::new("generated").await;
    for _ in 0..2 {
        let pod = include_str!("manifests/generated.yaml").replace("IMAGES/", "localhost/runtimemap-e2e/");
        space.kubectl(&["create", "-f", "-"], &pod);
    }
    space.learned("pod-run").await;
    space.learned("job-nightly").await;
    let names = space.kubectl(&["get", "applicationprofiles", "-o", "jsonpath={.items[*].metadata.name}"], "");
    assert_eq!(names, "job-nightly pod-run");
}

#[tokio::test]
async fn a_map_stays_while_its_workload_is_scaled_to_zero_and_back() {
    let space = Space::new("scale").await;
    space.apply(include_str!("manifests/rollout.yaml"));
    let [before, _] = space.learned("deployment-web").await;
    space.kubectl(&["scale", "deployment", "web", "--replicas=0"], "");
    space.until(DEPLOYMENT, "web", "has no replica", |object| object["status"]["replicas"].is_null()).await;
    space.kubectl(&["scale", "deployment", "web", "--replicas=1"], "");
    space.until(DEPLOYMENT, "web", "is back", |object| object["status"]["availableReplicas"] == 1).await;
    let [after, _] = space.learned("deployment-web").await;
    assert_eq!(before["spec"], after["spec"]);
    assert_eq!(before["metadata"]["uid"], after["metadata"]["uid"]);
}

#[tokio::test]
async fn what_a_quota_refuses_is_kept_on_its_node_until_there_is_room() {
    let space = Space::new("quota").await;
    let hard = json!({"count/applicationprofiles.runtimemap.io": "0", "count/networkneighborhoods.runtimemap.io": "0"});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": hard}});
    space.apply(&quota.to_string());
    let in_force = |quota: &Value| !quota["status"]["hard"].is_null();
    space.until(("", "v1", "ResourceQuota", "resourcequotas"), "none", "is in force", in_force).await;
    space.apply(include_str!("manifests/short.yaml"));
    space.until(("batch", "v1", "Job", "jobs"), "blink", "is done", |job| job["status"]["succeeded"] == 1).await;
    assert_eq!(space.kubectl(&["get", "applicationprofiles", "-o", "name"], ""), "");
    space.kubectl(&["delete", "resourcequota", "none"], "");
    let [profile, _] = space.learned("job-blink").await;
    assert!(opens(&profile, "/act/01") && opens(&profile, "/act/40"), "{profile}");
}

#[tokio::test]
async fn a_namespace_with_maps_goes_when_it_is_deleted() {
    let space = Space::new("ending").await;
    space.apply(include_str!("manifests/rollout.yaml"));
    space.until(PROFILE, "deployment-web", "is there", |_| true).await;
    space.kubectl(&["delete", "namespace", &space.name, "--wait=false"], "");
    space.until_gone_of_cluster(("", "v1", "Namespace", "namespaces"), &space.name).await;
}

#[tokio::test]
async fn a_workload_keeps_its_name_however_odd_it_is() {
    let space = Space::new("odd").await;
    // As long as a name may be; pods of it have shorter ones.
    let long = "x".repeat(253);
    kubectl(&["apply", "-f", "-"], include_str!("manifests/kinds.yaml"));
    for plural in ["rollouts.argoproj.io", "jobs.batch.example.com"] {
        kubectl(&["wait", "--for=condition=Established", "crd", plural, "--timeout=60s"], "");
    }
    space.apply(&include_str!("manifests/odd.yaml").replace("LONG", &long));
    for (resource, child) in [("rollout.argoproj.io/web", "replicaset/web-1"), ("job.batch.example.com/task", "pod/task-1")] {
        let owner: Value = serde_json::from_str(&space.kubectl(&["get", resource, "-o", "json"], "")).unwrap();
        let metadata = &owner["metadata"];
        let reference = json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"],
            "controller": true});
        space.kubectl(&["patch", child, "--type=merge", "-p", &json!({"metadata": {"ownerReferences": [reference]}}).to_string()], "");
    }
    space.kubectl(&["scale", "replicaset", "web-1", "--replicas=1"], "");
    let profiles = || space.kubectl(&["get", "applicationprofiles", "-o", "jsonpath={.items[*].metadata.name}"], "");
    let replica_set = ("apps", "v1", "ReplicaSet", "replicasets");
    space.until(replica_set, &long, "runs", |object| object["status"]["readyReplicas"] == 1).await;
    space.learned("replicaset-web-1").await;
    let names = profiles();
    let cut = names.split(' ').find(|name| name.starts_with("replicaset-xxx")).unwrap_or_else(|| panic!("{names}")).to_owned();
    assert!(cut.len() <= 253, "{cut}");
    let [profile, neighborhood] = space.learned(&cut).await;
    assert_eq!(profile["spec"]["workload"]["name"], long.as_str());
    assert_eq!(neighborhood["metadata"]["name"], cut.as_str());
}

#[tokio::test]
async fn s9_a_pod_that_may_run_in_a_sandbox_is_said_to_be_one() {
    let space = Space::new("sandboxed").await;
    let class = json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "e2e-gvisor"}, "handler": "runc"});
    space.apply(&class.to_string());
    space.apply(&include_str!("manifests/first.yaml").replace("spec:", "spec:\n  runtimeClassName: e2e-gvisor"));
    let [profile, _] = space.learned("pod-first").await;
    let conditions = profile["status"]["conditions"].as_array().unwrap();
    let sandboxed = conditions.iter().find(|condition| condition["type"] == "Sandboxed").unwrap_or_else(|| panic!("{conditions:?}"));
    assert_eq!((&sandboxed["status"], &sandboxed["reason"]), (&json!("True"), &json!("RuntimeClass")));
    assert!(sandboxed["message"].as_str().unwrap().contains("e2e-gvisor"), "{sandboxed}");
    kubectl(&["delete", "runtimeclass", "e2e-gvisor"], "");
}

#[tokio::test]
async fn a_static_pod_has_a_map_without_an_owner() {
    let Ok(manifests) = env::var("MANIFESTS") else {
        eprintln!("LEFT OUT: MANIFESTS, the folder of the node's static pods, is not set");
        return;
    };
    let space = Space::new("static").await;
    let pod = include_str!("manifests/first.yaml").replace("IMAGES/", "localhost/runtimemap-e2e/");
    let pod = pod.replace("name: first,", &format!("name: fixed, namespace: {},", space.name));
    let file = std::path::Path::new(&manifests).join("fixed.yaml");
    std::fs::write(&file, pod).unwrap();
    let [profile, neighborhood] = space.learned("staticpod-fixed").await;
    std::fs::remove_file(&file).unwrap();
    for object in [&profile, &neighborhood] {
        assert_eq!(object["metadata"]["ownerReferences"], Value::Null);
        assert_eq!(object["spec"]["workload"]["kind"], "StaticPod");
    }
    assert!(opens(&profile, "/act/40"), "{profile}");
    // It has no owner that it could go with, and may be gone with its pod.
    space.kubectl(&["delete", "applicationprofile,networkneighborhood", "staticpod-fixed", "--wait=false", "--ignore-not-found"], "");
    space.until_gone(NEIGHBORHOOD, "staticpod-fixed").await;
}
