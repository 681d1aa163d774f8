use std::collections::VecDeque;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use runtimemap_crds::yaml;
use runtimemap_policy::network;

use super::*;
use crate::{
    apply::{plan::Planned, preview},
    fuzz,
    input::Input,
    map::{Map, assemble},
};

/// Somebody who has thought of all answers beforehand.
#[derive(Default)]
struct Script {
    answers: VecDeque<String>,
    edits: VecDeque<&'static str>,
    shown: String,
}

impl Dialogue for Script {
    fn say(&mut self, text: &str) -> anyhow::Result<()> {
        self.shown.push_str(text);
        self.shown.push('\n');
        Ok(())
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<Option<String>> {
        self.shown.push_str(question);
        self.shown.push('\n');
        Ok(self.answers.pop_front())
    }

    fn edit(&mut self, text: &str) -> anyhow::Result<String> {
        self.shown.push_str(text);
        Ok(self.edits.pop_front().map_or_else(|| text.to_owned(), str::to_owned))
    }
}

fn map() -> Map {
    let objects = yaml::from_stream(include_str!("../../../tests/fixtures/nginx.yaml")).unwrap();
    assemble(objects).into_iter().find(|map| map.neighborhood.is_some()).unwrap()
}

fn subject(map: &Map) -> Subject<'_> {
    Subject::new(map, network::object(map.neighborhood.as_ref().unwrap(), &network::Options::default()))
}

/// What was shown, how it ended, and how many rules were approved, rejected and left.
fn run(answers: &[&'static str], edits: &[&'static str]) -> (String, Outcome, [usize; 3], Vec<rules::Rule>) {
    let map = map();
    let mut subjects = [subject(&map)];
    let mut script = Script {
        answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
        edits: edits.iter().copied().collect(),
        ..Script::default()
    };
    let outcome = review(&mut subjects, "alice", &mut script).unwrap();
    (script.shown, outcome, subjects[0].counts(), subjects[0].rules())
}

#[test]
fn every_rule_is_asked_once_with_its_evidence() {
    let (shown, outcome, counts, rules) = run(&["y", "n", "y", "y"], &[]);
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(counts[1], 1, "{shown}");
    assert_eq!((counts[2], rules.len()), (0, counts[0]));
    assert!(shown.contains("[1/") && shown.contains("since ") && shown.contains("Allow this? [y,n,a,d,q,"), "{shown}");
}

#[test]
fn all_and_done_and_quit_end_it() {
    let (_, outcome, counts, _) = run(&["a"], &[]);
    assert_eq!((outcome, counts[1], counts[2]), (Outcome::Done, 0, 0));
    let (_, outcome, counts, rules) = run(&["y", "d"], &[]);
    assert_eq!((outcome, counts[0], rules.len()), (Outcome::Done, 1, 1));
    assert!(counts[2] > 0);
    assert_eq!(run(&["y", "q"], &[]).1, Outcome::Quit);
    // Nobody answers any more: nothing was decided.
    assert_eq!(run(&["y"], &[]).1, Outcome::Quit);
}

#[test]
fn help_shows_only_what_is_valid_now() {
    let (shown, ..) = run(&["?", "q"], &[]);
    assert!(shown.contains("y - allow this") && !shown.contains("k - leave"), "{shown}");
    let (shown, ..) = run(&["x", "yes", "q"], &[]);
    assert_eq!(shown.matches("y - allow this").count(), 2, "{shown}");
    let (shown, ..) = run(&["j", "?", "q"], &[]);
    assert!(shown.contains("k - leave"), "{shown}");
}

#[test]
fn a_search_goes_to_the_rule_that_holds_the_text() {
    let (shown, ..) = run(&["/no such text", "/egress", "q"], &[]);
    assert!(shown.contains("no other undecided rule holds \"no such text\""), "{shown}");
}

