//! The table of pitfalls in ARCHITECTURE.md: every pitfall has tests, which are there and are called after it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// How many there are of each sort.
const SORTS: [(char, usize); 2] = [('n', 18), ('s', 11)];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tests by pitfall, as the table has them.
fn table(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, section) = text.split_once("\n## Pitfalls of policies, and their tests\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, tests, _] = cells.as_slice() else { return None };
        let tests = tests.split(", ").filter_map(|test| test.strip_prefix('`')?.strip_suffix('`')).map(str::to_owned);
        Some((number.to_lowercase(), tests.collect()))
    };
    section.lines().filter_map(row).filter(|(number, _)| pitfalls(&format!("{number}_")).contains(number)).collect()
}

/// The pitfalls that a test is called after: `s1_s5_this_holds` is of two.
fn pitfalls(name: &str) -> Vec<String> {
    let is_one = |word: &&str| {
        let number = word.get(1..).and_then(|number| number.parse::<usize>().ok());
        SORTS.iter().any(|(sort, last)| word.starts_with(*sort) && number.is_some_and(|number| (1..=*last).contains(&number)))
    };
    name.split('_').take_while(is_one).map(str::to_owned).collect()
}

/// Names of functions in all sources.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            functions(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim_start).map(|line| line.trim_start_matches("async "));
            found.extend(lines.filter_map(|line| Some(line.strip_prefix("fn ")?.split('(').next()?.to_owned())));
        }
    }
}

#[test]
fn every_pitfall_has_tests_and_every_test_that_is_called_after_one_is_in_its_row() {
    let table = table(&fs::read_to_string(workspace().join("ARCHITECTURE.md")).unwrap());
    let all = SORTS.iter().flat_map(|(sort, last)| (1..=*last).map(move |number| format!("{sort}{number}")));
    assert_eq!(table.keys().cloned().collect::<BTreeSet<_>>(), all.collect());
    let mut functions = BTreeSet::new();
    self::functions(&workspace(), &mut functions);
    let mut called = BTreeMap::<String, BTreeSet<String>>::new();
    for function in functions {
        for pitfall in pitfalls(&function) {
            called.entry(pitfall).or_default().insert(function.clone());
        }
    }
    let lines = |rows: BTreeMap<String, BTreeSet<String>>| -> BTreeSet<String> { rows.into_values().flatten().collect() };
    let (named, there) = (lines(table.clone()), lines(called.clone()));
    assert_eq!(named.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "ARCHITECTURE.md names what is not there");
    assert_eq!(there.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "ARCHITECTURE.md does not name these");
    assert_eq!(table, called);
}

#[test]
fn a_row_that_names_nothing_is_seen() {
    let text = "x\n## Pitfalls of policies, and their tests\n\n| | what | tests |\n|---|---|---|\n| N1 | a | `n1_x`, `n1_y` |\n| S2 | b |  |\n\n## Next\n";
    let expected = [("n1", vec!["n1_x", "n1_y"]), ("s2", vec![])];
    let expected = expected.map(|(number, tests)| (number.to_owned(), tests.into_iter().map(str::to_owned).collect()));
    assert_eq!(table(text), BTreeMap::from(expected));
    assert_eq!(pitfalls("s1_s5_both_hold"), ["s1", "s5"]);
    assert!(pitfalls("n19_no_such").is_empty() && pitfalls("name_of").is_empty());
}
