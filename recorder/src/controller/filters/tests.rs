use runtimemap_crds::{
    Decision, Delivery, OciSeccomp, Review, SeccompProfile, SeccompProfileSpec, Verdict, WorkloadReference, review,
    seccomp_profile::OciSyscall,
};
use serde_json::{Value, json};

use super::*;
use crate::controller::{pod::Pod, workload::Workload};

fn key(name: &str) -> Key {
    ("shop".to_owned(), format!("deployment-{name}"))
}

fn filter(calls: &[&str]) -> OciSeccomp {
    let names = calls.iter().map(|&call| call.to_owned()).collect();
    let syscalls = vec![OciSyscall { names, action: "SCMP_ACT_ALLOW".into(), ..OciSyscall::default() }];
    OciSeccomp { default_action: "SCMP_ACT_ERRNO".into(), syscalls, ..OciSeccomp::default() }
}

fn profile(name: &str, calls: &[&str]) -> SeccompProfile {
    let containers = [("main".to_owned(), filter(calls))].into();
    let mut profile = SeccompProfile::new(&key(name).1, SeccompProfileSpec { containers, ..SeccompProfileSpec::default() });
    profile.metadata.namespace = Some("shop".into());
    profile
}

fn decided(mut profile: SeccompProfile, verdict: Verdict) -> SeccompProfile {
    let hash = review::hash(&profile.spec);
    let decision = Decision { rule: SeccompProfile::DECIDED.into(), hash, decision: verdict, by: "ann".into(), ..Decision::default() };
    profile.review = Some(Review { decisions: vec![decision] });
    profile
}

fn approved(name: &str, calls: &[&str]) -> SeccompProfile {
    decided(profile(name, calls), Verdict::Approved)
}

/// A live pod of a workload on a node.
fn pod(index: &mut Index, workload: &str, node: &str, names: &[&str]) {
    let reference = WorkloadReference {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: workload.into(),
        ..WorkloadReference::default()
    };
    let workload = Workload { namespace: "shop".into(), reference, ..Workload::default() };
    let uid = format!("{}-{node}", workload.reference.name);
    let context =
        |name: &&str| json!({"name": "main", "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": name}}});
    let containers: Vec<Value> = names.iter().map(context).collect();
    let pod = json!({"metadata": {"uid": uid, "namespace": "shop", "name": uid}, "spec": {"nodeName": node, "containers": containers}});
    index.apply_pod(Pod::of(serde_json::from_value(pod).unwrap()).unwrap(), workload);
}

fn filters(profiles: &[SeccompProfile]) -> Filters {
    let mut filters = Filters::default();
    for profile in profiles {
        filters.take((profile.metadata.namespace.clone().unwrap(), profile.metadata.name.clone().unwrap()), Some(Seen::of(profile)));
    }
    filters
}

/// Names of the filters that a node is told.
fn told(filters: &mut Filters, node: &str, index: &Index) -> Vec<String> {
    let directive = filters.of_node(node, index);
    mailbox::decode_filters(&directive.payload).unwrap().into_iter().map(|file| file.id()).collect()
}

fn ids(profile: &SeccompProfile) -> Vec<String> {
    profile.files().unwrap().iter().map(FilterFile::id).collect()
}

fn report(there: &[String], trouble: &str) -> SeccompReport {
    SeccompReport { there: there.to_vec(), trouble: trouble.to_owned() }
}

fn delivery(filters: &mut Filters, index: &Index, name: &str) -> Option<Delivery> {
    filters.deliveries(index, true).into_iter().find(|(found, ..)| *found == key(name)).unwrap().2
}

#[test]
fn a_node_gets_the_approved_filters_of_the_workloads_that_have_a_pod_on_it() {
    let mut index = Index::new("runtimemap");
    for (workload, node) in [("web", "node1"), ("web", "node2"), ("api", "node1"), ("new", "node1"), ("no", "node1"), ("old", "node1")] {
        pod(&mut index, workload, node, &[]);
    }
    let (web, api) = (approved("web", &["read"]), approved("api", &["write"]));
    let mut old = approved("old", &["read"]);
    old.spec.containers.insert("main".into(), filter(&["read", "write"]));
    let rest = [profile("new", &["read"]), decided(profile("no", &["read"]), Verdict::Rejected), old];
    let mut filters = filters(&[&[web.clone(), api.clone()][..], &rest].concat());
    assert_eq!(told(&mut filters, "node1", &index), [ids(&api), ids(&web)].concat());
    assert_eq!(told(&mut filters, "node2", &index), ids(&web));
    assert_eq!(told(&mut filters, "node3", &index), Vec::<String>::new());
    // What was approved is what is carried, byte by byte.
    let directive = filters.of_node("node2", &index);
    assert_eq!(mailbox::decode_filters(&directive.payload).unwrap(), web.files().unwrap());
    filters.take(key("web"), None);
    assert_eq!(told(&mut filters, "node2", &index), Vec::<String>::new());
}

