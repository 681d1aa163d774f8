//! Merging is a union: commutative, associative, idempotent.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector, Time},
    jiff::Timestamp,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use runtimemap_crds::{
    ApplicationProfileSpec, CapabilityUse, ContainerNeighborhood, ContainerProfile, Counts, Exec, Image, Learning, Loss, LossCause, Merge,
    Neighbor, NeighborPort, NetworkNeighborhoodSpec, Open, Origin, Outcome, Peer, PeerClass, PeerType, Phase, ProfileStatus, Protocol,
    RevisionGroup, RevisionStatus, WorkloadReference, condition, yaml,
};

fn word() -> impl Strategy<Value = String> {
    select(vec!["", "a", "b", "c"]).prop_map(str::to_owned)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    vec(word(), 0..4)
}

#[expect(clippy::unwrap_used, reason = "a test")]
fn time() -> impl Strategy<Value = Time> {
    (0_i64..3).prop_map(|seconds| Time(Timestamp::from_second(seconds).unwrap()))
}

fn origin() -> impl Strategy<Value = Origin> {
    select(vec![Origin::Entrypoint, Origin::Exec, Origin::Probe])
}

fn evidence() -> impl Strategy<Value = (Option<Time>, String)> {
    (option::of(time()), word())
}

fn container() -> impl Strategy<Value = ContainerProfile> {
    let execs = (word(), word(), words(), origin(), evidence()).prop_map(|(path, interpreter, args, origin, (first_seen, pod))| Exec {
        path,
        interpreter,
        args,
        origin,
        first_seen,
        pod,
    });
    let opens = (word(), words(), evidence()).prop_map(|(path, flags, (first_seen, pod))| Open { path, flags, first_seen, pod });
    let capabilities =
        (word(), any::<bool>(), evidence()).prop_map(|(name, granted, (first_seen, pod))| CapabilityUse { name, granted, first_seen, pod });
    let images = (word(), word()).prop_map(|(image, image_id)| Image { image, image_id });
    let calls = prop::collection::btree_map(origin(), words(), 0..3);
    let architectures = prop::collection::btree_map(word(), words(), 0..3);
    (word(), vec(images, 0..3), vec(execs, 0..4), vec(opens, 0..4), vec(capabilities, 0..4), words(), calls, words(), architectures)
        .prop_map(|(name, images, execs, opens, capabilities, syscalls, syscall_origins, syscalls_denied, syscall_architectures)| {
            ContainerProfile { name, images, execs, opens, capabilities, syscalls, syscall_origins, syscalls_denied, syscall_architectures }
        })
}

fn workload() -> impl Strategy<Value = WorkloadReference> {
    (word(), word(), word(), word()).prop_map(|(api_version, kind, name, uid)| WorkloadReference { api_version, kind, name, uid })
}

/// None, one that did all, or one of them and others that did facts which are not there.
fn revisions() -> impl Strategy<Value = Vec<RevisionGroup>> {
    let group = |revision: &str, facts: &str| RevisionGroup { revisions: vec![revision.to_owned()], facts: facts.to_owned() };
    select(vec![vec![], vec![group("a", "")], vec![group("b", "")], vec![group("a", ""), group("b", "0000beef 00000001")]])
}

fn profile() -> impl Strategy<Value = ApplicationProfileSpec> {
    (workload(), words(), vec(container(), 0..3), vec(container(), 0..2), vec(container(), 0..2), revisions()).prop_map(
        |(workload, architectures, containers, init_containers, ephemeral_containers, revisions)| ApplicationProfileSpec {
            workload,
            architectures,
            containers,
            init_containers,
            ephemeral_containers,
            revisions,
        },
    )
}

fn selector() -> impl Strategy<Value = LabelSelector> {
    option::of(word())
        .prop_map(|label| LabelSelector { match_labels: label.map(|label| [("app".to_owned(), label)].into()), ..LabelSelector::default() })
}

fn port() -> impl Strategy<Value = NeighborPort> {
    (word(), select(vec![Protocol::TCP, Protocol::UDP]), 1_u16..3, option::of(1_u16..3), word(), words()).prop_map(
        |(name, protocol, port, service_port, port_name, addresses)| NeighborPort {
            name,
            protocol,
            port,
            service_port,
            port_name,
            addresses,
        },
    )
}

fn neighbor() -> impl Strategy<Value = Neighbor> {
    let peer = (select(vec![PeerClass::World, PeerClass::Workload]), word(), word()).prop_map(|(class, namespace, name)| Peer {
        class,
        namespace,
        name,
        ..Peer::default()
    });
    let outcome = select(vec![Outcome::Established, Outcome::Attempted]);
    let type_ = select(vec![PeerType::Internal, PeerType::External]);
    let selectors = (option::of(selector()), option::of(selector()));
    ((word(), type_, peer, selectors), (words(), words(), vec(port(), 0..3)), (outcome, origin(), evidence())).prop_map(
        |(
            (identifier, type_, peer, (pod_selector, namespace_selector)),
            (ip_addresses, dns_names, ports),
            (outcome, origin, (first_seen, pod)),
        )| Neighbor {
            identifier,
            type_,
            peer,
            pod_selector,
            namespace_selector,
            ip_addresses,
            dns_names,
            ports,
            outcome,
            origin,
            first_seen,
            pod,
        },
    )
}

fn neighborhood() -> impl Strategy<Value = NetworkNeighborhoodSpec> {
    let container = || {
        (word(), vec(port(), 0..3), vec(neighbor(), 0..3), vec(neighbor(), 0..3))
            .prop_map(|(name, listens, ingress, egress)| ContainerNeighborhood { name, listens, ingress, egress })
    };
    (workload(), selector(), vec(container(), 0..3), vec(container(), 0..2), vec(container(), 0..2), revisions()).prop_map(
        |(workload, pod_selector, containers, init_containers, ephemeral_containers, revisions)| NetworkNeighborhoodSpec {
            workload,
            pod_selector,
            containers,
            init_containers,
            ephemeral_containers,
            revisions,
        },
    )
}

