//! The execs of one container, collapsed as they come.

use std::collections::BTreeMap;

use super::{
    REST, Thresholds, VARIED,
    argument_tree::ArgumentLists,
    literal_argument, literal_path,
    open_set::evidence_bytes,
    path_tree::{Entry, PathTree},
};
use crate::{
    application_profile::{Exec, Origin},
    merge::Evidence,
};

/// The execs of one container, collapsed as they come and never larger than the budget.
#[derive(Clone, Debug)]
pub struct ExecSet {
    thresholds: Thresholds,
    tree: PathTree<ExecUse>,
}

/// How one program was started: by whom, through which interpreter, with what arguments.
#[derive(Clone, Debug, Default)]
struct ExecUse {
    by_origin: BTreeMap<Origin, BTreeMap<String, ArgumentLists>>,
}

impl ExecSet {
    /// An empty set, kept below [`Thresholds::exec_bytes`].
    pub fn new(thresholds: &Thresholds) -> Self {
        Self { thresholds: thresholds.clone(), tree: PathTree::new(thresholds, thresholds.exec_bytes) }
    }

    /// Adds a program that was started. Path, interpreter and arguments are text as [`escape`](super::escape) writes
    /// it, no patterns. `more`: further arguments followed that were not read.
    pub fn insert(&mut self, exec: Exec, more: bool) {
        let Exec { path, interpreter, args, origin, first_seen, pod } = exec;
        let mut args: Vec<String> = args.iter().map(|argument| literal_argument(argument)).collect();
        if more {
            args.push(REST.to_owned());
        }
        let (path, interpreter) = (literal_path(&path), literal_path(&interpreter));
        self.insert_pattern(Exec { path, interpreter, args, origin, first_seen, pod });
    }

    /// Adds what a profile holds: path, interpreter and arguments are patterns.
    pub fn insert_pattern(&mut self, exec: Exec) {
        let Exec { path, interpreter, mut args, origin, first_seen, pod } = exec;
        if args.len() > self.thresholds.argument_count {
            args.truncate(self.thresholds.argument_count);
            args.push(REST.to_owned());
        }
        for argument in &mut args {
            cut(argument, self.thresholds.argument_bytes);
        }
        let mut usage = ExecUse::default();
        usage.lists(origin, interpreter, &self.thresholds).insert(&args, Evidence { first_seen, pod }, self.thresholds.arguments);
        self.tree.insert(&path, usage);
    }

    /// Folds the longest lists until the set fits into this many bytes of YAML.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.tree.shrink_to(bytes);
    }

    /// Its size in bytes of YAML, about.
    pub fn bytes(&self) -> usize {
        self.tree.bytes()
    }

    /// Whether it was folded further than the thresholds ask for, to fit its budget.
    pub fn truncated(&self) -> bool {
        self.tree.truncated()
    }

    /// The execs as a profile has them: patterns, sorted by path, interpreter, arguments and origin.
    pub fn into_execs(self) -> Vec<Exec> {
        let mut execs = Vec::new();
        for (path, usage) in self.tree.into_entries() {
            for (origin, by_interpreter) in usage.by_origin {
                for (interpreter, lists) in by_interpreter {
                    execs.extend(lists.into_lists().into_iter().map(|(args, evidence)| {
                        let Evidence { first_seen, pod } = evidence;
                        Exec { path: path.clone(), interpreter: interpreter.clone(), args, origin, first_seen, pod }
                    }));
                }
            }
        }
        execs.sort_by(|a, b| (&a.path, &a.interpreter, &a.args, a.origin).cmp(&(&b.path, &b.interpreter, &b.args, b.origin)));
        execs
    }
}

/// Keeps the beginning of a long argument, and marks that it is one. The mark must not end up behind a backslash, where
/// it would be a literal.
fn cut(argument: &mut String, most: usize) {
    if argument.len() > most {
        let end = argument.floor_char_boundary(most.saturating_sub(VARIED.len()));
        argument.truncate(end);
        argument.truncate(argument.trim_end_matches('\\').len());
        argument.push_str(VARIED);
    }
}

impl ExecUse {
    /// The lists of an interpreter; of `*` once there were too many. No interpreter at all is never one of them.
    fn lists(&mut self, origin: Origin, interpreter: String, thresholds: &Thresholds) -> &mut ArgumentLists {
        let by_interpreter = self.by_origin.entry(origin).or_default();
        let named = by_interpreter.keys().filter(|name| !name.is_empty()).count();
        let folds = interpreter == REST || (!by_interpreter.contains_key(&interpreter) && named >= thresholds.arguments);
        if !interpreter.is_empty() && folds && !by_interpreter.contains_key(REST) {
            let direct = by_interpreter.remove_entry("");
            let mut rest = ArgumentLists::default();
            for lists in std::mem::take(by_interpreter).into_values() {
                rest.absorb(lists, thresholds.arguments);
            }
            by_interpreter.insert(REST.to_owned(), rest);
            by_interpreter.extend(direct);
        }
        let varied = !interpreter.is_empty() && by_interpreter.contains_key(REST);
        by_interpreter.entry(if varied { REST.to_owned() } else { interpreter }).or_default()
    }
}

impl Entry for ExecUse {
    fn absorb(&mut self, other: Self, thresholds: &Thresholds) {
        for (origin, by_interpreter) in other.by_origin {
            for (interpreter, lists) in by_interpreter {
                self.lists(origin, interpreter, thresholds).absorb(lists, thresholds.arguments);
            }
        }
    }

    fn bytes(&self, path: &str) -> usize {
        let mut total = 0;
        for (interpreter, lists) in self.by_origin.values().flatten() {
            let interpreter = if interpreter.is_empty() { 0 } else { interpreter.len() + 22 };
            lists.each(|count, bytes, evidence| {
                // Indentation, names of fields and quotes.
                total += 56 + path.len() + interpreter + bytes + count * 12 + evidence_bytes(evidence);
            });
        }
        total
    }

    fn coarsen(&mut self) -> bool {
        self.by_origin.values_mut().flat_map(BTreeMap::values_mut).any(ArgumentLists::coarsen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_argument_is_cut_where_its_mark_is_no_literal() {
        for (argument, most, expected) in
            [("abcdefgh", 8, "abcdefgh"), ("abcdefghi", 8, "abcde⋯"), ("abcd\\\\ghi", 8, "abcd⋯"), ("éééééé", 8, "éé⋯")]
        {
            let mut text = argument.to_owned();
            cut(&mut text, most);
            assert_eq!(text, expected);
            cut(&mut text, most);
            assert_eq!(text, expected);
        }
    }
}