#[test]
fn a_pod_names_filters_of_ours_wherever_its_spec_can() {
    let context = |name: &str| json!({"seccompProfile": {"type": "Localhost", "localhostProfile": name}});
    let container = |name: &str| json!([{"name": "a", "securityContext": context(name)}]);
    let spec = json!({
        "securityContext": context("runtimemap/shop/pod.json"),
        "containers": container("runtimemap/shop/main.json"),
        "initContainers": container("runtimemap/shop/init.json"),
        "ephemeralContainers": container("runtimemap/shop/debug.json"),
    });
    let found: Vec<String> = of_pod(&serde_json::from_value(spec).unwrap()).into_iter().collect();
    assert_eq!(found, ["debug", "init", "main", "pod"].map(|name| format!("runtimemap/shop/{name}.json")));
    for other in ["profiles/audit.json", "runtimemap.json", "runtimemapped/a.json"] {
        assert_eq!(of_pod(&serde_json::from_value(json!({"containers": container(other)})).unwrap()), BTreeSet::new(), "{other}");
    }
}

#[test]
fn what_a_list_that_is_read_anew_does_not_have_is_gone() {
    let mut index = Index::new("runtimemap");
    pod(&mut index, "web", "node1", &[]);
    pod(&mut index, "api", "node1", &[]);
    let (web, api) = (approved("web", &["read"]), approved("api", &["write"]));
    let mut filters = filters(&[web.clone(), api.clone()]);
    filters.begin();
    filters.take(key("web"), Some(Seen::of(&web)));
    filters.end();
    assert_eq!(told(&mut filters, "node1", &index), ids(&web));
}

#[test]
fn a_node_keeps_what_a_pod_on_it_or_a_template_names_by_either_name() {
    let mut index = Index::new("runtimemap");
    let (old, gone, by_template) = (approved("old", &["read"]), approved("gone", &["read"]), approved("rare", &["read"]));
    let there = [ids(&gone), ids(&old), ids(&by_template)].concat();
    pod(&mut index, "old", "node1", &[&old.files().unwrap()[0].profiles()[0]]);
    let mut filters = filters(&[]);
    filters.report("node1", Some(report(&there, "")));
    assert_eq!(filters.of_node("node1", &index).keep, there, "before templates were read nothing is given up");
    assert!(filters.asks_for_templates());
    filters.set_templates([by_template.files().unwrap()[0].profiles()[1].clone()].into());
    assert_eq!(filters.of_node("node1", &index).keep, [ids(&old), ids(&by_template)].concat());
    assert_eq!(filters.of_node("node2", &index).keep, Vec::<String>::new());
}

#[test]
fn templates_are_read_only_where_a_node_has_what_no_pod_on_it_needs() {
    let mut index = Index::new("runtimemap");
    let web = approved("web", &["read"]);
    pod(&mut index, "web", "node1", &[]);
    let mut filters = filters(std::slice::from_ref(&web));
    filters.of_node("node1", &index);
    assert!(!filters.asks_for_templates());
    filters.report("node1", Some(report(&ids(&web), "")));
    assert!(!filters.asks_for_templates());
    filters.report("node2", Some(report(&ids(&web), "")));
    assert!(filters.asks_for_templates());
    filters.forget_node("node2");
    assert!(!filters.asks_for_templates());
}

#[test]
fn the_status_counts_nodes_that_need_and_that_have_the_filters() {
    let mut index = Index::new("runtimemap");
    for node in ["node1", "node2", "node3"] {
        pod(&mut index, "web", node, &[]);
    }
    let mut web = approved("web", &["read"]);
    let mut all = filters(std::slice::from_ref(&web));
    all.report("node1", Some(report(&ids(&web), "")));
    all.report("node2", Some(report(&[], "disk full")));
    all.report("node3", None);
    for node in ["node1", "node2", "node3"] {
        all.of_node(node, &index);
    }
    let found = delivery(&mut all, &index, "web").unwrap();
    assert_eq!((found.nodes_wanted, found.nodes_ready, &found.hash), (3, 1, &review::hash(&web.spec)));
    assert_eq!(found.message, "node2: disk full; node3: its agent has no folder for filters; set nodeAgent.deliverSeccomp in the chart");
    // Said once is enough.
    web.status = Some(runtimemap_crds::seccomp_profile::SeccompProfileStatus { delivery: Some(found), ..Default::default() });
    all.take(key("web"), Some(Seen::of(&web)));
    assert_eq!(all.deliveries(&index, true), []);
    // Switched off, nothing is said of nodes.
    let off = all.deliveries(&index, false);
    assert_eq!((off.len(), &off[0].2), (1, &None));
    // Nobody said anything of one that nobody ever approved.
    assert_eq!(filters(&[profile("web", &["read"])]).deliveries(&index, true), []);
}

