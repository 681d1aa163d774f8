//! The chart, by the real helm: it renders, refuses what is wrong, and grants no more than it should.
//!
//! Needs helm; `RUNTIMEMAP_TEST_WITHOUT=helm` leaves it out.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test that cannot go on has failed; says what was left out")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const WITHOUT: &str = "RUNTIMEMAP_TEST_WITHOUT";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Whether to go on: helm is there, or the test fails, or it was switched off by name and says so.
fn is_possible() -> bool {
    if env::var(WITHOUT).unwrap_or_default().split([',', ' ']).any(|name| name == "helm") {
        eprintln!("switched off by {WITHOUT}=helm");
        return false;
    }
    assert!(Command::new("helm").arg("version").output().is_ok(), "helm is not on PATH: 'make setup' fetches it; or {WITHOUT}=helm");
    true
}

fn helm(verb: &[&str], settings: &[&str]) -> Output {
    let mut command = Command::new("helm");
    command.args(verb).arg(deploy().join("chart"));
    for setting in settings {
        command.args(["--set-json", setting]);
    }
    command.output().unwrap()
}

/// The objects that come out with these settings.
fn rendered(settings: &[&str]) -> Vec<Value> {
    let output = helm(&["template", "runtimemap", "--namespace", "runtimemap"], settings);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = text.split("\n---\n").filter(|document| document.lines().any(|line| line.starts_with("kind:")));
    documents.map(|document| serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{error}: {document}"))).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn names(objects: &[&Value]) -> BTreeSet<String> {
    objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn helm_finds_nothing_to_complain_of() {
    if !is_possible() {
        return;
    }
    let output = helm(&["lint", "--strict"], &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_plain_manifests_are_the_chart_with_its_defaults() {
    if !is_possible() {
        return;
    }
    let output = Command::new(deploy().join("render.sh")).output().unwrap();
    let kept = fs::read_to_string(deploy().join("runtimemap.yaml")).unwrap();
    let same = output.status.success() && String::from_utf8(output.stdout).unwrap() == kept;
    assert!(same, "deploy/runtimemap.yaml is not what the chart gives: deploy/render.sh > deploy/runtimemap.yaml");
}

#[test]
fn every_kind_is_defined() {
    if !is_possible() {
        return;
    }
    let folder = deploy().join("../crds");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| format!("{}.runtimemap.io", path.file_stem().unwrap().to_str().unwrap()))
        .collect();
    assert!(ours.len() >= 4, "{ours:?}");
    assert_eq!(names(&of_kind(&rendered(&[]), "CustomResourceDefinition")), ours);
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    if !is_possible() {
        return;
    }
    let wrong = [
        (r#"nodeAgent.learningPeriod="soon""#, "learningPeriod"),
        (r#"nodeAgent.learningPeriod="""#, "learningPeriod"),
        (r#"nodeAgent.enabled="yes""#, "enabled"),
        (r#"nodeAgent.maskSecret=true"#, "maskSecret"),
        (r#"image.digest="sha256:beef""#, "digest"),
        (r#"nodeAgent.generatePolicies.networkPolicies=true"#, "networkPolicies"),
        (r#"excludeNamespaces="kube-system""#, "excludeNamespaces"),
        (r#"nodeAgent.clusterAddresses=["10.0.0.0"]"#, "clusterAddresses"),
        ("controller.replicas=0", "replicas"),
        (r#"nodeAgent.kubeletSeccompFolder="seccomp""#, "kubeletSeccompFolder"),
        (r#"nodeAgent.deliverSeccomp="yes""#, "deliverSeccomp"),
        (r#"nodeAgent.arguments=[4096]"#, "arguments"),
    ];
    for (setting, name) in wrong {
        let output = helm(&["template", "runtimemap"], &[setting]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(name), "{setting}: {said}");
    }
}

#[test]
fn switched_off_there_is_no_agent_and_the_rest_stays() {
    if !is_possible() {
        return;
    }
    let (on, off) = (rendered(&[]), rendered(&["nodeAgent.enabled=false"]));
    assert_eq!((of_kind(&on, "DaemonSet").len(), of_kind(&off, "DaemonSet").len()), (1, 0));
    assert_eq!(of_kind(&off, "Deployment").len(), 1);
    assert_eq!(of_kind(&off, "CustomResourceDefinition").len(), of_kind(&on, "CustomResourceDefinition").len());
}

#[test]
fn settings_reach_the_programs() {
    if !is_possible() {
        return;
    }
    let kinds = r#"nodeAgent.workloadKinds=[{"group":"argoproj.io","kind":"Rollout","plural":"rollouts"}]"#;
    let objects = rendered(&[
        r#"nodeAgent.learningPeriod="24h""#,
        "nodeAgent.maskSecrets=false",
        "nodeAgent.generatePolicies.seccomp=true",
        "nodeAgent.deliverSeccomp=true",
        r#"nodeAgent.arguments=["--slots","4096"]"#,
        r#"excludeNamespaces=["kube-system"]"#,
        kinds,
    ]);
    let map = of_kind(&objects, "ConfigMap")[0].clone();
    let settings: Value = serde_saphyr::from_str(map["data"]["settings.yaml"].as_str().unwrap()).unwrap();
    let agent = &settings["nodeAgent"];
    assert_eq!((&agent["learningPeriod"], &agent["maskSecrets"]), (&Value::from("24h"), &Value::from(false)));
    assert_eq!(agent["generatePolicies"], serde_json::json!({"networkPolicy": false, "seccomp": true}));
    assert_eq!(agent["deliverSeccomp"], true);
    let started = &of_kind(&objects, "DaemonSet")[0]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(started, &serde_json::json!(["agent", "--listen", "0.0.0.0:9464", "--seccomp", "/seccomp", "--slots", "4096"]));
    assert_eq!(settings["excludeNamespaces"], serde_json::json!(["kube-system"]));
    // What the controller is to follow it may also read.
    let roles = of_kind(&objects, "ClusterRole");
    let controller = roles.iter().find(|role| role["metadata"]["name"] == "runtimemap-controller").unwrap();
    let rollouts = |rule: &&Value| rule["resources"] == serde_json::json!(["rollouts"]);
    assert_eq!(controller["rules"].as_array().unwrap().iter().find(rollouts).unwrap()["verbs"], serde_json::json!(["get"]));
}

#[test]
fn a_digest_goes_before_a_tag() {
    if !is_possible() {
        return;
    }
    let digest = format!("sha256:{}", "0f".repeat(32));
    let objects = rendered(&[&format!("image.digest=\"{digest}\""), r#"image.tag="v9""#]);
    for kind in ["DaemonSet", "Deployment"] {
        let image = &of_kind(&objects, kind)[0]["spec"]["template"]["spec"]["containers"][0]["image"];
        assert!(image.as_str().unwrap().ends_with(&format!("@{digest}")), "{image}");
    }
}

#[test]
fn r24_only_the_agent_has_capabilities_and_only_when_asked_is_it_privileged() {
    if !is_possible() {
        return;
    }
    let context = |objects: &[Value], kind: &str| {
        let container = of_kind(objects, kind)[0]["spec"]["template"]["spec"]["containers"][0].clone();
        container["securityContext"].clone()
    };
    let objects = rendered(&[]);
    let agent = context(&objects, "DaemonSet");
    assert_eq!((agent.get("privileged"), &agent["capabilities"]["drop"][0]), (None, &Value::from("ALL")));
    assert!(!agent["capabilities"]["add"].to_string().contains("SYS_ADMIN"), "{agent}");
    let controller = context(&objects, "Deployment");
    assert_eq!((&controller["runAsNonRoot"], controller["capabilities"].get("add")), (&Value::from(true), None));
    let privileged = context(&rendered(&["nodeAgent.privileged=true"]), "DaemonSet");
    assert_eq!((&privileged["privileged"], privileged.get("capabilities")), (&Value::from(true), None));
}

#[test]
fn only_where_filters_are_carried_do_agents_have_a_folder_for_them_and_no_more_of_the_kubelets() {
    if !is_possible() {
        return;
    }
    let agent = |objects: &[Value]| of_kind(objects, "DaemonSet")[0]["spec"]["template"]["spec"].clone();
    let (off, on) = (agent(&rendered(&[])), agent(&rendered(&["nodeAgent.deliverSeccomp=true"])));
    assert!(!off.to_string().contains("seccomp\"") && !off.to_string().contains("kubelet"), "{off}");
    let named = |list: &Value| list.as_array().unwrap().iter().find(|one| one["name"] == "seccomp").cloned().unwrap();
    let path = "/var/lib/kubelet/seccomp/runtimemap";
    assert_eq!(named(&on["volumes"])["hostPath"], serde_json::json!({"path": path, "type": "DirectoryOrCreate"}));
    let container = &on["containers"][0];
    let place = named(&container["volumeMounts"])["mountPath"].clone();
    assert!(container["args"].as_array().unwrap().ends_with(&["--seccomp".into(), place]), "{container}");
    // Nothing else of it is another agent's.
    assert_eq!(container["securityContext"], off["containers"][0]["securityContext"]);
    let elsewhere =
        agent(&rendered(&["nodeAgent.deliverSeccomp=true", r#"nodeAgent.kubeletSeccompFolder="/var/lib/k0s/kubelet/seccomp""#]));
    assert_eq!(named(&elsewhere["volumes"])["hostPath"]["path"], "/var/lib/k0s/kubelet/seccomp/runtimemap");
}

#[test]
fn only_where_filters_are_carried_may_the_controller_write_nodes_and_then_admission_sees_to_what() {
    if !is_possible() {
        return;
    }
    let may = |objects: &[Value]| {
        let roles = of_kind(objects, "ClusterRole");
        let controller = roles.iter().find(|role| role["metadata"]["name"] == "runtimemap-controller").unwrap();
        let verbs =
            |rule: &Value| rule["verbs"].as_array().unwrap().iter().any(|verb| !["get", "list", "watch"].contains(&verb.as_str().unwrap()));
        let of_nodes = |rule: &&Value| rule["resources"].as_array().unwrap().contains(&"nodes".into()) && verbs(rule);
        let rules: Vec<Value> = controller["rules"].as_array().unwrap().iter().filter(of_nodes).cloned().collect();
        (rules, names(&of_kind(objects, "ValidatingAdmissionPolicyBinding")).contains("runtimemap-node-label"))
    };
    assert_eq!(may(&rendered(&[])), (Vec::new(), false));
    let (rules, bound) = may(&rendered(&["nodeAgent.deliverSeccomp=true"]));
    assert_eq!(rules, [serde_json::json!({"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]})]);
    assert!(bound);
}

#[test]
fn nobody_may_read_secrets_and_the_agent_knows_only_its_mailbox() {
    if !is_possible() {
        return;
    }
    let objects = rendered(&[]);
    let mut granted = BTreeMap::<String, BTreeSet<(String, String)>>::new();
    for role in of_kind(&objects, "ClusterRole").into_iter().chain(of_kind(&objects, "Role")) {
        let role_name = role["metadata"]["name"].as_str().unwrap().to_owned();
        for rule in role["rules"].as_array().unwrap() {
            for resource in rule["resources"].as_array().unwrap() {
                for verb in rule["verbs"].as_array().unwrap() {
                    let pair = (resource.as_str().unwrap().to_owned(), verb.as_str().unwrap().to_owned());
                    assert!(![&pair.0, &pair.1].contains(&&"*".to_owned()), "{role_name} grants everything: {rule}");
                    granted.entry(role_name.clone()).or_default().insert(pair);
                }
            }
        }
    }
    for (role, pairs) in &granted {
        for never in ["secrets", "networkpolicies", "pods/exec", "serviceaccounts/token"] {
            assert!(!pairs.iter().any(|(resource, _)| resource == never), "{role} may do something to {never}");
        }
    }
    let pair = |resource: &str, verb: &str| (resource.to_owned(), verb.to_owned());
    let expected: BTreeSet<_> = ["create", "patch"]
        .map(|verb| pair("nodeobservations", verb))
        .into_iter()
        .chain(["get", "list", "watch"].map(|verb| pair("nodedirectives", verb)))
        .collect();
    assert_eq!(granted["runtimemap-agent"], expected);
    let viewer = &granted["runtimemap-view"];
    assert!(!viewer.iter().any(|(resource, _)| resource == "applicationprofiles" || resource.starts_with("node")), "{viewer:?}");
}

#[test]
fn before_it_goes_the_agents_leave_their_nodes() {
    if !is_possible() {
        return;
    }
    let objects = rendered(&[]);
    let jobs = of_kind(&objects, "Job");
    let [job] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!(job["metadata"]["annotations"]["helm.sh/hook"], "pre-delete");
    assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["args"], serde_json::json!(["uninstall"]));
    // Whoever has no helm has no hook either: nothing of it is in the plain manifests.
    assert!(!fs::read_to_string(deploy().join("runtimemap.yaml")).unwrap().contains("helm.sh/hook"));
}

#[test]
fn one_controller_works_and_another_waits_and_both_say_how_they_are() {
    if !is_possible() {
        return;
    }
    let objects = rendered(&[]);
    let controller = of_kind(&objects, "Deployment")[0];
    assert_eq!((&controller["spec"]["replicas"], of_kind(&objects, "PodDisruptionBudget").len()), (&Value::from(2), 1));
    let container = &controller["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    // One alone may be drained.
    assert_eq!(of_kind(&rendered(&["controller.replicas=1"]), "PodDisruptionBudget").len(), 0);
}
