use runtimemap_crds::{Exec, Origin, Outcome, Protocol};
use serde_json::json;

use super::*;
use crate::controller::pod::Pod;

fn index() -> Index {
    let mut index = Index::default();
    for (uid, node, address) in [("pod-1", "node1", "10.88.0.5"), ("pod-2", "node2", "10.88.0.6")] {
        let pod = json!({
            "metadata": {"uid": uid, "name": format!("{uid}-name"), "namespace": "shop"},
            "spec": {"nodeName": node, "containers": [{"name": "web"}], "initContainers": [{"name": "setup"}]},
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

fn at(waiting: &mut Waiting, batch: &NodeObservationSpec, now: Instant) -> Sorted {
    sort(&index(), "node1", batch, waiting, now, Timestamp::UNIX_EPOCH)
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
    assert_eq!((sorted.additions.len(), sorted.verdicts[0].watch), (0, WatchState::Ignore));
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
fn a_hostile_batch_is_refused_and_adds_nothing() {
    let mut hostile = batch(&[("pod-1", "web")], &[vec![exec("/bin/x")]]);
    hostile.payload = "AAAA".into();
    let sorted = at(&mut Waiting::new(), &hostile, Instant::now());
    assert_eq!(causes(&sorted), [(MailVerdict::Refused, "Unreadable")]);
    // More letters than containers, or fewer, are no reason to fail.
    let sorted = at(&mut Waiting::new(), &batch(&[("pod-1", "web")], &[vec![], vec![exec("/bin/x")]]), Instant::now());
    assert_eq!((causes(&sorted), sorted.additions[0].profile.containers[0].execs.len()), (vec![(MailVerdict::Taken, "")], 0));
}