#[test]
fn a_node_has_the_label_while_its_agent_carries_filters_and_nothing_stands_in_the_way() {
    let mut index = Index::new("runtimemap");
    let node = |index: &mut Index, name: &str, labels: Value| {
        index.apply_node(serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap());
    };
    for name in ["full", "good", "new", "none"] {
        node(&mut index, name, json!({}));
    }
    node(&mut index, "had", json!({"runtimemap.io/seccomp": "ready", "a": "b"}));
    let mut filters = filters(&[]);
    filters.report("good", Some(report(&[], "")));
    filters.report("full", Some(report(&[], "no space left")));
    filters.report("none", None);
    let changes = |list: &[(&str, bool)]| list.iter().map(|(node, ready)| ((*node).to_owned(), *ready)).collect::<Vec<_>>();
    assert_eq!(filters.labels(&index, true), changes(&[("good", true), ("had", false)]));
    node(&mut index, "good", json!({"runtimemap.io/seccomp": "ready"}));
    node(&mut index, "had", json!({"a": "b"}));
    assert_eq!(filters.labels(&index, true), []);
    assert_eq!(filters.labels(&index, false), changes(&[("good", false)]));
}

#[test]
fn filters_that_changed_since_they_were_approved_are_said_to_have() {
    let mut index = Index::new("runtimemap");
    pod(&mut index, "web", "node1", &[]);
    let mut web = approved("web", &["read"]);
    web.spec.containers.insert("main".into(), filter(&["read", "write"]));
    let mut filters = filters(&[web]);
    assert_eq!(told(&mut filters, "node1", &index), Vec::<String>::new());
    let found = delivery(&mut filters, &index, "web").unwrap();
    assert_eq!((found.nodes_wanted, found.nodes_ready), (1, 0));
    assert!(found.message.starts_with("the filters are others than those that were approved"), "{}", found.message);
}

#[test]
fn of_two_workloads_whose_files_would_have_one_name_one_is_carried_and_the_other_told() {
    let mut index = Index::new("runtimemap");
    pod(&mut index, "web", "node1", &[]);
    pod(&mut index, "web-main", "node1", &[]);
    let mut web = profile("web", &["read"]);
    web.spec.containers.insert("other".into(), filter(&["write"]));
    let web = decided(web, Verdict::Approved);
    let mut filters = filters(&[approved("web-main", &["read"]), web.clone()]);
    assert_eq!(told(&mut filters, "node1", &index), ids(&web));
    let found = delivery(&mut filters, &index, "web-main").unwrap();
    assert_eq!(found.message, "the file runtimemap/shop/deployment-web-main.json is that of deployment-web already");
    filters.take(key("web"), None);
    assert_eq!(told(&mut filters, "node1", &index), ids(&approved("web-main", &["read"])));
}

/// A filter of as many calls as a large application makes, each as long as any, in an order of its own.
fn large(name: &str, seed: u64) -> SeccompProfile {
    let mut state = seed + 1;
    let calls: Vec<String> = (0..150)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:016x}", state.rotate_left(17))
        })
        .collect();
    approved(name, &calls.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_directive_holds_a_whole_nodes_filters_and_what_does_not_fit_is_said() {
    // As many as a node has pods, their calls as alike as those of real ones.
    let calls: Vec<String> = (0..150).map(|number| format!("system_call_{number}")).collect();
    let alike = |number: usize| {
        let own: Vec<&str> = calls.iter().enumerate().filter(|(place, _)| place % 7 != number % 7).map(|(_, call)| call.as_str()).collect();
        approved(&format!("w{number:03}"), &own)
    };
    let mut index = Index::new("runtimemap");
    let profiles: Vec<SeccompProfile> = (0..250).map(alike).collect();
    for number in 0..250 {
        pod(&mut index, &format!("w{number:03}"), "node1", &[]);
    }
    let mut filters_of_node = filters(&profiles);
    let payload = filters_of_node.of_node("node1", &index).payload;
    let plain: usize = profiles.iter().flat_map(|profile| profile.files().unwrap()).map(|file| file.content.len()).sum();
    eprintln!("FIGURE 250 filters of 128 calls: {plain} bytes of JSON, {} in the directive", payload.len());
    assert_eq!(mailbox::decode_filters(&payload).unwrap().len(), 250);
    assert!(payload.len() < 64 << 10, "{}", payload.len());
    // No two calls alike: more than fits.
    let profiles: Vec<SeccompProfile> = (0..170).map(|number| large(&format!("w{number:03}"), number)).collect();
    let mut filters_of_node = filters(&profiles);
    let payload = filters_of_node.of_node("node1", &index).payload;
    let fitting = mailbox::decode_filters(&payload).unwrap().len();
    eprintln!("FIGURE 170 filters of 150 calls that nobody else makes: {fitting} fit, in {} bytes", payload.len());
    assert!((100..170).contains(&fitting) && payload.len() <= mailbox::FILTERS_ENCODED * 4 / 3 + 4);
    let messages =
        filters_of_node.deliveries(&index, true).into_iter().filter_map(|(_, _, delivery)| delivery).map(|delivery| delivery.message);
    let left_out = messages.filter(|message| message == "node1: more filters are approved than fit for one node").count();
    assert_eq!(left_out, 170 - fitting);
}
