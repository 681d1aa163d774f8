use runtimemap_crds::{Origin, collapse::Thresholds};

use super::*;
use crate::fact::{Act, Fact};

fn empty() -> Ledger {
    Ledger::new(&Thresholds::default(), true)
}

fn key() -> Key {
    ("pod".to_owned(), "id".to_owned())
}

fn container() -> Container {
    Container::new(PathBuf::new(), Vec::new(), Some(Slot(0)), empty(), true)
}

fn open(container: &mut Container, path: &str) {
    let act = Act::Open { path: path.as_bytes().to_vec(), flags: 0 };
    container.add(Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 1, time: 0, act }, None);
    container.write_down();
}

fn paths(part: &Part) -> Vec<&str> {
    let letters = part.letters.iter();
    letters.filter_map(|letter| if let Letter::Open(open) = letter { Some(open.path.as_str()) } else { None }).collect()
}

/// The container as another agent finds it.
fn again(container: &Container) -> Container {
    let kept = serde_json::from_str(&serde_json::to_string(&container.kept).unwrap()).unwrap();
    let letters = container.letters.iter().map(|(text, written)| (text.clone(), Written::of(written.number()))).collect();
    let mut again = Container::again(kept, container.slot, empty(), letters);
    assert_eq!(again.write_down(), [], "nothing changes by being read");
    again
}

#[test]
fn what_was_taken_is_not_told_again_and_what_was_not_is() {
    let mut container = container();
    open(&mut container, "/a");
    let first = container.part(&key()).unwrap();
    assert_eq!(first.letters.len(), 1);
    // Not acknowledged: still news, also to the next agent.
    assert_eq!(container.part(&key()).unwrap().letters, first.letters);
    assert_eq!(again(&container).part(&key()).unwrap().letters, first.letters);
    container.taken(&first);
    assert!(container.part(&key()).is_none());
    assert!(again(&container).part(&key()).is_none());
    open(&mut container, "/a");
    assert!(container.part(&key()).is_none(), "seen again is no news");
    open(&mut container, "/b");
    assert_eq!(paths(&container.part(&key()).unwrap()), ["/b"]);
}

#[test]
fn a_flow_takes_the_names_of_its_address_along() {
    let mut container = container();
    container.ledger.network.add_answer("a.test", &["192.0.2.1".parse().unwrap()]);
    container.ledger.network.add_answer("b.test", &["192.0.2.2".parse().unwrap()]);
    container.write_down();
    let first = container.part(&key()).unwrap();
    container.taken(&first);
    let act = Act::Flow {
        direction: crate::fact::Direction::Egress,
        protocol: runtimemap_crds::Protocol::TCP,
        local: "10.0.0.1:4000".parse().unwrap(),
        remote: "192.0.2.1:443".parse().unwrap(),
        outcome: runtimemap_crds::Outcome::Established,
    };
    container.add(Fact { slot: Slot(0), origin: Origin::Entrypoint, pid: 1, time: 0, act }, None);
    container.write_down();
    let letters = container.part(&key()).unwrap().letters;
    assert!(matches!(letters.as_slice(), [Letter::Name(name, _), Letter::Flow(_)] if name == "a.test"), "{letters:?}");
}

#[test]
fn the_end_is_told_once_and_losses_are_totals_since_it_was_found() {
    let mut container = container();
    container.begin_losses(vec![(LossCause::Missed, 5)]);
    container.add_losses(vec![(LossCause::Missed, 7), (LossCause::RingFull, 1), (LossCause::RingFull, 2)]);
    container.kept.closed = true;
    container.write_down();
    let part = container.part(&key()).unwrap();
    assert_eq!(part.observed.losses, BTreeMap::from([(LossCause::Missed, 2), (LossCause::RingFull, 3)]));
    assert!(!container.done());
    container.taken(&part);
    assert!(container.done() && container.part(&key()).is_none());
}

#[test]
fn a_name_is_asked_for_at_once_and_ever_less_often() {
    assert!(container().asks());
    let due = |asked, ago| due(Duration::from_secs(asked), Duration::from_secs(ago));
    assert!(due(0, 0) && !due(40, 9) && due(40, 10));
    // However long it was in vain.
    assert!(due(100_000, 60) && !due(100_000, 59));
}

#[test]
fn r19_a_counter_that_begins_anew_adds_to_what_was_lost_before() {
    let mut container = container();
    container.begin_losses(vec![(LossCause::Undecodable, 0), (LossCause::Throttled, 3)]);
    container.add_losses(vec![(LossCause::Undecodable, 4), (LossCause::Throttled, 5)]);
    let mut next = again(&container);
    // Kept by the kernel, and by the agent that has ended.
    next.add_losses(vec![(LossCause::Undecodable, 1), (LossCause::Throttled, 9)]);
    assert_eq!(next.kept.losses, BTreeMap::from([(LossCause::Undecodable, 5), (LossCause::Throttled, 6)]));
}

#[test]
fn what_comes_after_the_close_is_no_part_of_the_window_unless_it_is_opened_again() {
    let mut container = container();
    open(&mut container, "/before");
    container.close(empty());
    open(&mut container, "/after");
    for container in [&again(&container), &container] {
        let part = container.part(&key()).unwrap();
        assert_eq!((paths(&part), part.observed.drained), (vec!["/before"], true));
    }
    let part = container.part(&key()).unwrap();
    container.taken(&part);
    assert!(container.part(&key()).is_none(), "said once");
    open(&mut container, "/later");
    assert!(container.part(&key()).is_none());
    let mut container = again(&container);
    container.reopen();
    container.write_down();
    let part = container.part(&key()).unwrap();
    assert_eq!((paths(&part), part.observed.drained), (vec!["/after", "/later"], false));
}

#[test]
fn drained_is_not_said_before_everything_was() {
    let mut container = container();
    open(&mut container, "/a");
    open(&mut container, "/b");
    container.close(empty());
    let mut part = container.part(&key()).unwrap();
    part.letters.truncate(1);
    (part.more, part.observed.drained) = (true, false);
    container.taken(&part);
    let part = container.part(&key()).unwrap();
    assert_eq!((paths(&part), part.observed.drained), (vec!["/b"], true));
}

#[test]
fn all_of_it_is_told_again_once_for_each_time_it_is_asked() {
    let mut container = container();
    open(&mut container, "/a");
    let part = container.part(&key()).unwrap();
    container.taken(&part);
    assert_eq!(container.repeat(1).len(), 1);
    let part = container.part(&key()).unwrap();
    assert_eq!(paths(&part), ["/a"]);
    container.taken(&part);
    // The same directive, read again.
    container.repeat(1);
    assert!(container.part(&key()).is_none());
    container.repeat(2);
    assert!(container.part(&key()).is_some());
}

#[test]
fn what_is_ignored_keeps_no_facts_and_stays_ignored() {
    let mut container = container();
    open(&mut container, "/a");
    assert_eq!(container.ignore(empty()).len(), 1);
    assert!(container.part(&key()).is_none());
    let again = again(&container);
    assert_eq!(again.kept.state, State::Ignored);
    assert!(again.part(&key()).is_none() && !again.done());
}