fn status() -> impl Strategy<Value = ProfileStatus> {
    let types = select(vec![condition::STARTUP_OBSERVED, condition::EVENTS_LOST, "Other"]);
    let statuses = select(vec!["True", "False", "Unknown"]);
    let condition = (types, statuses, word(), word(), time(), option::of(0_i64..2)).prop_map(
        |(type_, status, reason, message, last_transition_time, observed_generation)| Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            last_transition_time,
            observed_generation,
        },
    );
    let cause = select(vec![LossCause::RingFull, LossCause::Missed]);
    let loss = (cause, 0_u64..4, word(), word()).prop_map(|(cause, count, node, container)| Loss { cause, count, node, container });
    let learning = (word(), option::of(time()), option::of(time()), word(), word()).prop_map(
        |(period, started_at, completes_at, revision, relearned)| Learning { period, started_at, completes_at, revision, relearned },
    );
    let phase = || select(vec![Phase::Learning, Phase::Complete]);
    let revision = (word(), phase(), option::of(time()), 0_u64..3).prop_map(|(id, phase, started_at, remaining_seconds)| RevisionStatus {
        id,
        phase,
        started_at,
        remaining_seconds,
        ..RevisionStatus::default()
    });
    let counts = (0_u32..3, 0_u32..3).prop_map(|(processes, files)| Counts { processes, files, ..Counts::default() });
    (phase(), option::of(learning), vec(revision, 0..3), counts, vec(condition, 0..4), vec(loss, 0..4)).prop_map(
        |(phase, learning, revisions, counts, conditions, losses)| ProfileStatus { phase, learning, revisions, counts, conditions, losses },
    )
}

#[expect(clippy::unwrap_used, reason = "a test")]
fn law<T: Merge + Clone + PartialEq + std::fmt::Debug + serde::Serialize>(a: &T, b: &T, c: &T) -> Result<(), TestCaseError> {
    let merge = |a: &T, b: &T| a.clone().merge(b.clone());
    let both = merge(a, b);
    prop_assert_eq!(&both, &merge(b, a), "not commutative");
    prop_assert_eq!(merge(&both, c), merge(a, &merge(b, c)), "not associative");
    prop_assert_eq!(&merge(&both, a), &both, "not idempotent");
    prop_assert_eq!(&merge(&both, &both), &both, "not idempotent with itself");
    prop_assert_eq!(yaml::to_string(&merge(a, b)).unwrap(), yaml::to_string(&merge(b, a)).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn profiles_merge_by_law(a in profile(), b in profile(), c in profile()) {
        law(&a, &b, &c)?;
    }

    #[test]
    fn neighborhoods_merge_by_law(a in neighborhood(), b in neighborhood(), c in neighborhood()) {
        law(&a, &b, &c)?;
    }

    #[test]
    fn statuses_merge_by_law(a in status(), b in status(), c in status()) {
        law(&a, &b, &c)?;
    }

    #[test]
    fn nothing_that_either_side_has_is_missing(a in profile(), b in profile()) {
        let merged = a.clone().merge(b.clone());
        for container in a.containers.iter().chain(&b.containers) {
            let into = merged.containers.iter().find(|c| c.name == container.name).unwrap();
            for exec in &container.execs {
                let same = |e: &Exec| (&e.path, &e.args, &e.interpreter, e.origin) == (&exec.path, &exec.args, &exec.interpreter, exec.origin);
                prop_assert!(into.execs.iter().any(same));
            }
            for open in &container.opens {
                prop_assert!(into.opens.iter().any(|o| o.path == open.path && open.flags.iter().all(|flag| o.flags.contains(flag))));
            }
            prop_assert!(container.syscalls.iter().all(|call| into.syscalls.contains(call)));
            prop_assert!(container.syscalls_denied.iter().all(|call| into.syscalls_denied.contains(call)));
            for (origin, calls) in &container.syscall_origins {
                let kept = |call: &String| into.syscalls.contains(call) || into.syscall_origins.get(origin).is_some_and(|c| c.contains(call));
                prop_assert!(calls.iter().all(kept));
            }
        }
    }
}

#[test]
fn r19_a_replayed_loss_is_not_counted_twice() {
    let loss = |count| Loss { cause: LossCause::RingFull, count, node: "n".to_owned(), container: "web".to_owned() };
    let status = |count| ProfileStatus { losses: vec![loss(count)], ..ProfileStatus::default() };
    assert_eq!(status(3).merge(status(5)).losses, [loss(5)]);
}

#[test]
fn bad_news_of_either_side_stays_and_evidence_is_the_earliest() {
    let at = |seconds| Time(Timestamp::from_second(seconds).unwrap());
    let of = |status, seconds| condition::condition(condition::EVENTS_LOST, status, condition::reason::LOSSES_COUNTED, "", at(seconds));
    let status = |status, seconds| ProfileStatus { conditions: vec![of(status, seconds)], ..ProfileStatus::default() };
    assert_eq!(status(true, 1).merge(status(false, 2)).conditions, [of(true, 1)]);
    let open = |seconds, pod: &str| Open { path: "/a".to_owned(), flags: Vec::new(), first_seen: Some(at(seconds)), pod: pod.to_owned() };
    assert_eq!(open(2, "a").merge(open(1, "b")), open(1, "b"));
    assert_eq!(open(1, "b").merge(open(1, "a")), open(1, "a"));
}
