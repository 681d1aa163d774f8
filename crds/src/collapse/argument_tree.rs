//! Lists of arguments as trees in which what varies is folded.

use std::{collections::BTreeMap, mem};

use super::{REST, VARIED};
use crate::merge::{Evidence, Merge};

/// The argument lists of one program, closed under rule 3 at any time.
#[derive(Clone, Debug, Default)]
pub(super) struct ArgumentLists {
    /// Without any argument, not even a name.
    empty: Option<Evidence>,
    /// Whatever arguments, once the names varied.
    any: Option<Evidence>,
    by_name: BTreeMap<String, Tails>,
}

/// What followed one argv\[0\].
#[derive(Clone, Debug, Default)]
struct Tails {
    /// Whatever arguments, once their number varied.
    any: Option<Evidence>,
    /// By number of arguments, and whether more followed.
    by_length: BTreeMap<(usize, bool), Node>,
}

/// A position: the arguments seen there.
#[derive(Clone, Debug, Default)]
struct Node {
    /// The list ends here.
    end: Option<Evidence>,
    children: BTreeMap<String, Node>,
}

fn note(slot: &mut Option<Evidence>, evidence: Evidence) {
    *slot = Some(match slot.take() {
        Some(known) => known.merge(evidence),
        None => evidence,
    });
}

impl ArgumentLists {
    /// Adds a list of arguments, given as patterns. `most` as [`Thresholds::arguments`](super::Thresholds::arguments).
    pub(super) fn insert(&mut self, args: &[String], evidence: Evidence, most: usize) {
        let Some((name, tail)) = args.split_first() else { return note(&mut self.empty, evidence) };
        let known = self.by_name.contains_key(name);
        if self.any.is_some() || name == REST || (!known && self.by_name.len() >= most) {
            self.fold();
            return note(&mut self.any, evidence);
        }
        self.by_name.entry(name.clone()).or_default().insert(tail, evidence, most);
    }

    pub(super) fn absorb(&mut self, other: Self, most: usize) {
        for (args, evidence) in other.into_lists() {
            self.insert(&args, evidence, most);
        }
    }

    fn fold(&mut self) {
        for tails in mem::take(&mut self.by_name).into_values() {
            for (_, evidence) in tails.into_lists() {
                note(&mut self.any, evidence);
            }
        }
    }

    /// Folds the name with the longest lists to `name *`, or all names to `*`. False when that is done.
    pub(super) fn coarsen(&mut self) -> bool {
        let biggest = self.by_name.values_mut().filter(|tails| !tails.by_length.is_empty()).max_by_key(|tails| tails.bytes());
        if let Some(tails) = biggest {
            tails.fold();
            return true;
        }
        if self.by_name.is_empty() {
            return false;
        }
        self.fold();
        true
    }

    /// Each list with its evidence, in order.
    pub(super) fn into_lists(self) -> Vec<(Vec<String>, Evidence)> {
        let Self { empty, any, by_name } = self;
        let mut lists = Vec::new();
        lists.extend(empty.map(|evidence| (Vec::new(), evidence)));
        lists.extend(any.map(|evidence| (vec![REST.to_owned()], evidence)));
        for (name, tails) in by_name {
            lists.extend(tails.into_lists().into_iter().map(|(mut args, evidence)| {
                args.insert(0, name.clone());
                (args, evidence)
            }));
        }
        lists.sort();
        lists
    }

    /// Calls with the number and bytes of arguments of each list.
    pub(super) fn each(&self, mut see: impl FnMut(usize, usize, &Evidence)) {
        for evidence in self.empty.iter().chain(&self.any) {
            see(1, 1, evidence);
        }
        for (name, tails) in &self.by_name {
            tails.each(&mut |count, bytes, evidence| see(count + 1, bytes + name.len(), evidence));
        }
    }
}

impl Tails {
    fn insert(&mut self, tail: &[String], evidence: Evidence, most: usize) {
        let (tail, open) = match tail.split_last() {
            Some((last, start)) if last == REST => (start, true),
            _ => (tail, false),
        };
        let length = (tail.len(), open);
        let known = self.by_length.contains_key(&length);
        if self.any.is_some() || length == (0, true) || (!known && self.by_length.len() >= most) {
            self.fold();
            return note(&mut self.any, evidence);
        }
        let mut node = self.by_length.entry(length).or_default();
        for argument in tail {
            node = node.child(argument, most);
        }
        note(&mut node.end, evidence);
    }

    fn fold(&mut self) {
        for node in mem::take(&mut self.by_length).into_values() {
            node.each(0, 0, &mut |_, _, evidence| note(&mut self.any, evidence.clone()));
        }
    }

    fn bytes(&self) -> usize {
        let mut total = 0;
        self.each(&mut |count, bytes, _| total += bytes + count);
        total
    }

    fn each(&self, see: &mut impl FnMut(usize, usize, &Evidence)) {
        if let Some(evidence) = &self.any {
            see(1, 1, evidence);
        }
        for (&(_, open), node) in &self.by_length {
            node.each(usize::from(open), usize::from(open), see);
        }
    }

    fn into_lists(self) -> Vec<(Vec<String>, Evidence)> {
        let Self { any, by_length } = self;
        let mut lists = Vec::new();
        lists.extend(any.map(|evidence| (vec![REST.to_owned()], evidence)));
        for ((_, open), node) in by_length {
            let start = lists.len();
            node.collect(&mut Vec::new(), &mut lists);
            if open {
                lists[start..].iter_mut().for_each(|(args, _)| args.push(REST.to_owned()));
            }
        }
        lists
    }
}

impl Node {
    /// The node of an argument here. One value too many makes `⋯` of all, and `⋯` takes in whatever comes.
    fn child(&mut self, argument: &str, most: usize) -> &mut Self {
        let varied = self.children.contains_key(VARIED);
        let known = self.children.contains_key(argument);
        if !varied && (argument == VARIED || (!known && self.children.len() >= most)) {
            let mut merged = Self::default();
            for child in mem::take(&mut self.children).into_values() {
                merged.absorb(child, most);
            }
            self.children.insert(VARIED.to_owned(), merged);
        }
        let argument = if self.children.contains_key(VARIED) { VARIED } else { argument };
        self.children.entry(argument.to_owned()).or_default()
    }

    fn absorb(&mut self, other: Self, most: usize) {
        let Self { end, children } = other;
        if let Some(evidence) = end {
            note(&mut self.end, evidence);
        }
        for (argument, child) in children {
            self.child(&argument, most).absorb(child, most);
        }
    }

    fn each(&self, count: usize, bytes: usize, see: &mut impl FnMut(usize, usize, &Evidence)) {
        if let Some(evidence) = &self.end {
            see(count, bytes, evidence);
        }
        for (argument, child) in &self.children {
            child.each(count + 1, bytes + argument.len(), see);
        }
    }

    fn collect(self, args: &mut Vec<String>, lists: &mut Vec<(Vec<String>, Evidence)>) {
        let Self { end, children } = self;
        lists.extend(end.map(|evidence| (args.clone(), evidence)));
        for (argument, child) in children {
            args.push(argument);
            child.collect(args, lists);
            args.pop();
        }
    }
}
