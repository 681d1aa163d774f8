//! What comes from outside is read or refused, and never ends the program.
//!
//! Tests whose names begin with `any_` go through here: a few cases among the unit tests, and as long as they are given by `make fuzz`.

use std::{
    env,
    time::{Duration, Instant},
};

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::Value;

/// Seconds that each of these tests takes at least.
const SECONDS: &str = "RUNTIMEMAP_FUZZ_SECONDS";
/// Cases among the unit tests; PROPTEST_CASES asks for others.
const CASES: u32 = 16;
/// What readers stumble over.
const TOKENS: [&str; 34] = [
    "",
    " ",
    "\n",
    "\n---\n",
    "\r",
    "\t",
    ":",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "|\n",
    "#",
    "%",
    "null",
    "~",
    "-1",
    "65536",
    "4294967296",
    "1e999",
    "0x1",
    "on",
    "\u{1b}[2J",
    "\u{202e}",
    "\u{feff}",
    "é⋯𐀀",
];

/// Tries a property on as many values as there is time for. The first that breaks it is made small and shown.
pub(crate) fn run<S: Strategy>(strategy: &S, property: impl Fn(S::Value)) {
    let seconds = env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let end = seconds.map(|seconds| Instant::now() + seconds);
    let default = Config::default();
    let cases = if env::var_os("PROPTEST_CASES").is_some() { default.cases } else { CASES };
    // The same cases each time would be a waste of time that is given for others.
    let rng_seed = if end.is_some() { RngSeed::Random } else { default.rng_seed };
    let config = Config { cases, rng_seed, failure_persistence: None, ..default };
    loop {
        let outcome = TestRunner::new(config.clone()).run(strategy, |value| {
            property(value);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
        if end.is_none_or(|end| Instant::now() >= end) {
            return;
        }
    }
}

/// Words of a language one after the other, with what readers stumble over among them.
pub(crate) fn words(language: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word =
        prop_oneof![8 => select(language).prop_map(str::to_owned), 1 => select(&TOKENS[..]).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

/// A text that was right, with some of its characters gone, twice there, or others.
pub(crate) fn damaged(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let edit = (0..3_u8, any::<Index>(), 0..40_usize, select(&TOKENS[..]));
    (select(texts), prop::collection::vec(edit, 0..6)).prop_map(|(text, edits)| {
        let mut text: Vec<char> = text.chars().collect();
        for (what, place, length, token) in edits {
            let start = place.index(text.len() + 1);
            let end = (start + length).min(text.len());
            let new: Vec<char> = match what {
                0 => Vec::new(),
                1 => text[start..end].iter().chain(&text[start..end]).copied().collect(),
                _ => token.chars().collect(),
            };
            text.splice(start..end, new);
        }
        text.into_iter().collect()
    })
}

/// What is done to a value.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Null,
    /// A value of another kind in its place.
    Other,
    /// Its items once more.
    Twice,
    /// Another value of the same kind.
    Alike,
}

/// A stream of objects that was right, with some of their values gone, twice there, or of another kind.
pub(crate) fn changed(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    // Most leave a value of its kind: what is refused at once reaches nothing behind the reader.
    let what = prop_oneof![1 => Just(Edit::Null), 1 => Just(Edit::Other), 2 => Just(Edit::Twice), 8 => Just(Edit::Alike)];
    let edit = (what, any::<Index>(), any::<Index>(), select(&TOKENS[..]));
    (select(texts), prop::collection::vec(edit, 0..4)).prop_map(|(text, edits)| {
        let mut objects: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_default();
        for (what, object, place, token) in edits {
            let Some(object) = (!objects.is_empty()).then(|| object.index(objects.len())) else { break };
            let count = count(&objects[object]);
            change(&mut objects[object], place.index(count), what, token);
        }
        objects.iter().map(|object| format!("{object}\n---\n")).collect()
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Changes the value at a place, counted from the top. How many places it went down.
fn change(value: &mut Value, place: usize, what: Edit, token: &str) -> usize {
    if place == 0 {
        *value = match (what, std::mem::take(value)) {
            (Edit::Null, _) => Value::Null,
            (Edit::Other, _) => serde_json::from_str(token).unwrap_or_else(|_| token.into()),
            (_, Value::Array(items)) => items.iter().chain(&items).cloned().collect(),
            (Edit::Twice, Value::String(text)) => text.repeat(2).into(),
            (_, Value::String(text)) => format!("{text}{token}").into(),
            (_, Value::Number(number)) => serde_json::from_str(token).unwrap_or(number).into(),
            (_, Value::Bool(yes)) => (!yes).into(),
            (_, value) => value,
        };
        return 1;
    }
    let mut seen = 1;
    let inner: Vec<&mut Value> = match value {
        Value::Object(fields) => fields.values_mut().collect(),
        Value::Array(items) => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    for inner in inner {
        let below = count(inner);
        if place < seen + below {
            change(inner, place - seen, what, token);
            break;
        }
        seen += below;
    }
    seen
}

#[test]
fn what_is_changed_differs_and_is_whole_again_without_a_change() {
    let text = "a: {b: [1, 2]}\n";
    let mut seen = std::collections::BTreeSet::new();
    for place in 0..5 {
        let mut value: Value = serde_saphyr::from_str(text).unwrap();
        assert_eq!(count(&value), 5);
        change(&mut value, place, Edit::Null, "");
        seen.insert(value.to_string());
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}
