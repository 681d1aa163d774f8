use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use runtimemap_crds::ProfileStatus;

use super::*;
use crate::controller::{
    revisions::{Presence, View},
    settings::Settings,
    workload::Workload,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn key() -> Key {
    ("shop".to_owned(), "deployment-web".to_owned())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A workload with one revision, `r`, whose clock runs from second 0.
fn workloads() -> Workloads {
    let mut workloads = Workloads::new(Settings::new(HOUR));
    workloads.recall(key(), Workload::default(), &ProfileStatus::default());
    let revisions = &mut workloads.tracked.get_mut(&key()).unwrap().revisions;
    revisions.open("r", &BTreeMap::new(), &BTreeSet::new(), HOUR, at(0));
    advance(&mut workloads, 0, &[]);
    workloads
}

fn advance(workloads: &mut Workloads, second: i64, unanswered: &[&str]) {
    let unanswered = unanswered.iter().map(|&name| name.to_owned()).collect();
    let presence = Presence { live: true, watched: true, unanswered, ..Presence::default() };
    let view = View { revisions: [("r".to_owned(), presence)].into(), period: HOUR, ..View::default() };
    workloads.tracked.get_mut(&key()).unwrap().revisions.look(&view, at(second));
}

fn observed(id: &str) -> ObservedContainer {
    ObservedContainer { pod_uid: "p".into(), id: id.into(), ..ObservedContainer::default() }
}

fn taken(id: &str) -> ContainerDirective {
    ContainerDirective {
        pod_uid: "p".into(),
        id: id.into(),
        workload: path(&key()),
        container: "web".into(),
        revision: "r".into(),
        ..ContainerDirective::default()
    }
}

fn ack(sequence: u64) -> Acknowledgement {
    Acknowledgement { ledger: "l".into(), sequence }
}

fn watches(desk: &mut Desk, workloads: &Workloads) -> Vec<(String, WatchState)> {
    let Some((spec, version)) = desk.write(workloads, true, None) else { return Vec::new() };
    desk.wrote(spec.clone(), version);
    spec.containers.into_iter().map(|container| (container.id, container.watch)).collect()
}

fn one(watch: WatchState) -> Vec<(String, WatchState)> {
    vec![("a".to_owned(), watch)]
}

#[test]
fn nothing_new_is_nothing_to_write() {
    let (mut desk, workloads) = (Desk::default(), workloads());
    desk.answer(ack(1), &[observed("a")], vec![taken("a")]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Watch));
    assert_eq!(watches(&mut desk, &workloads), []);
    // What was written is all that the next controller has to know.
    let mut next = Desk::recall(desk.written.clone().unwrap(), Some("7".to_owned()));
    assert_eq!(watches(&mut next, &workloads), []);
    assert!(next.has(&ack(1)) && !next.has(&ack(2)));
    assert_eq!(next.known("p", "a").map(|known| known.revision.as_str()), Some("r"));
}

#[test]
fn rule_5_who_is_asked_to_close_is_ignored_once_it_has_answered_and_learning_is_over() {
    let (mut desk, mut workloads) = (Desk::default(), workloads());
    desk.answer(ack(1), &[observed("a")], vec![taken("a")]);
    watches(&mut desk, &workloads);
    advance(&mut workloads, 3600, &["a"]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Close));
    assert!(desk.is_closing("p", "a"));
    let still = |desk: Desk| open(&[("node1".to_owned(), desk)].into()).remove(&path(&key())).unwrap();
    assert_eq!(still(desk.clone()).unanswered["r"].len(), 1);
    desk.answer(ack(2), &[ObservedContainer { drained: true, ..observed("a") }], vec![taken("a")]);
    watches(&mut desk, &workloads);
    assert!(still(desk.clone()).unanswered.is_empty() && !desk.is_closing("p", "a"));
    // Nor does it wait for the next controller, which would wait in vain: nobody answers twice.
    let next = Desk::recall(desk.written.clone().unwrap(), None);
    assert!(still(next.clone()).unanswered.is_empty() && !next.is_closing("p", "a"));
    advance(&mut workloads, 3601, &[]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Ignore));
}

#[test]
fn rule_5_who_was_silent_is_asked_on() {
    let (mut desk, mut workloads) = (Desk::default(), workloads());
    desk.answer(ack(1), &[observed("a")], vec![taken("a")]);
    watches(&mut desk, &workloads);
    advance(&mut workloads, 3600, &["a"]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Close));
    advance(&mut workloads, 3720, &["a"]);
    assert_eq!(watches(&mut desk, &workloads), []);
    assert!(desk.is_closing("p", "a"));
}

#[test]
fn rule_6_a_container_that_comes_after_the_end_is_ignored() {
    let (mut desk, mut workloads) = (Desk::default(), workloads());
    advance(&mut workloads, 3600, &[]);
    advance(&mut workloads, 3601, &[]);
    desk.answer(ack(1), &[observed("a")], vec![taken("a")]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Ignore));
}

#[test]
fn a_container_is_asked_to_repeat_until_it_cannot_have_missed_it() {
    let (mut desk, workloads) = (Desk::default(), workloads());
    desk.answer(ack(4), &[observed("a")], vec![taken("a")]);
    desk.repeat(Some(&key()));
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Repeat));
    // This one may have been on its way already.
    desk.answer(ack(5), &[observed("a")], vec![taken("a")]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Repeat));
    desk.answer(ack(6), &[observed("a")], vec![taken("a")]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Watch));
}

#[test]
fn what_has_ended_is_named_once_more_and_then_no_more() {
    let (mut desk, workloads) = (Desk::default(), workloads());
    desk.answer(ack(1), &[ObservedContainer { closed: true, ..observed("a") }], vec![taken("a")]);
    assert_eq!(watches(&mut desk, &workloads), one(WatchState::Watch));
    desk.answer(ack(2), &[observed("b")], vec![taken("b")]);
    assert_eq!(watches(&mut desk, &workloads), [("b".to_owned(), WatchState::Watch)]);
}

#[test]
fn a_container_whose_pod_is_gone_is_known_for_a_while() {
    let mut desk = Desk::default();
    desk.answer(ack(1), &[observed("a")], vec![taken("a")]);
    desk.answer(ack(2), &[observed("b")], vec![taken("b")]);
    let now = Instant::now();
    desk.tell(Vec::new(), &|_| false, now);
    assert!(desk.known("p", "a").is_some());
    desk.tell(Vec::new(), &|_| false, now + TOMBSTONE);
    // Of the last batch the node has yet to hear.
    assert!(desk.known("p", "a").is_none() && desk.known("p", "b").is_some());
}

#[test]
fn a_directive_that_was_refused_waits_until_it_was_written() {
    let (mut desk, now) = (Desk::default(), Instant::now());
    assert!(!desk.is_paused(now));
    desk.refused(now);
    assert!(desk.is_paused(now) && !desk.is_paused(now + Duration::from_secs(1)));
    desk.refused(now);
    assert!(desk.is_paused(now + Duration::from_secs(1)));
    desk.wrote(NodeDirectiveSpec::default(), None);
    assert!(!desk.is_paused(now));
}
