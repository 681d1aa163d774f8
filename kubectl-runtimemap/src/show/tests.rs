//! Invariant 6: no control byte from a profile reaches a terminal, whatever the profile holds.

use proptest::prelude::*;
use runtimemap_crds::yaml;
use serde_json::Value;

use super::*;
use crate::{
    escape::{is_hostile, json},
    map::assemble,
};

/// Objects with every field in use.
const FIXTURES: [&str; 3] = [
    include_str!("../../tests/fixtures/nginx.yaml"),
    include_str!("../../tests/fixtures/shop.yaml"),
    include_str!("../../tests/fixtures/hostile.yaml"),
];

/// Fields whose words the types fix.
const FIXED: [&str; 9] = ["phase", "cause", "class", "type", "outcome", "origin", "protocol", "lastTransitionTime", "firstSeen"];

/// Maps whose keys are names that somebody gave.
const NAMED: [&str; 2] = ["containers", "syscallArchitectures"];

/// Puts a string in the place of every other one, keys of maps included.
fn replace(value: &mut Value, field: &str, next: &mut impl Iterator<Item = String>) {
    match value {
        Value::String(text) => *text = next.next().unwrap_or_default(),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, "", next)),
        Value::Object(fields) if field == "learning" => drop(fields.remove("revision")),
        Value::Object(fields) => {
            let is_condition = fields.contains_key("reason");
            for (name, mut value) in std::mem::take(fields) {
                let is_named = NAMED.contains(&field);
                if is_named || is_condition && name == "type" || !FIXED.contains(&name.as_str()) {
                    replace(&mut value, &name, next);
                }
                fields.insert(if is_named { next.next().unwrap_or(name) } else { name }, value);
            }
        }
        _ => {}
    }
}

/// The fixtures' objects with these strings in them, one after the other.
fn objects(strings: &[String]) -> Vec<runtimemap_crds::Object> {
    let mut next = strings.iter().cycle().cloned();
    let documents = FIXTURES.iter().flat_map(|text| yaml::from_stream(text).unwrap());
    let mut text = String::new();
    for object in documents {
        let mut value = serde_json::to_value(&object).unwrap();
        if object.kind() != "GeneratedNetworkPolicy" {
            replace(&mut value["spec"], "spec", &mut next);
        }
        replace(&mut value["status"], "status", &mut next);
        if value["status"].is_null() {
            value.as_object_mut().unwrap().remove("status");
        }
        text.push_str(&format!("---\n{}\n", json(&value.to_string())));
    }
    yaml::from_stream(&text).unwrap()
}

fn strings() -> impl Strategy<Value = Vec<String>> {
    let pieces = prop_oneof![
        prop::sample::select(vec![
            "\x1b[2J",
            "\x1b]0;x\x07",
            "\n",
            "\r",
            "\t",
            "\0",
            "\x7f",
            "\u{9b}",
            "\u{202e}",
            "\u{2028}",
            "\u{200b}",
            "/",
            "'",
            "a",
            "⋯"
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat()), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn t3_no_control_byte_from_a_profile_reaches_a_terminal(strings in strings(), wide: bool, width in prop::option::of(0..200_u16)) {
        let maps = assemble(objects(&strings));
        let view = View { wide, ..View::default() };
        let plain = summary(&maps, &view, Screen { width, colour: false }).unwrap();
        let through = plain.chars().find(|&character| character != '\n' && is_hostile(character));
        prop_assert_eq!(through, None);
        let coloured = summary(&maps, &view, Screen { width, colour: true }).unwrap();
        let stripped = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m"].iter().fold(coloured, |text, ours| text.replace(ours, ""));
        prop_assert_eq!(stripped, plain);
    }
}

#[test]
fn the_strings_of_the_property_reach_the_page() {
    // Otherwise the property above would hold of anything.
    let maps = assemble(objects(&["planted".to_owned()]));
    let plain = summary(&maps, &View { wide: true, ..View::default() }, Screen::default()).unwrap();
    assert!(plain.matches("planted").count() > 150, "{plain}");
    assert!(!plain.contains("nginx.conf") && !plain.contains("epoll_wait") && !plain.contains("upstream.example"), "{plain}");
}
