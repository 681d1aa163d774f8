//! What of a workload is compared: lists of lines under headings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{escape, map::Map};

/// Lines, by the path of their heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surface(BTreeMap<String, BTreeSet<String>>);

impl Surface {
    /// Adds a line.
    pub(super) fn add(&mut self, path: &str, line: impl Into<String>) {
        self.0.entry(path.to_owned()).or_default().insert(line.into());
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (path, lines) in other.0 {
            self.0.entry(path).or_default().extend(lines);
        }
    }

    /// As text, each line one line whatever is in it.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (path, lines) in &self.0 {
            text.push_str(&format!("{}:\n", escape::line(path)));
            for line in lines {
                text.push_str(&format!("- {}\n", escape::line(line)));
            }
        }
        text
    }

    fn missing_in<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().flat_map(move |(path, lines)| {
            let there = other.0.get(path);
            lines
                .iter()
                .filter(move |line| !there.is_some_and(|there| there.contains(*line)))
                .map(move |line| (path.as_str(), line.as_str()))
        })
    }
}

/// The two sides of a workload, each with its name.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    namespace: String,
    workload: String,
    pub(super) first: (&'static str, Surface),
    pub(super) second: (&'static str, Surface),
}

impl Pair {
    pub(super) fn new(map: &Map, first: (&'static str, Surface), second: (&'static str, Surface)) -> Self {
        Self { namespace: map.namespace.clone(), workload: map.title(), first, second }
    }

    pub(super) fn differs(&self) -> bool {
        self.first.1 != self.second.1 && self.differences().next().is_some()
    }

    /// `shop/Deployment/web`.
    pub(super) fn name(&self) -> String {
        let Self { namespace, workload, .. } = self;
        escape::line(&if namespace.is_empty() { workload.clone() } else { format!("{namespace}/{workload}") }).into_owned()
    }

    /// Each line that is on one side only.
    pub(super) fn differences(&self) -> impl Iterator<Item = Value> {
        let Self { namespace, workload, first, second } = self;
        let of = move |side: &'static str, (path, line): (&str, &str)| json!({"namespace": namespace, "workload": workload, "only": side, "path": path, "value": line});
        let gone = first.1.missing_in(&second.1).map(move |line| of(first.0, line));
        gone.chain(second.1.missing_in(&first.1).map(move |line| of(second.0, line)))
    }
}
