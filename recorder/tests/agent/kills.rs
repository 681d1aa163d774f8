//! An agent that is killed again and again has seen what one sees that is left alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;

use crate::{pod::Container, rig::Rig};

/// How often it is killed. Each time there are acts before it, while it is away, and after.
const KILLS: usize = 20;

/// Names of two letters: what looks like a number would be folded.
fn name(number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 20).unwrap());
    format!("{}{}y", letter(number / 20 + 3), letter(number))
}

/// Numbered acts of all kinds: a file read, one written, a program with an argument, a connection that is refused.
fn act(container: &mut Container, folder: &Path, number: usize) {
    let (name, folder) = (name(number), folder.display());
    let kind = ["cat", "touch", "true", "connect"][number % 4];
    container.act(&match kind {
        "cat" => format!("cat {folder}/read/{name} > /dev/null"),
        "touch" => format!("touch {folder}/written/{name}"),
        "true" => format!("{folder}/run/{name} of {name}"),
        _ => format!(": 2>/dev/null </dev/tcp/127.0.0.{}/7", number + 2),
    });
}

fn prepare(folder: &Path) {
    for part in ["read", "written", "run"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for number in 0..4 * KILLS {
        fs::write(folder.join("read").join(name(number)), "x").unwrap();
        if number % 4 == 2 {
            fs::copy("/bin/true", folder.join("run").join(name(number))).unwrap();
        }
    }
}

/// Letters without when they were first seen, which differs, and without what only bash and the scheduler decide.
fn normal(letters: &BTreeSet<String>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for text in letters {
        let mut letter: Value = serde_json::from_str(text).unwrap();
        if let Some(fact) = letter.as_object_mut().unwrap().values_mut().next().unwrap().as_object_mut() {
            fact.remove("firstSeen");
        }
        found.insert(letter.to_string(), letter);
    }
    found
}

/// Runs all acts, killing the agent as often as that, and gives what the controller has then.
fn run(kills: usize) -> BTreeMap<String, Value> {
    let rig = Rig::new();
    let folder = rig.path("acts");
    prepare(&folder);
    let mut agent = rig.agent();
    let pod = rig.pod();
    let mut container = pod.container();
    let mut number = 0;
    for round in 0..KILLS {
        act(&mut container, &folder, number);
        if round < kills {
            if round % 2 == 1 {
                // Not before some of it has been handed over.
                rig.cluster.wait_for(&container.id, if round > 4 { "/read/" } else { "bash" });
            }
            agent.kill();
            act(&mut container, &folder, number + 1);
            agent = rig.agent();
        } else {
            act(&mut container, &folder, number + 1);
        }
        act(&mut container, &folder, number + 2);
        act(&mut container, &folder, number + 3);
        number += 4;
    }
    container.end();
    let observed = rig.closed(&container.id);
    assert_eq!((observed.startup_observed, observed.losses), (true, BTreeMap::new()), "{}", agent.log());
    let letters = normal(&rig.cluster.letters(&container.id));
    let text = letters.keys().cloned().collect::<Vec<_>>().join("\n").replace(folder.to_str().unwrap(), "");
    for number in 0..4 * KILLS {
        let wanted = match number % 4 {
            0 => format!("\"/read/{}\"", name(number)),
            1 => format!("\"/written/{}\"", name(number)),
            2 => format!("\"/run/{}\"", name(number)),
            _ => format!("\"127.0.0.{}\"", number + 2),
        };
        assert!(text.contains(&wanted), "act {number}, {wanted}, is missing in\n{text}");
    }
    agent.end();
    letters.into_iter().map(|(text, letter)| (text.replace(folder.to_str().unwrap(), ""), letter)).collect()
}

#[test]
fn r19_twenty_kills_change_nothing_of_what_is_seen() {
    let (killed, left_alone) = (run(KILLS), run(0));
    let differ = |a: &BTreeMap<String, Value>, b: &BTreeMap<String, Value>| {
        a.keys().filter(|text| !b.contains_key(*text)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((differ(&left_alone, &killed), differ(&killed, &left_alone)), (Vec::new(), Vec::new()));
}
