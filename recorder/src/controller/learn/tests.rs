use k8s_openapi::jiff::SignedDuration;
use runtimemap_crds::{Exec, NodeDirectiveSpec, Outcome, Protocol, WatchState};
use serde_json::json;

use super::*;
use crate::controller::settings::Settings;

fn index() -> Index {
    let mut index = Index::default();
    let sandboxed = json!({
        "metadata": {"uid": "pod-3", "name": "pod-3-name", "namespace": "shop"},
        "spec": {"nodeName": "node1", "runtimeClassName": "gvisor", "containers": [{"name": "web"}]},
    });
    let own = Workload { namespace: "shop".into(), ..Workload::default() };
    index.apply_pod(Pod::of(serde_json::from_value(sandboxed).unwrap()).unwrap(), own);
    for (uid, node, address) in [("pod-1", "node1", "10.88.0.5"), ("pod-2", "node2", "10.88.0.6")] {
        let pod = json!({
            "metadata": {"uid": uid, "name": format!("{uid}-name"), "namespace": "shop"},
            "spec": {"nodeName": node, "initContainers": [{"name": "setup"}], "containers": [{"name": "web",
                "ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": {"exec": {"command": ["/bin/check", "-q"]}}}]},
            "status": {"podIP": address},
        });
        let reference = runtimemap_crds::WorkloadReference {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "web".into(),
            uid: "d".into(),
        };
        let workload = Workload { namespace: "shop".into(), reference, owned: true, ..Workload::default() };
        index.apply_pod(Pod::of(serde_json::from_value(pod).unwrap()).unwrap(), workload);
    }
    index
}

fn batch(containers: &[(&str, &str)], letters: &[Vec<Letter>]) -> NodeObservationSpec {
    let container = |(pod, name): &(&str, &str)| ObservedContainer {
        pod_uid: (*pod).to_owned(),
        id: format!("{pod}/{name}"),
        name: (*name).to_owned(),
        startup_observed: true,
        losses: [(LossCause::Throttled, 3)].into(),
        ..ObservedContainer::default()
    };
    NodeObservationSpec {
        architecture: "amd64".into(),
        containers: containers.iter().map(container).collect(),
        payload: mailbox::encode(letters).unwrap().unwrap(),
        ..NodeObservationSpec::default()
    }
}

fn exec(path: &str) -> Letter {
    Letter::Exec(Exec { path: path.into(), ..Exec::default() })
}

fn causes(sorted: &Sorted) -> Vec<(MailVerdict, &str)> {
    sorted.verdicts.iter().map(|verdict| (verdict.verdict, verdict.cause.as_str())).collect()
}

fn workloads() -> Workloads {
    Workloads::new(Settings::new(SignedDuration::from_hours(1)))
}

fn with(workloads: &mut Workloads, desk: &Desk, waiting: &mut Waiting, batch: &NodeObservationSpec, now: Instant) -> Sorted {
    sort(&index(), workloads, desk, "node1", batch, waiting, Now { instant: now, wall: Timestamp::UNIX_EPOCH })
}

fn at(waiting: &mut Waiting, batch: &NodeObservationSpec, now: Instant) -> Sorted {
    with(&mut workloads(), &Desk::default(), waiting, batch, now)
}

#[test]
fn facts_go_to_their_container_of_their_workload() {
    let batch = batch(&[("pod-1", "web"), ("pod-1", "setup")], &[vec![exec("/bin/web")], vec![exec("/bin/setup")]]);
    let sorted = at(&mut Waiting::new(), &batch, Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Taken, ""); 2]);
    let [addition] = sorted.additions.as_slice() else { panic!("{:?}", sorted.additions) };
    assert_eq!((addition.workload.object_name().as_str(), addition.from.as_slice()), ("deployment-web", [0, 1].as_slice()));
    let (main, init) = (&addition.profile.containers, &addition.profile.init_containers);
    assert_eq!((main[0].name.as_str(), main[0].execs[0].path.as_str(), main[0].execs[0].pod.as_str()), ("web", "/bin/web", "pod-1-name"));
    assert_eq!((init[0].name.as_str(), init[0].execs.len()), ("setup", 1));
    let losses: Vec<_> = addition.status.losses.iter().map(|loss| (loss.node.as_str(), loss.container.as_str(), loss.count)).collect();
    assert_eq!(losses, [("node1", "setup", 3), ("node1", "web", 3)]);
}

#[test]
fn a_node_cannot_speak_for_a_pod_of_another_node() {
    let sorted = at(&mut Waiting::new(), &batch(&[("pod-2", "web")], &[vec![exec("/bin/x")]]), Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Refused, "ForeignPod")]);
    assert_eq!(sorted.additions.len(), 0);
}

