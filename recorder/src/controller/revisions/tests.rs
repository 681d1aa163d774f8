use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn watched() -> Presence {
    Presence { live: true, watched: true, ..Presence::default() }
}

fn view(revisions: &[(&str, Presence)]) -> View {
    let revisions = revisions.iter().map(|(id, presence)| ((*id).to_owned(), presence.clone())).collect();
    View { revisions, period: HOUR, ..View::default() }
}

fn opened(template: &str) -> Revisions {
    let mut revisions = Revisions::default();
    assert_eq!(revisions.open(template, &BTreeMap::new(), &BTreeSet::new(), HOUR, at(0)), template);
    revisions
}

fn images(image: &str) -> BTreeMap<String, String> {
    [("web".to_owned(), image.to_owned())].into()
}

fn complete<'a>(changes: &'a [Change]) -> Vec<&'a str> {
    let complete = |change: &'a Change| if let Change::Complete { id, .. } = change { Some(id.as_str()) } else { None };
    changes.iter().filter_map(complete).collect()
}

/// Lets the clock of everything run out, and all agents answer.
fn learn(revisions: &mut Revisions, view: &View, from: i64) -> i64 {
    revisions.look(view, at(from));
    revisions.look(view, at(from + 3600));
    revisions.look(view, at(from + 3601));
    from + 3601
}

fn phase(revisions: &Revisions, live: &[&str]) -> Phase {
    let mut status = ProfileStatus::default();
    revisions.write(&mut status, &ids(live));
    status.phase
}

#[test]
fn rule_1_another_image_under_the_same_name_is_another_revision_and_a_restart_is_none() {
    let mut revisions = opened("t");
    revisions.note_images("t", &images("web@1"));
    assert_eq!(revisions.find("t", &images("web@1")), Some("t"));
    assert_eq!(revisions.find("t", &BTreeMap::new()), Some("t"));
    assert_eq!((revisions.find("t", &images("web@2")), revisions.find("u", &BTreeMap::new())), (None, None));
    let other = revisions.open("t", &images("web@2"), &ids(&["t"]), HOUR, at(1));
    assert!(other.starts_with("t-"), "{other}");
    assert_eq!(revisions.find("t", &images("web@2")), Some(other.as_str()));
    assert_eq!(revisions.find("t", &images("web@1")), Some("t"));
}

#[test]
fn rule_1_more_than_twenty_an_hour_are_one() {
    let mut revisions = Revisions::default();
    for number in 0..HOURLY {
        assert_ne!(revisions.open(&format!("t{number}"), &BTreeMap::new(), &BTreeSet::new(), HOUR, at(1)), FOLDED);
    }
    assert!(!revisions.is_folded());
    for template in ["x", "y"] {
        assert_eq!(revisions.open(template, &BTreeMap::new(), &BTreeSet::new(), HOUR, at(2)), FOLDED);
        assert_eq!(revisions.find(template, &BTreeMap::new()), Some(FOLDED));
    }
    assert!(revisions.is_folded() && revisions.takes(FOLDED));
    assert_eq!(revisions.open("z", &BTreeMap::new(), &BTreeSet::new(), HOUR, at(4000)), "z");
}

#[test]
fn rule_2_live_ones_and_the_last_five_complete_are_kept() {
    let mut revisions = Revisions::default();
    let mut now = 0;
    for number in 0..7 {
        let id = revisions.open(&format!("t{number}"), &BTreeMap::new(), &ids(&["t0"]), HOUR, at(now));
        now = learn(&mut revisions, &view(&[("t0", watched()), (&id, watched())]), now);
    }
    let mut status = ProfileStatus::default();
    revisions.write(&mut status, &ids(&["t0", "t6"]));
    let kept: Vec<_> = status.revisions.iter().map(|revision| revision.id.as_str()).collect();
    assert_eq!(kept, ["t0", "t2", "t3", "t4", "t5", "t6"]);
    assert_eq!(Revisions::recall(&status).find("t2", &BTreeMap::new()), Some("t2"));
}

#[test]
fn rule_3_each_has_its_clock_and_the_workload_learns_while_a_live_one_does() {
    let mut revisions = opened("a");
    revisions.look(&view(&[("a", watched())]), at(0));
    revisions.open("b", &BTreeMap::new(), &ids(&["a"]), HOUR, at(1800));
    let both = view(&[("a", watched()), ("b", watched())]);
    revisions.look(&both, at(1800));
    revisions.look(&both, at(3600));
    assert_eq!(complete(&revisions.look(&both, at(3601))), ["a"]);
    assert_eq!((phase(&revisions, &["a", "b"]), phase(&revisions, &["a"])), (Phase::Learning, Phase::Complete));
    revisions.look(&both, at(5400));
    assert_eq!(complete(&revisions.look(&both, at(5401))), ["b"]);
    assert_eq!(phase(&revisions, &["a", "b"]), Phase::Complete);
}

#[test]
fn rule_4_the_clock_runs_only_under_a_ready_agent_and_is_stored_at_transitions_only() {
    let mut revisions = opened("a");
    let away = view(&[("a", Presence { live: true, ..Presence::default() })]);
    let there = view(&[("a", watched())]);
    assert_eq!(revisions.look(&away, at(0)), []);
    assert_eq!(revisions.look(&there, at(100)), [Change::Clock]);
    assert_eq!(revisions.look(&there, at(1000)), []);
    assert_eq!(revisions.look(&away, at(1100)), [Change::Clock]);
    assert_eq!(revisions.look(&away, at(9000)), []);
    // What was stored is enough to go on.
    let mut status = ProfileStatus::default();
    revisions.write(&mut status, &ids(&["a"]));
    assert_eq!((status.revisions[0].remaining_seconds, &status.learning.as_ref().unwrap().completes_at), (2600, &None));
    let mut revisions = Revisions::recall(&status);
    assert_eq!(revisions.look(&there, at(10_000)), [Change::Clock]);
    assert_eq!(revisions.look(&there, at(12_599)), []);
    assert_eq!(revisions.look(&there, at(12_600)), [Change::Close("a".to_owned())]);
}