#[test]
fn an_edited_rule_is_what_is_applied_and_kept() {
    let edited = "- peers:\n  - ipBlock: {cidr: 192.0.2.0/24}\n  ports:\n  - {port: 443, protocol: TCP}\n";
    let (shown, _, _, rules) = run(&["e", "y", "d"], &["- peers: 7\n", "- peers:\n  - ipBlock: {cidr: x}\n", edited]);
    assert_eq!(rules[0].content.peers[0].ip_block.as_ref().unwrap().cidr, "192.0.2.0/24", "{shown}");
    assert!(shown.contains("\"x\" is no block of addresses"), "{shown}");
    let (shown, _, _, rules) = run(&["e", "y", "d"], &["# nothing\n"]);
    assert!(shown.contains("Edit cancelled, no changes made.") && rules.len() == 1, "{shown}");
}

#[test]
fn a_decision_holds_until_its_rule_changes() {
    let map = map();
    let mut first = [subject(&map)];
    let mut script = Script { answers: ["n", "a"].map(str::to_owned).into(), ..Script::default() };
    review(&mut first, "alice", &mut script).unwrap();
    let mut second = subject(&map);
    second.policy.review = Some(first[0].review());
    let mut remarks = Vec::new();
    second.take_over(&mut remarks);
    assert_eq!(second.counts(), first[0].counts());
    assert!(remarks.len() == 1 && remarks[0].contains("rejected by alice"), "{remarks:?}");
    // What was seen since is another matter than what was known when it was rejected.
    let mut older = subject(&map);
    let mut review = first[0].review();
    review.decisions[0].at = Some(Time(Timestamp::UNIX_EPOCH));
    older.policy.review = Some(review);
    let mut since = Vec::new();
    older.take_over(&mut since);
    assert!(since[0].contains("rejected by alice, seen again 2026-"), "{since:?}");
    second.items.iter_mut().for_each(|item| item.decision = None);
    second.items[0].rule.content.ports.clear();
    second.take_over(&mut remarks);
    assert!(second.items[0].decision.is_none(), "another content is another rule");
}

/// Whatever somebody types at whatever was recorded ends the review: with policies that can be printed, and what they would cut.
#[test]
fn any_keys_end_a_review() {
    const KEYS: &[&str] = &[
        "y\n",
        "n\n",
        "a\n",
        "d\n",
        "s\n",
        "e\n",
        "w\n",
        "1\n",
        "2\n",
        "5\n",
        "j\n",
        "k\n",
        "?\n",
        "/53\n",
        "/\n",
        "192.0.2.0/24\n",
        "::/0\n",
        "\n",
    ];
    const RECORDINGS: &[&str] = &[
        include_str!("../../../tests/fixtures/nginx.yaml"),
        include_str!("../../../tests/fixtures/shop.yaml"),
        include_str!("../../../tests/fixtures/hostile.yaml"),
    ];
    fuzz::run(&(fuzz::changed(RECORDINGS), fuzz::words(KEYS)), |(text, keys)| {
        let maps = assemble(yaml::from_stream(&text).unwrap_or_default());
        let with = |map| Some(Subject::new(map, *crate::in_force::of_map(map)?));
        let mut subjects: Vec<Subject<'_>> = maps.iter().filter_map(with).collect();
        let mut script = Script { answers: keys.lines().map(str::to_owned).collect(), ..Script::default() };
        review(&mut subjects, "alice", &mut script).unwrap();
        let world = preview::World::of(&Input::default(), &maps, None).unwrap();
        let planned: Vec<Planned> = subjects.iter().map(|subject| Planned::of(subject, &world)).collect();
        planned.iter().for_each(|planned| assert!(planned.yaml().is_ok()));
        // What no evaluator takes is an error that says so.
        if let Ok(cut) = world.cut(planned.into_iter().map(|planned| planned.policy).collect()) {
            assert!(!preview::summary(&subjects, &cut).is_empty());
        }
    });
}