#[test]
fn a_pod_that_is_not_known_to_be_bound_yet_waits() {
    let mut index = index();
    let unbound = json!({"metadata": {"uid": "pod-4", "name": "d", "namespace": "shop"}, "spec": {"containers": [{"name": "web"}]}});
    index.apply_pod(Pod::of(serde_json::from_value(unbound).unwrap()).unwrap(), Workload::default());
    let batch = batch(&[("pod-4", "web")], &[vec![exec("/bin/web")]]);
    let now = Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH };
    let sorted = sort(&index, &mut workloads(), &Desk::default(), "node1", &batch, &mut Waiting::new(), now);
    assert_eq!(causes(&sorted), [(MailVerdict::Later, "UnknownPod")]);
}

#[test]
fn what_is_unknown_waits_and_keeps_nobody_else_waiting() {
    let batch = batch(&[("pod-9", "web"), ("pod-1", "other"), ("pod-1", "web")], &[vec![], vec![], vec![exec("/bin/web")]]);
    let (mut waiting, now) = (Waiting::new(), Instant::now());
    let sorted = at(&mut waiting, &batch, now);
    assert_eq!(causes(&sorted), [(MailVerdict::Later, "UnknownPod"), (MailVerdict::Later, "UnknownContainer"), (MailVerdict::Taken, "")]);
    assert_eq!(sorted.additions.len(), 1);
    let sorted = at(&mut waiting, &batch, now + PATIENCE);
    assert_eq!(causes(&sorted)[..2], [(MailVerdict::Refused, "UnknownPod"), (MailVerdict::Refused, "UnknownContainer")]);
}

#[test]
fn a_cluster_address_without_a_pod_waits_and_then_is_for_a_person_to_decide() {
    let flow = mailbox::Flow {
        ingress: false,
        address: "10.88.0.77".parse().unwrap(),
        origin: Origin::Entrypoint,
        protocol: Protocol::TCP,
        port: 80,
        outcome: Outcome::Established,
        first_seen: None,
    };
    let batch = batch(&[("pod-1", "web")], &[vec![Letter::Flow(flow)]]);
    let (mut waiting, now) = (Waiting::new(), Instant::now());
    assert_eq!(causes(&at(&mut waiting, &batch, now)), [(MailVerdict::Later, "UnresolvedPeer")]);
    let sorted = at(&mut waiting, &batch, now + PATIENCE);
    assert_eq!(causes(&sorted), [(MailVerdict::Taken, "")]);
    let addition = &sorted.additions[0];
    assert_eq!(addition.neighborhood.containers[0].egress[0].type_, PeerType::Internal);
    assert!(
        addition.status.conditions.iter().any(|condition| condition.type_ == PEERS_UNRESOLVED && condition.message.contains("10.88.0.77"))
    );
}

#[test]
fn s9_a_pod_in_a_sandbox_is_said_to_be_one() {
    let said = |pod: &str| {
        let sorted = at(&mut Waiting::new(), &batch(&[(pod, "web")], &[vec![exec("/bin/web")]]), Instant::now());
        let found = sorted.additions[0].status.conditions.iter().find(|condition| condition.type_ == SANDBOXED).cloned();
        found.map(|condition| (condition.status, condition.message))
    };
    let (status, message) = said("pod-3").unwrap();
    assert_eq!(status, "True");
    assert!(message.contains("pod-3-name") && message.contains("gvisor"), "{message}");
    assert_eq!(said("pod-1"), None);
}

#[test]
fn a_hostile_batch_is_refused_and_adds_nothing() {
    let mut hostile = batch(&[("pod-1", "web")], &[vec![exec("/bin/x")]]);
    hostile.payload = "AAAA".into();
    let sorted = at(&mut Waiting::new(), &hostile, Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Refused, "Unreadable")]);
    // More letters than containers, or fewer, are no reason to fail.
    let sorted = at(&mut Waiting::new(), &batch(&[("pod-1", "web")], &[vec![], vec![exec("/bin/x")]]), Instant::now());
    assert_eq!((causes(&sorted), sorted.additions[0].profile.containers[0].execs.len()), (vec![(MailVerdict::Taken, "")], 0));
}

#[test]
fn facts_are_signed_with_their_revision_and_its_directive_says_whose_they_are() {
    let sorted = at(&mut Waiting::new(), &batch(&[("pod-1", "setup")], &[vec![exec("/bin/setup")]]), Instant::now());
    let directive = &sorted.verdicts[0];
    let whose = (directive.workload.as_str(), directive.container.as_str(), directive.role.as_str());
    assert_eq!(whose, ("shop/deployment-web", "setup", "init"));
    assert_eq!(sorted.additions[0].profile.revisions[0].revisions, std::slice::from_ref(&directive.revision));
    assert!(!directive.revision.is_empty());
}