#[test]
fn rule_4_a_shorter_period_ends_at_once_and_a_longer_one_goes_on() {
    let mut revisions = opened("a");
    let mut there = view(&[("a", watched())]);
    revisions.look(&there, at(0));
    there.period = HOUR * 2;
    assert_eq!(revisions.look(&there, at(3600)), [Change::Clock]);
    there.period = SignedDuration::from_mins(30);
    assert_eq!(revisions.look(&there, at(3700)), [Change::Clock, Change::Close("a".to_owned())]);
}

#[test]
fn rule_4_new_replicas_join_the_clock_and_do_not_extend_it() {
    let mut revisions = opened("a");
    let there = view(&[("a", watched())]);
    revisions.look(&there, at(0));
    assert_eq!(revisions.find("a", &images("web@1")), Some("a"));
    revisions.note_images("a", &images("web@1"));
    assert_eq!(revisions.look(&there, at(3600)), [Change::Close("a".to_owned())]);
}

#[test]
fn rule_5_the_end_waits_for_every_answer_or_two_minutes() {
    let waits = |unanswered: &[&str]| view(&[("a", Presence { unanswered: ids(unanswered), ..watched() })]);
    let mut revisions = opened("a");
    revisions.look(&waits(&["one", "two"]), at(0));
    assert_eq!(revisions.look(&waits(&["one", "two"]), at(3600)), [Change::Close("a".to_owned())]);
    assert!(revisions.closing("a") && revisions.takes("a"));
    assert_eq!(revisions.look(&waits(&["two"]), at(3601)), []);
    let mut patient = revisions.clone();
    assert_eq!(complete(&revisions.look(&waits(&[]), at(3602))), ["a"]);
    assert!(!revisions.takes("a") && !revisions.closing("a"));
    assert_eq!(patient.look(&waits(&["two"]), at(3719)), []);
    let silent = ids(&["two"]);
    assert_eq!(patient.look(&waits(&["two"]), at(3720)), [Change::Complete { id: "a".to_owned(), silent, kept: ids(&["a"]) }]);
}

#[test]
fn rule_5_who_was_never_seen_is_named() {
    let unseen = view(&[("a", Presence { unseen: ids(&["web-2"]), ..watched() })]);
    let mut revisions = opened("a");
    revisions.look(&unseen, at(0));
    revisions.look(&unseen, at(3600));
    let silent = ids(&["web-2"]);
    assert_eq!(revisions.look(&unseen, at(3600)), [Change::Complete { id: "a".to_owned(), silent, kept: ids(&["a"]) }]);
}

#[test]
fn rule_6_a_job_is_complete_when_it_succeeds_and_not_before() {
    let job = |over| View { ends: Ends::Success, ..view(&[("a", Presence { over, ..watched() })]) };
    let mut revisions = opened("a");
    revisions.look(&job(false), at(0));
    assert_eq!(revisions.look(&job(false), at(90_000)), []);
    assert_eq!(revisions.look(&job(true), at(90_001)), [Change::Close("a".to_owned())]);
}

#[test]
fn rule_6_a_cron_job_is_complete_after_its_period_and_one_success() {
    let cron = |over| View { ends: Ends::ClockAndSuccess, ..view(&[("a", Presence { over, ..Presence::default() })]) };
    let mut revisions = opened("a");
    revisions.look(&cron(true), at(0));
    assert_eq!(revisions.look(&cron(true), at(3599)), []);
    let mut other = revisions.clone();
    assert_eq!(revisions.look(&cron(true), at(3600)), [Change::Close("a".to_owned())]);
    assert_eq!(other.look(&cron(false), at(9000)), []);
}

#[test]
fn rule_7_relearning_opens_the_current_revision_once_for_a_whole_period() {
    let mut revisions = opened("a");
    let mut there = view(&[("a", watched())]);
    let now = learn(&mut revisions, &there, 0);
    assert!(!revisions.takes("a"));
    there.relearn = "2026-01-01".to_owned();
    assert_eq!(revisions.look(&there, at(now)), [Change::Clock]);
    assert!(revisions.takes("a"));
    assert_eq!(revisions.look(&there, at(now + 3599)), []);
    assert_eq!(revisions.look(&there, at(now + 3600)), [Change::Close("a".to_owned())]);
    assert_eq!(complete(&revisions.look(&there, at(now + 3601))), ["a"]);
    assert_eq!(revisions.look(&there, at(now + 9000)), []);
}

#[test]
fn rule_7_going_back_to_a_complete_revision_does_not_learn_again() {
    let mut revisions = opened("a");
    let now = learn(&mut revisions, &view(&[("a", watched())]), 0);
    revisions.open("b", &BTreeMap::new(), &ids(&["a"]), HOUR, at(now));
    let now = learn(&mut revisions, &view(&[("b", watched())]), now);
    assert_eq!(revisions.find("a", &BTreeMap::new()), Some("a"));
    assert!(!revisions.takes("a"));
    assert_eq!(revisions.look(&view(&[("a", watched())]), at(now + 9000)), []);
}