#[test]
fn what_a_node_was_told_outlives_pod_and_controller() {
    let known = ContainerDirective {
        pod_uid: "pod-9".into(),
        id: "c9".into(),
        workload: "shop/deployment-web".into(),
        container: "setup".into(),
        role: "init".into(),
        revision: "r".into(),
        ..ContainerDirective::default()
    };
    let desk = Desk::recall(NodeDirectiveSpec { containers: vec![known], ..NodeDirectiveSpec::default() }, None);
    let mut workloads = workloads();
    let reference = runtimemap_crds::WorkloadReference {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
        uid: "d".into(),
    };
    let workload = Workload { namespace: "shop".into(), reference, owned: true, ..Workload::default() };
    workloads.recall(workload.key(), workload, &ProfileStatus::default());
    let mut batch = batch(&[("pod-9", "setup")], &[vec![exec("/bin/last")]]);
    batch.containers[0].id = "c9".into();
    let sorted = with(&mut workloads, &desk, &mut Waiting::new(), &batch, Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Taken, "")]);
    assert_eq!(sorted.additions[0].profile.init_containers[0].execs[0].path, "/bin/last");
    // Another container of that pod is nobody's.
    batch.containers[0].id = "c8".into();
    let sorted = with(&mut workloads, &desk, &mut Waiting::new(), &batch, Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Later, "UnknownPod")]);
}

#[test]
fn of_an_excluded_namespace_nothing_is_kept() {
    let mut workloads = workloads();
    workloads.settings.exclude_namespaces = vec!["shop".into()];
    let batch = batch(&[("pod-1", "web")], &[vec![exec("/bin/web")]]);
    let sorted = with(&mut workloads, &Desk::default(), &mut Waiting::new(), &batch, Instant::now());
    assert_eq!((causes(&sorted), sorted.additions.len()), (vec![(MailVerdict::Taken, "")], 0));
    let mut desk = Desk::default();
    desk.answer(runtimemap_crds::Acknowledgement::default(), &batch.containers, sorted.verdicts);
    assert_eq!(desk.write(&workloads, true, None).unwrap().0.containers[0].watch, WatchState::Ignore);
    workloads.settings.exclude_namespaces.clear();
    assert_eq!(desk.write(&workloads, true, None).unwrap().0.containers[0].watch, WatchState::Watch);
}

#[test]
fn s6_a_command_that_the_pods_spec_has_is_a_probe_and_of_a_persons_only_its_name_is_kept() {
    let entered = |args: &[&str]| {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Letter::Exec(Exec { path: "/bin/x".into(), args, origin: Origin::Exec, ..Exec::default() })
    };
    let batch = batch(&[("pod-1", "web")], &[vec![entered(&["/bin/check", "-q"]), entered(&["/bin/sh", "-c", "secret"])]]);
    let sorted = at(&mut Waiting::new(), &batch, Instant::now());
    let execs = &sorted.additions[0].profile.containers[0].execs;
    let seen: Vec<_> = execs.iter().map(|exec| (exec.origin, exec.args.join(" "))).collect();
    assert_eq!(seen, [(Origin::Probe, "/bin/check -q".to_owned()), (Origin::Exec, "/bin/sh".to_owned())]);
}

#[test]
fn ports_have_the_names_that_the_pods_spec_gives_them() {
    let batch = batch(&[("pod-1", "web")], &[vec![Letter::Listen(Protocol::TCP, 8080, "0.0.0.0".parse().unwrap())]]);
    let sorted = at(&mut Waiting::new(), &batch, Instant::now());
    assert_eq!(sorted.additions[0].neighborhood.containers[0].listens[0].port_name, "http");
}

#[test]
fn a_workload_that_took_the_name_of_another_takes_none_of_its_facts() {
    let mut workloads = workloads();
    let now = Instant::now();
    let batch = batch(&[("pod-1", "web")], &[vec![exec("/bin/web")]]);
    let known = |uid: &str| {
        let reference =
            runtimemap_crds::WorkloadReference { kind: "Deployment".into(), name: "web".into(), uid: uid.into(), ..Default::default() };
        Workload { namespace: "shop".into(), reference, owned: true, ..Workload::default() }
    };
    // What is stored is of one that is gone: the pod that runs is of the present one.
    workloads.recall(("shop".into(), "deployment-web".into()), known("old"), &ProfileStatus::default());
    let sorted = with(&mut workloads, &Desk::default(), &mut Waiting::new(), &batch, now);
    assert_eq!((causes(&sorted), sorted.additions[0].workload.reference.uid.as_str()), (vec![(MailVerdict::Taken, "")], "d"));
    // Late facts of a pod that is gone do not take the place of what is there now.
    workloads.recall(("shop".into(), "deployment-web".into()), known("new"), &ProfileStatus::default());
    let mut index = index();
    index.delete_pod("pod-1", now, Timestamp::UNIX_EPOCH);
    let late = sort(
        &index,
        &mut workloads,
        &Desk::default(),
        "node1",
        &batch,
        &mut Waiting::new(),
        Now { instant: now, wall: Timestamp::UNIX_EPOCH },
    );
    assert_eq!((causes(&late), late.additions.len()), (vec![(MailVerdict::Refused, "WorkloadGone")], 0));
}
